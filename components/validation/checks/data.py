"""D: enough sound data to learn and to judge from."""

from components.validation.gates import Check, Limit, judge
from components.validation.metrics import Estimate


def rows_set_aside(quarantined: int, rows: int, limit: Limit) -> Check:
    """D01: the fraction of the source's rows that broke the contract."""
    return judge(
        "D01",
        "Rows set aside",
        limit=limit,
        direction="at most",
        bound=quarantined / max(rows, 1),
        measured=f"The fraction of rows set aside ({quarantined:,} of {rows:,})",
        remedy="Look at the reasons in the quarantine file, and mend the source or the contract.",
    )


def enough_rows(metric: str, estimate: Estimate, rows: int, limit: Limit) -> Check:
    """D02: whether the holdout gives the primary metric an interval as narrow as asked for."""
    half_width = (estimate.high - estimate.low) / 2
    needed = rows if not limit.threshold else round(rows * (half_width / limit.threshold) ** 2)
    return judge(
        "D02",
        "Enough rows",
        limit=limit,
        direction="at most",
        bound=half_width,
        measured=f"The half-width of {metric}'s 95 % interval on {rows:,} holdout rows",
        remedy=f"About {needed:,} holdout rows are needed; collect more, or accept a wider interval.",
    )


def whole_table(rows_used: int, rows: int) -> Check:
    """D03: a run on a sample shows that all works; it can never be approved."""
    return judge(
        "D03",
        "Trained on the whole table",
        limit=Limit(1.0),
        direction="at least",
        bound=rows_used / max(rows, 1),
        measured=f"The fraction of the table that was used ({rows_used:,} of {rows:,} rows)",
        remedy="This was a fast run on a sample; run `make train` without FAST=1.",
    )
