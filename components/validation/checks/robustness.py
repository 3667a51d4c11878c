"""R: small faults of the input cost little."""

from components.validation.gates import Check, Limit, judge
from components.validation.robustness import Perturbation, RobustnessReport


def missing_values(report: RobustnessReport, limit: Limit) -> Check:
    """R01: the loss of the primary metric when values go missing anywhere in the table."""
    whole = [p for p in report.perturbations if p.kind == "missing" and p.feature is None]
    return _loss("R01", "Robust to missing values", report.metric, whole, limit)


def noise_and_shift(report: RobustnessReport, limit: Limit) -> Check:
    """R02: the largest loss of the primary metric under noise in categories and shifted numbers."""
    whole = [p for p in report.perturbations if p.kind != "missing" and p.feature is None]
    return _loss("R02", "Robust to noise and shifts", report.metric, whole, limit)


def _loss(code: str, title: str, metric: str, spoiled: list[Perturbation], limit: Limit) -> Check:
    worst = max(spoiled, key=lambda perturbation: perturbation.drop.high)
    return judge(
        code,
        title,
        limit=limit,
        direction="at most",
        bound=worst.drop.high,
        measured=f"The upper bound of the loss in {metric} under {worst.kind.replace('_', ' ')} of strength {worst.strength:g}",
        remedy="The report names the features that the model leans on; guard them at the source.",
        value=worst.drop.value,
        interval=(worst.drop.low, worst.drop.high),
    )
