"""C: a challenger is not worse than the champion."""

from components.validation.evaluation import ChampionComparison
from components.validation.gates import Check, Limit, Status, judge, not_applicable

TITLE = "Not worse than the champion"


def not_worse_than_champion(comparison: ChampionComparison | None, limit: Limit) -> Check:
    """C01: one-sided 5 % non-inferiority test on rows that neither model was trained or tuned on."""
    if comparison is None:
        return not_applicable("C01", TITLE, "There is no champion to compare with yet.")
    if comparison.difference is None and limit.threshold is None:
        return not_applicable("C01", TITLE, f"NOT JUDGED: gates.C01.threshold is not set. {comparison.note}")
    if comparison.difference is None:
        status: Status
        status, waived = ("waived", f" Waived: {limit.waiver}") if limit.waiver else ("failed", "")
        return Check("C01", TITLE, status, None, None, limit.threshold, comparison.note + waived)
    difference = comparison.difference
    margin = Limit(None if limit.threshold is None else -limit.threshold, limit.waiver)
    return judge(
        "C01",
        TITLE,
        limit=margin,
        direction="at least",
        bound=difference.low,
        measured=(
            f"The one-sided 95 % lower bound of the difference in {difference.metric} from champion "
            f"{comparison.champion[:12]} on {comparison.rows:,} rows that neither has seen"
        ),
        remedy="The champion stays; look at what changed in data, features and search.",
        value=difference.value,
        interval=(difference.low, difference.high),
    )
