"""T: what is served is what was evaluated."""

from components.validation.gates import Check, Limit, judge


def parity(max_abs_difference: float, decisions_changed: int, rows: int, limit: Limit) -> Check:
    """T01: the served program, in a clean process, against the flow's own scores on the whole holdout."""
    distance = float("inf") if decisions_changed else max_abs_difference
    return judge(
        "T01",
        "Served equals evaluated",
        limit=limit,
        direction="at most",
        bound=distance,
        measured=(
            f"The largest distance between served and evaluated scores on {rows:,} rows "
            f"({decisions_changed:,} decisions changed)"
        ),
        remedy="The program was compiled wrongly and must not be served.",
        value=max_abs_difference,
    )
