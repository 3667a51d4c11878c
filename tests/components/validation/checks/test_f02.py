"""F02: equalized odds difference by sensitive feature."""

import numpy as np
import pandas as pd
import pytest

from components.validation.checks.fairness import fairness_checks
from components.validation.fairness import FairnessReport, fairness_report
from components.validation.gates import Check, Limit
from tests.components.validation.checks.models import Model
from tests.components.validation.checks.several import rare_class


def judged(
    model: Model,
    features: list[str],
    limits: dict[str, Limit],
    waived: dict[str, str] | None = None,
    bias: bool = False,
) -> dict[str, Check]:
    y_pred = model.y_pred
    if bias:  # women are decided positive only when the score is far above the threshold
        women = (model.holdout.rows["sex"] == "female").to_numpy()
        y_pred = np.where(women, model.y_score >= model.predictor.threshold + 0.4, y_pred).astype(np.int64)
    report = fairness_report(model.holdout.y, y_pred, model.holdout.rows[features], min_rows=200)
    checks = fairness_checks(report, waived or {}, limits)
    return {check.title.rpartition(" by ")[2]: check for check in checks if check.code == "F02"}


def test_the_honest_model_passes_by_sex_and_race(honest: Model, limits: dict[str, Limit]) -> None:
    checks = judged(honest, ["sex", "race"], limits)
    assert (checks["sex"].status, checks["race"].status) == ("passed", "passed")


def test_two_features_together_are_judged_and_waived_by_name(honest: Model, limits: dict[str, Limit]) -> None:
    assert judged(honest, ["sex", "race"], limits)["sex × race"].status == "failed"
    waived = {"sex × race": "each alone keeps the limit"}
    assert judged(honest, ["sex", "race"], limits, waived)["sex × race"].status == "waived"
    assert "sex × race" not in judged(honest, ["sex", "race"], limits, {"race": "it is told freely"})


def test_a_higher_bar_for_women_is_blocked(honest: Model, limits: dict[str, Limit]) -> None:
    assert judged(honest, ["sex"], limits, bias=True)["sex"].status == "failed"


def test_disability_is_blocked_unless_it_is_waived_by_name(honest: Model, limits: dict[str, Limit]) -> None:
    assert judged(honest, ["disability"], limits)["disability"].status == "failed"
    check = judged(honest, ["disability"], limits, waived={"disability": "the offer is a benefit"})[
        "disability"
    ]
    assert check.status == "waived"
    assert "the offer is a benefit" in check.reason


def test_alike_by_each_feature_and_unlike_by_both_is_blocked(limits: dict[str, Limit]) -> None:
    """Decided positive where exactly one of two features is set: no rate differs by either alone."""
    generator = np.random.default_rng(0)
    one, other = (generator.random((2, 8000)) < 0.5).astype(int)
    y = (generator.random(8000) < 0.5).astype(int)
    groups = pd.DataFrame({"one": one, "other": other})
    checks = fairness_checks(fairness_report(y, one ^ other, groups), {}, limits)
    found = {check.title.rpartition(" by ")[2]: check.status for check in checks if check.code == "F02"}
    assert found == {"one": "passed", "other": "passed", "one × other": "failed"}


def test_a_table_without_sensitive_columns_says_that_nothing_was_judged(limits: dict[str, Limit]) -> None:
    checks = fairness_checks(FairnessReport((), None), {}, limits)
    assert {check.status for check in checks} == {"not_applicable"}
    assert all("NOT JUDGED" in check.reason for check in checks)


def test_a_group_whose_errors_cannot_be_compared_is_not_passed_over(limits: dict[str, Limit]) -> None:
    """Of the smaller group's 25 positives none is found; too few for a rate, and nothing else differs."""
    y = np.r_[np.ones(1000), np.zeros(1000), np.ones(25), np.zeros(975)].astype(int)
    y_pred = np.r_[np.ones(1000), np.zeros(1000), np.zeros(1000)].astype(int)
    group = pd.DataFrame({"group": ["large"] * 2000 + ["small"] * 1000})
    checks = {check.code: check for check in fairness_checks(fairness_report(y, y_pred, group), {}, limits)}
    assert checks["F02"].status == "not_applicable"
    assert "NOT JUDGED" in checks["F02"].reason
    assert "small (too few positives)" in checks["F02"].reason
    assert checks["F03"].status == "failed"


@pytest.mark.parametrize("classes", [("a", "b", "rare"), ("rare", "a", "b")], ids=["last", "first"])
def test_a_class_whose_groups_cannot_be_compared_is_named_and_not_counted_in(
    classes: tuple[str, ...], limits: dict[str, Limit]
) -> None:
    (check,) = (each for each in fairness_checks(rare_class(classes), {}, limits) if each.code == "F02")
    assert "all classes but 'rare', whose groups cannot be compared" in check.reason


def test_where_every_class_is_compared_the_bound_holds_for_all(limits: dict[str, Limit]) -> None:
    report = rare_class(("a", "b", "rare"))
    (check,) = (each for each in fairness_checks(report, {}, limits) if each.code == "F01")
    assert "all classes (the widest is that of" in check.reason
