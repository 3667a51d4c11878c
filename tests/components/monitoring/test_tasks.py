"""Two classes, several classes and numbers: what is measured once labels are there, and before."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from components.monitoring.answers import answers, expected
from components.monitoring.calibration import calibration, calibration_findings
from components.monitoring.estimation import Condition, estimated
from components.monitoring.fairness import disparities, fairness_findings
from components.monitoring.finding import SHARES
from components.monitoring.performance import approved_with, performance, performance_findings
from components.training.outcomes import ClassValues, ErrorValues, OutcomeValues
from components.training.target import Target
from components.validation.metrics import Estimate

ROWS = 3000
BINARY = (Target("y", "binary", ("yes",)), "roc_auc", OutcomeValues(1, -1, 1, -1, "dollars"))
CLASSES = (Target("y", "multiclass", ("a", "b", "c")), "roc_auc", ClassValues(np.eye(3), "dollars"))
NUMBERS = (Target("y", "regression"), "r2", ErrorValues(-1.0, -2.0, "dollars"))
TASKS = pytest.mark.parametrize(
    "task", [BINARY, CLASSES, NUMBERS], ids=["binary", "multiclass", "regression"]
)


def log(target: Target, seed: int = 1, *, wrong: float = 0.0) -> pl.DataFrame:
    """Calibrated answers with labels; with ``wrong``, the truth moves away from them."""
    generator = np.random.default_rng(seed)
    base = {"prediction_id": [str(n) for n in range(ROWS)], "sex": generator.choice(["f", "m"], ROWS)}
    if target.task == "binary":
        score = generator.beta(2, 2, ROWS)
        true = np.where(generator.random(ROWS) < score + wrong, "yes", "no")
        return pl.DataFrame(base | {"y_score": score, "y_pred": (score > 0.5).astype(int), "y_true": true})
    if target.task == "regression":
        score = generator.normal(10, 3, ROWS)
        true = score + generator.normal(10 * wrong, 1, ROWS)
        return pl.DataFrame(base | {"y_score": score, "y_pred": score, "y_true": true})
    score = generator.dirichlet([1, 1, 1], ROWS)
    shifted = np.clip(score + np.array([wrong, -wrong, 0]), 0, 1)
    shifted /= shifted.sum(axis=1, keepdims=True)
    true = (generator.random(ROWS)[:, None] > np.cumsum(shifted, axis=1)).sum(axis=1).clip(0, 2)
    names = np.array(target.classes)
    scores = {f"y_score_{name}": score[:, code] for code, name in enumerate(target.classes)}
    return pl.DataFrame(base | scores | {"y_pred": names[score.argmax(axis=1)], "y_true": names[true]})


def measured(task, rows):
    target, metric, value = task
    found = answers(rows, target, labelled=True)
    return found, performance(
        found,
        metric=metric,
        threshold=_rule(target),
        value=value,
        rate=0.01,
        utility_rate=0.01,
        replicates=200,
        seed=1,
    )


def _rule(target: Target):
    return np.eye(3) if target.several else 0.5


@TASKS
def test_what_is_known_after_labels_has_intervals(task):
    _, found = measured(task, log(task[0]))
    assert found.metric.low < found.metric.value < found.metric.high
    assert found.utility.low < found.utility.value < found.utility.high


@TASKS
def test_calibration_alarms_where_the_truth_moved_and_not_where_it_did_not(task):
    target = task[0]
    for wrong, alarm in ((0.0, False), (0.1, True)):
        found = answers(log(target, seed=2, wrong=wrong), target, labelled=True)
        told = calibration(
            found.truth, found.y_score, then=Estimate(0.0, -0.01, 0.01), rate=0.025, classes=target.several,
            numbers=target.task == "regression",
        )  # fmt: skip
        findings = calibration_findings(told, alarm=0.003, alarm_decile=0.05)
        assert any(each.alarm for each in findings) is alarm, (
            wrong,
            [each.reason for each in findings if each.alarm],
        )
        assert all(each.low <= each.value <= each.high for each in findings)


def test_calibration_raises_no_more_false_alarms_than_promised():
    loud = 0
    for seed in range(150):
        found = answers(log(BINARY[0], seed=1000 + seed), BINARY[0], labelled=True)
        told = calibration(found.truth, found.y_score, then=None, rate=0.05)
        loud += any(each.alarm for each in calibration_findings(told, alarm=0.0, alarm_decile=0.0))
    assert loud <= binom.ppf(0.999, 150, 0.05)


def test_a_bias_that_was_there_at_approval_does_not_hide_a_drift():
    found = answers(log(BINARY[0], seed=2), BINARY[0], labelled=True)
    told = calibration(found.truth, found.y_score, then=Estimate(-0.06, -0.07, -0.05), rate=0.025)
    alarms = [
        each.subject for each in calibration_findings(told, alarm=0.003, alarm_decile=0.05) if each.alarm
    ]
    assert alarms == ["since approval"]


@TASKS
def test_a_metric_that_fell_alarms_and_one_that_did_not_does_not(task):
    _, found = measured(task, log(task[0]))
    now = found.metric.value
    for then, alarm in ((now + 0.005, False), (now + 0.3, True)):
        (finding, *_) = performance_findings(found, Estimate(then, then - 0.01, then + 0.01), alarm_drop=0.02)
        assert finding.alarm is alarm


def test_decisions_that_are_worse_than_none_alarm():
    rows = log(BINARY[0]).with_columns(y_pred=1 - pl.col("y_pred"))
    _, found = measured(BINARY, rows)
    alarms = {each.subject for each in performance_findings(found, None, alarm_drop=0.02) if each.alarm}
    assert alarms == {"against always", "against never"}


@TASKS
def test_the_estimate_before_labels_holds_what_labels_say(task):
    target, metric, value = task
    found, after = measured(task, log(target))
    promised = estimated(
        found, metric=metric, threshold=_rule(target), value=value, conditions=(Condition("so", True),), seed=1
    )  # fmt: skip
    if target.task == "regression":
        assert promised.metric is None
        assert not promised.believed
        return
    assert promised.believed
    assert promised.metric.low <= after.metric.value <= promised.metric.high
    assert promised.utility.low <= after.utility.value <= promised.utility.high


@TASKS
def test_groups_are_compared_as_at_training(task):
    found = answers(log(task[0]), task[0], labelled=True)
    report = disparities(
        found,
        task[0],
        sensitive=("sex", "absent"),
        bands={},
        min_rows=100,
        replicates=200,
        level=0.99,
        seed=1,
    )
    findings = fairness_findings(report, {"F01": 0.2, "F02": 0.3}, {})
    assert findings
    assert not any(each.alarm for each in findings)
    assert any(each.alarm for each in fairness_findings(report, {"F01": -1.0, "F02": None}, {}))
    assert not any(each.alarm for each in fairness_findings(report, {"F01": -1.0}, {"sex": "told only"}))


def test_decisions_worth_no_more_than_one_for_all_alarm_no_more_often_than_promised():
    """A coin decides, and both outcomes are worth the same on average, with the model and without."""
    value, windows, rate, loud = OutcomeValues(1, -1, 1, -1, "dollars"), 150, 0.05, 0
    for seed in range(windows):
        generator = np.random.default_rng(seed)
        y, decided = generator.integers(0, 2, (2, 600))
        rows = pl.DataFrame(
            {"y_score": generator.random(600), "y_pred": decided, "y_true": np.where(y, "yes", "no")}
        )
        told = performance(
            answers(rows, BINARY[0], labelled=True), metric="roc_auc", threshold=0.5, value=value, rate=0.01,
            utility_rate=rate, replicates=10, seed=1,
        )  # fmt: skip
        found = performance_findings(told, None, alarm_drop=0.02)
        loud += any(each.alarm for each in found if each.kind == "utility")
    assert loud <= binom.ppf(0.999, windows, rate)


def test_the_kinds_share_the_whole_rate():
    assert sum(SHARES.values()) == pytest.approx(1)


def test_of_many_classes_disparities_alarm_no_more_often_than_promised():
    """Each of eight classes had the whole level, so that four windows of ten alarmed."""
    classes = tuple("abcdefgh")
    target, windows, rate, loud = Target("y", "multiclass", classes), 60, 0.1, 0
    for seed in range(windows):
        generator = np.random.default_rng(seed)
        drawn = {name: generator.choice(list(classes), 800) for name in ("y_pred", "y_true")}
        scores = {f"y_score_{name}": np.full(800, 1 / 8) for name in classes}
        rows = pl.DataFrame({"sex": generator.choice(["f", "m"], 800), **drawn, **scores})
        report = disparities(
            answers(rows, target, labelled=True), target, sensitive=("sex",), bands={}, min_rows=100,
            replicates=10, level=1 - rate, seed=1,
        )  # fmt: skip
        loud += any(each.alarm for each in fairness_findings(report, {"F01": 0.0}, {}))
    assert loud <= binom.ppf(0.999, windows, rate)


def test_labels_that_are_no_class_or_no_number_are_counted():
    rows = log(CLASSES[0]).with_columns(
        y_true=pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("z")).otherwise("y_true")
    )
    found = answers(rows, CLASSES[0], labelled=True)
    assert (found.unreadable, len(found.truth)) == (5, ROWS - 5)
    rows = log(NUMBERS[0]).with_columns(
        y_true=pl.when(pl.int_range(pl.len()) < 7).then(None).otherwise("y_true")
    )
    assert answers(rows, NUMBERS[0], labelled=True).unreadable == 7


@pytest.mark.parametrize("given", ["pending", "YES", "1", None])
def test_labels_that_are_neither_of_two_classes_are_counted_where_these_are_known(given):
    rows = log(BINARY[0]).with_columns(
        y_true=pl.when(pl.int_range(pl.len()) < 5).then(pl.lit(given, pl.String)).otherwise("y_true")
    )
    target = replace(BINARY[0], negatives=("no",))
    strange = 0 if given == "YES" else 5
    assert answers(rows, target, labelled=True).unreadable == strange
    assert expected(target) == "yes, no"
    assert answers(rows, BINARY[0], labelled=True).unreadable == (5 if given is None else 0)
    assert expected(BINARY[0]) == ""


def test_what_a_check_measured_is_found_by_its_code():
    decision = {
        "checks": [
            {"code": "P01", "value": 0.8, "interval": [0.7, 0.9]},
            {"code": "K01", "value": None, "interval": None},
        ]
    }
    assert approved_with(decision, "P01") == Estimate(0.8, 0.7, 0.9)
    assert approved_with(decision, "K01") is None
