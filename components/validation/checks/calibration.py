"""K: a score of .7 means seven in ten."""

from components.validation.calibration import CalibrationReport
from components.validation.gates import Check, Limit, judge


def calibrated_in_the_large(report: CalibrationReport, limit: Limit) -> Check:
    """K01: the mean of actual minus predicted is shown to be near 0 (an equivalence test by the interval)."""
    gap = report.in_the_large
    return judge(
        "K01",
        "Calibration in the large",
        limit=limit,
        direction="at most",
        bound=max(abs(gap.low), abs(gap.high)),
        measured="The farther end of the interval of actual minus predicted",
        remedy=_few(gap.value, limit)
        or "The share of positives has moved between the parts; check the split, and recalibrate.",
        value=gap.value,
        interval=(gap.low, gap.high),
    )


def calibration_error(report: CalibrationReport, limit: Limit) -> Check:
    """K02: the upper bound of the calibration error over the bins of the score."""
    return judge(
        "K02",
        "Calibration error",
        limit=limit,
        direction="at most",
        bound=report.error.high,
        measured="The upper bound of the debiased expected calibration error",
        remedy=_few(report.error.value, limit)
        or "Scores do not mean probabilities; raise objective.recalibration_alpha, or give validation more rows.",
        value=report.error.value,
        interval=(report.error.low, report.error.high),
    )


def _few(value: float, limit: Limit) -> str:
    """What to say where the value would pass and only its interval does not; "" elsewhere."""
    within = limit.threshold is not None and abs(value) <= limit.threshold
    return (
        f"The value itself, {value:.4g}, would pass: the holdout has too few rows to tell." if within else ""
    )
