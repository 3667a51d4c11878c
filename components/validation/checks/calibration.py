"""K: a score of .7 means seven in ten, and nine intervals in ten hold what comes true."""

from components.validation.calibration import (
    AnyCalibration,
    CalibrationReport,
    ClassCalibration,
    NumberCalibration,
)
from components.validation.gates import Check, Limit, judge
from components.validation.metrics import Estimate

COVERAGE = "Coverage of prediction intervals"


def calibrated_in_the_large(report: AnyCalibration, limit: Limit) -> Check:
    """K01: the mean of actual minus predicted is shown to be near 0 (an equivalence test by the interval).

    Of several classes the one that may be furthest off is judged, which bounds them all.
    """
    of_class, gap = _worst({name: each.in_the_large for name, each in _parts(report).items()})
    return judge(
        "K01",
        "Calibration in the large",
        limit=limit,
        direction="at most",
        bound=_farther(gap),
        measured=f"The farther end of the interval of actual minus predicted{of_class}{_unit(report)}",
        remedy=_few(gap.value, limit)
        or "What is predicted has moved between the parts; check the split, and recalibrate.",
        value=gap.value,
        interval=(gap.low, gap.high),
    )


def calibration_error(report: AnyCalibration, limit: Limit) -> Check:
    """K02: the upper bound of the calibration error over the bins of the score; of several classes the worst."""
    of_class, error = _worst({name: each.error for name, each in _parts(report).items()})
    return judge(
        "K02",
        "Calibration error",
        limit=limit,
        direction="at most",
        bound=error.high,
        measured=f"The upper bound of the debiased expected calibration error{of_class}{_unit(report)}",
        remedy=_few(error.value, limit)
        or "Scores do not mean what they say; raise objective.recalibration_alpha, or give validation more rows.",
        value=error.value,
        interval=(error.low, error.high),
    )


def coverage(report: NumberCalibration, limit: Limit) -> Check:
    """K03: the lower bound of the share of outcomes that lie within their prediction intervals."""
    held = report.coverage
    few = limit.threshold is not None and held.value >= limit.threshold
    return judge(
        "K03",
        COVERAGE,
        limit=limit,
        direction="at least",
        bound=held.low,
        measured=f"The lower bound of the share of outcomes within their {report.level:.0%} intervals",
        remedy=f"The value itself, {held.value:.4g}, would pass: the holdout has too few rows to tell."
        if few
        else "Outcomes have moved between the parts, or rows are not independent; check the split.",
        value=held.value,
        interval=(held.low, held.high),
    )


def _parts(report: AnyCalibration) -> dict[str, CalibrationReport | NumberCalibration]:
    return dict(report.classes) if isinstance(report, ClassCalibration) else {"": report}


def _worst(estimates: dict[str, Estimate]) -> tuple[str, Estimate]:
    """Which class it is, in words, and its estimate."""
    name = max(estimates, key=lambda each: _farther(estimates[each]))
    return f" for class {name!r}, the worst," if name else "", estimates[name]


def _farther(estimate: Estimate) -> float:
    return max(abs(estimate.low), abs(estimate.high))


def _unit(report: AnyCalibration) -> str:
    return ", in standard deviations of the target," if isinstance(report, NumberCalibration) else ""


def _few(value: float, limit: Limit) -> str:
    """What to say where the value would pass and only its interval does not; "" elsewhere."""
    within = limit.threshold is not None and abs(value) <= limit.threshold
    return (
        f"The value itself, {value:.4g}, would pass: the holdout has too few rows to tell." if within else ""
    )
