"""L02: no feature gives the target away."""

from components.validation.checks.leakage import single_feature
from components.validation.gates import Check, Limit
from components.validation.single_features import single_feature_scores
from tests.components.validation.checks.models import Model


def judged(model: Model, limits: dict[str, Limit]) -> Check:
    return single_feature(
        single_feature_scores(model.part("validation"), columns=model.columns), limits["L02"]
    )


def test_the_honest_features_pass(honest: Model, limits: dict[str, Limit]) -> None:
    check = judged(honest, limits)
    assert check.status == "passed"
    assert check.value is not None
    assert 0.55 < check.value < 0.75


def test_a_column_known_only_after_the_target_is_blocked_and_named(
    leaky: Model, limits: dict[str, Limit]
) -> None:
    check = judged(leaky, limits)
    assert check.status == "failed"
    assert "payslip_on_file" in check.reason
