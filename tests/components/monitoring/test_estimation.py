"""An estimate before labels is believed only where nothing is known that would make it wrong."""

import numpy as np
import polars as pl
import pytest
from scipy.special import expit, logit

from components.monitoring.answers import Answers
from components.monitoring.estimation import BROKEN, MOVED, Estimated, conditions, estimated
from components.monitoring.finding import Finding
from components.training.outcomes import OutcomeValues
from components.validation.calibration import calibration_report
from components.validation.checks.calibration import calibrated_in_the_large, calibration_error
from components.validation.gates import Limit

PASSED = {"checks": [{"code": code, "status": "passed"} for code in ("K01", "K02")]}


def approved(y: np.ndarray, score: np.ndarray) -> dict:
    """What the gates make of the scores, at the limits of the sample's config.toml."""
    report = calibration_report(y, score)
    checks = (
        calibrated_in_the_large(report, Limit(0.025)),
        calibration_error(report, Limit(0.04)),
    )
    return {"checks": [{"code": each.code, "status": each.status} for each in checks]}


def promised(score: np.ndarray, decision: dict, findings: tuple[Finding, ...] = ()) -> Estimated:
    found = Answers(score, (score > 0.5).astype(np.int64), None, pl.DataFrame({"y_score": score}))
    return estimated(
        found,
        metric="roc_auc",
        threshold=0.5,
        value=OutcomeValues(1, -1, 0, 0, "dollars"),
        conditions=conditions(findings, decision),
        seed=1,
    )


@pytest.mark.parametrize(("times", "believed"), [(1.0, True), (2.0, False)])
def test_scores_that_are_too_sure_of_themselves_are_not_believed(times, believed):
    """With doubled log-odds the mean is right, K01 passes, and the estimate is off by a tenth."""
    generator = np.random.default_rng(1)
    chance = expit(generator.normal(0, 1, 20_000))
    y = (generator.random(20_000) < chance).astype(np.int64)
    score = expit(times * logit(chance))
    decision = approved(y, score)
    assert decision["checks"][0]["status"] == "passed"
    found = promised(score, decision)
    assert found.believed is believed
    truth = np.mean(score[y == 1][:4000, None] > score[y == 0][None, :4000])
    assert bool(abs(found.metric.value - truth) < 0.02) is believed


@pytest.mark.parametrize("kind", [*MOVED, *BROKEN])
def test_an_alarm_of_the_window_lifts_belief(kind):
    score = np.random.default_rng(1).beta(2, 2, 500)
    quiet, loud = (Finding(kind, "age", alarm, "because") for alarm in (False, True))
    assert promised(score, PASSED, (quiet,)).believed
    found = promised(score, PASSED, (quiet, loud))
    assert not found.believed
    assert sum(not each.holds for each in found.conditions) == 1


def test_drift_that_could_not_be_judged_lifts_belief():
    score = np.random.default_rng(1).beta(2, 2, 500)
    assert not promised(score, PASSED, (Finding("drift", "age", False, "few draws", judged=False),)).believed


def test_alarms_of_another_kind_do_not():
    score = np.random.default_rng(1).beta(2, 2, 500)
    assert promised(score, PASSED, (Finding("volume", "", True, "many"),)).believed


@pytest.mark.parametrize("code", ["K01", "K02"])
def test_a_model_that_was_not_shown_to_be_calibrated_is_not_believed(code):
    score = np.random.default_rng(1).beta(2, 2, 500)
    others = {"checks": [each for each in PASSED["checks"] if each["code"] != code]}
    assert not promised(score, others).believed
