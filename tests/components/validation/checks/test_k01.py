"""K01: calibration in the large."""

from components.training.predictor import recalibrated
from components.validation.calibration import calibration_report
from components.validation.checks.calibration import calibrated_in_the_large
from components.validation.gates import Limit
from tests.components.validation.checks.models import Model


def test_an_honest_model_passes(honest: Model, limits: dict[str, Limit]) -> None:
    report = calibration_report(honest.holdout.y, honest.y_score)
    assert calibrated_in_the_large(report, limits["K01"]).status == "passed"


def test_scores_that_are_all_too_high_are_blocked(honest: Model, limits: dict[str, Limit]) -> None:
    report = calibration_report(honest.holdout.y, recalibrated(honest.y_score, 0.3, 1.0))
    check = calibrated_in_the_large(report, limits["K01"])
    assert check.status == "failed"
    assert check.value is not None
    assert check.value < 0


def test_few_rows_are_blocked_for_being_few_and_not_for_being_wrong(
    honest: Model, limits: dict[str, Limit]
) -> None:
    few = slice(None, None, 12)
    check = calibrated_in_the_large(
        calibration_report(honest.holdout.y[few], honest.y_score[few]), limits["K01"]
    )
    assert check.status == "failed"
    assert check.value is not None
    assert abs(check.value) < 0.025
    assert "too few rows to tell" in check.reason
