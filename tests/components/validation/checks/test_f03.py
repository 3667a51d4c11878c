"""F03: rows in groups too small to be scored."""

import polars as pl
import pytest

from components.validation.checks.fairness import fairness_checks, group_sizes
from components.validation.fairness import fairness_report
from components.validation.gates import Check, Limit
from tests.components.validation.checks.models import Model
from tests.components.validation.checks.several import rare_class


def judged(model: Model, limits: dict[str, Limit]) -> Check:
    report = fairness_report(model.holdout.y, model.y_pred, model.holdout.rows[["race"]], min_rows=200)
    return group_sizes(report.features[0], limits["F03"])


def test_a_few_people_in_small_groups_pass(honest: Model, limits: dict[str, Limit]) -> None:
    assert judged(honest, limits).status == "passed"


def test_a_truncated_table_leaves_too_many_in_small_groups_which_are_named(
    table: pl.DataFrame, limits: dict[str, Limit]
) -> None:
    check = judged(Model(table.head(4000)), limits)
    assert check.status == "failed"
    assert "black" in check.reason


@pytest.mark.parametrize("classes", [("a", "b", "rare"), ("rare", "a", "b")], ids=["last", "first"])
def test_of_several_classes_the_one_of_which_least_is_known_decides(
    classes: tuple[str, ...], limits: dict[str, Limit]
) -> None:
    (check,) = (each for each in fairness_checks(rare_class(classes), {}, limits) if each.code == "F03")
    assert (check.status, check.value) == ("failed", pytest.approx(2000 / 6000))
    assert "for the class 'rare' (f (too few positives))" in check.reason
