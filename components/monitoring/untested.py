"""What could not be asked of a window: its rows are too few, or its log has no such column."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from components.monitoring.finding import Finding, Kind
from components.monitoring.watched import Watched

MOST_NAMED = 10
NOT_LOGGED = "columns that are not logged"


def few_rows(kinds: Iterable[Kind], rows: int, least: int, *, what: str = "rows") -> list[Finding]:
    """A finding without a judgement for each kind that fewer rows than these cannot tell; none where there are enough.

    Args:
        kinds: of tests.
        rows: of the window.
        least: rows below which a window is not judged.
        what: the rows are.
    """
    reason = f"Not judged: the window has {rows:,} {what}; {least:,} are wanted (monitoring.min_rows)."
    return [Finding(kind, "", False, reason, judged=False) for kind in kinds] if rows < least else []


def not_logged(names: Collection[str], model: Watched) -> list[Finding]:
    """A finding without a judgement for the watched columns that a log lacks.

    Those that the model reads, or says, are of the kind `drift`, without which the estimate before labels is not believed;
    of others, such as sensitive features, only that their values are missing is said.

    Args:
        names: of the columns that are watched and not there.
        model: that answered.
    """
    others = {rule["name"] for rule in model.contract["optional"]}
    read, beside = (sorted(name for name in names if (name in others) is other) for other in (False, True))
    return [*_not_logged("drift", read), *_not_logged("missing", beside)]


def sensitive_not_logged(names: Sequence[str], columns: Collection[str]) -> list[Finding]:
    """A finding without a judgement for the sensitive features that a log lacks.

    Args:
        names: the sensitive features.
        columns: of the log.
    """
    return _not_logged("fairness", [name for name in names if name not in columns])


def _not_logged(kind: Kind, names: Sequence[str]) -> list[Finding]:
    if not names:
        return []
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    reason = (
        f"Not judged: {', '.join(names[:MOST_NAMED])}{more} {'is' if len(names) == 1 else 'are'} not in the log; send it with "
        "each row, and let serving.log_columns keep it."
    )
    return [Finding(kind, NOT_LOGGED, False, reason, float(len(names)), judged=False)]
