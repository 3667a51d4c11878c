"""Names that no input column may have, since predictions and the prediction log give them to columns of their own."""

from __future__ import annotations

from collections.abc import Iterable

PREDICTIONS = ("y_score", "y_pred", "y_low", "y_high")
LOGGED = ("prediction_id", "served_at", "model_version", "bundle_id", "variant")


def reserved(names: Iterable[str]) -> list[str]:
    """Those of the names that an input cannot have, sorted."""
    ours = {*PREDICTIONS, *LOGGED}
    return sorted(name for name in names if name in ours or name.startswith("y_score_"))
