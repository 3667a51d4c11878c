"""E: explanations add up to what they explain."""

from components.validation.gates import Check, Limit, judge


def additive(error: float, rows: int, limit: Limit) -> Check:
    """E01: base value plus contributions equal the model's own output, row by row."""
    return judge(
        "E01",
        "Explanations add up",
        limit=limit,
        direction="at most",
        bound=error,
        measured=f"The largest distance between the sum of contributions and the model's output on {rows:,} rows",
        remedy="These explanations are wrong and must not be shown; check the encoder and the SHAP version.",
    )
