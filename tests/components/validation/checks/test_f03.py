"""F03: rows in groups too small to be scored."""

from components.validation.checks.fairness import group_sizes
from components.validation.fairness import fairness_report
from components.validation.gates import Check, Limit
from tests.components.validation.checks.models import Model


def judged(model: Model, min_rows: int, limits: dict[str, Limit]) -> Check:
    report = fairness_report(model.holdout.y, model.y_pred, model.holdout.rows[["race"]], min_rows=min_rows)
    return group_sizes(report.features[0], limits["F03"])


def test_a_few_people_in_small_groups_pass(honest: Model, limits: dict[str, Limit]) -> None:
    assert judged(honest, 200, limits).status == "passed"


def test_many_people_in_small_groups_are_blocked_and_the_groups_named(
    honest: Model, limits: dict[str, Limit]
) -> None:
    check = judged(honest, 2000, limits)
    assert check.status == "failed"
    assert "black" in check.reason
