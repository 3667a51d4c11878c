"""K03: coverage of prediction intervals."""

import numpy as np

from components.validation.calibration import NumberCalibration, number_calibration
from components.validation.checks.calibration import calibrated_in_the_large, calibration_error, coverage
from components.validation.gates import Limit
from tests.components.validation.numbers import numbers

LIMIT = Limit(0.85)


def report(narrower: float = 1.0, shift: float = 0.0) -> NumberCalibration:
    rows = numbers()
    low, high = np.quantile(rows.y - rows.score, [0.04, 0.96]) * narrower
    ends = rows.score + low, rows.score + high
    return number_calibration(rows.y, rows.score + shift, ends, interval_level=0.9)


def test_intervals_that_hold_what_they_promise_pass():
    check = coverage(report(), LIMIT)
    assert check.status == "passed"
    assert check.interval[0] >= LIMIT.threshold


def test_intervals_that_are_too_narrow_are_blocked():
    check = coverage(report(narrower=0.5), LIMIT)
    assert check.status == "failed"
    assert "check the split" in check.reason


def test_too_few_rows_to_tell_are_said_to_be_so():
    check = coverage(report(), Limit(0.91))
    assert check.status == "failed"
    assert "too few rows to tell" in check.reason


def test_predictions_that_are_all_too_high_are_blocked_by_k01_and_k02():
    honest, high = report(), report(shift=25.0)
    assert calibrated_in_the_large(honest, Limit(0.15)).status == "passed"
    assert calibration_error(honest, Limit(0.25)).status == "passed"
    assert calibrated_in_the_large(high, Limit(0.15)).status == "failed"
    assert calibration_error(high, Limit(0.25)).status == "failed"
    assert "standard deviations of the target" in calibrated_in_the_large(high, Limit(0.15)).reason
