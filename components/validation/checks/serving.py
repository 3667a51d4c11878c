"""S: serving fits the budget."""

from components.validation.gates import Check, Limit, judge
from components.validation.metrics import Estimate


def latency(p99_milliseconds: Estimate, limit: Limit) -> Check:
    """S01: one row through the served program, in a clean process on one thread."""
    return judge(
        "S01",
        "Latency of one row (milliseconds)",
        limit=limit,
        direction="at most",
        bound=p99_milliseconds.high,
        measured="The upper bound of the 99th percentile of the processor time of one row, in milliseconds,",
        remedy="Fewer or smaller trees, or fewer features.",
        value=p99_milliseconds.value,
        interval=(p99_milliseconds.low, p99_milliseconds.high),
    )


def size(size_bytes: int, limit: Limit) -> Check:
    """S02: the size of the served program."""
    return judge(
        "S02",
        "Size of the program (megabytes)",
        limit=limit,
        direction="at most",
        bound=size_bytes / 1e6,
        measured="The size of the served program in megabytes",
        remedy="Fewer or smaller trees.",
    )
