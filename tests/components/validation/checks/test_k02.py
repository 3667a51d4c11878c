"""K02: calibration error."""

from components.training.predictor import recalibrated
from components.validation.calibration import calibration_report
from components.validation.checks.calibration import calibration_error
from components.validation.gates import Limit
from tests.components.validation.checks.models import Model


def test_an_honest_model_passes(honest: Model, limits: dict[str, Limit]) -> None:
    assert (
        calibration_error(calibration_report(honest.holdout.y, honest.y_score), limits["K02"]).status
        == "passed"
    )


def test_scores_that_are_too_sure_of_themselves_are_blocked(honest: Model, limits: dict[str, Limit]) -> None:
    report = calibration_report(honest.holdout.y, recalibrated(honest.y_score, -1.0, 2.0))
    assert calibration_error(report, limits["K02"]).status == "failed"
