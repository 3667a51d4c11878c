"""P: good enough overall, and in every slice."""

from collections.abc import Sequence

from components.validation.gates import Check, Limit, judge, not_applicable
from components.validation.metrics import METRICS, Estimate
from components.validation.slices import SliceReport


def primary_metric(metric: str, estimate: Estimate, limit: Limit) -> Check:
    """P01: the end of the primary metric's interval that counts against the model."""
    greater = METRICS[metric].greater_is_better
    return judge(
        "P01",
        f"Primary metric ({metric})",
        limit=limit,
        direction="at least" if greater else "at most",
        bound=estimate.low if greater else estimate.high,
        measured=f"The {'lower' if greater else 'upper'} bound of {metric}",
        remedy="Better features help most; then more rows; then a longer search.",
        value=estimate.value,
        interval=(estimate.low, estimate.high),
    )


def worst_slice(report: SliceReport, limit: Limit) -> Check:
    """P02: a bound of the worst slice that holds for all slices at once."""
    if not report.slices:
        reason = (
            f"NOT JUDGED: none of the slices has the rows to be scored ({_some(report.skipped) or 'no column to cut by'}); "
            "lower evaluation.min_slice_rows, or take in more rows."
        )
        return not_applicable("P02", "Worst slice", reason)
    greater = METRICS[report.metric].greater_is_better
    worst = report.worst
    skipped = f", {len(report.skipped)} without the rows to be scored left out" if report.skipped else ""
    return judge(
        "P02",
        "Worst slice",
        limit=limit,
        direction="at least" if greater else "at most",
        bound=report.worst_low,
        measured=f"The bound of {report.metric} that holds for all {len(report.slices)} slices at once{skipped}",
        remedy=f"The worst is {worst.feature} = {worst.bin} ({worst.rows:,} rows): features or rows for it are wanting.",
        value=worst.value,
        interval=(report.worst_low, worst.high) if greater else (worst.low, report.worst_low),
    )


def _some(names: Sequence[str], most: int = 5) -> str:
    more = f"; and {len(names) - most} more" if len(names) > most else ""
    return "; ".join(names[:most]) + more
