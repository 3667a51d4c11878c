"""B02: not worse than the untuned linear model."""

from components.validation.checks.baselines import not_worse_than_linear
from components.validation.comparison import paired_difference
from components.validation.gates import Check, Limit
from tests.components.validation.checks.models import Model


def judged(model: Model, limits: dict[str, Limit], family: str = "gradient_boosting") -> Check:
    difference = paired_difference("roc_auc", model.holdout.y, model.y_score, model.baseline_score("linear"))
    return not_worse_than_linear(difference, family, limits["B02"])


def test_gradient_boosting_passes(honest: Model, limits: dict[str, Limit]) -> None:
    assert judged(honest, limits).status == "passed"


def test_a_crude_model_is_blocked(crude: Model, limits: dict[str, Limit]) -> None:
    assert judged(crude, limits).status == "failed"


def test_a_linear_model_is_not_compared_with_itself(crude: Model, limits: dict[str, Limit]) -> None:
    assert judged(crude, limits, family="linear").status == "not_applicable"
