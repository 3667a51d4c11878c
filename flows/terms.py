"""What answers mean and by what they are judged: by the settings of today, and as a promoted bundle keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.monitoring.terms import Terms, terms_of
from components.release.ledger import Entry
from flows.orchestration import bundle_of

WORTH = {
    "unit", "true_positive", "false_positive", "true_negative", "false_negative", "right", "wrong", "worth", "too_high", "too_low",
}  # fmt: skip


def terms(settings: Any, negatives: Sequence[str] = ()) -> Terms:
    """By config.toml.

    Args:
        settings: its content.
        negatives: of a binary target the values that are not the positive one, where they are known.
    """
    data, objective = settings.data, settings.objective
    worth = objective.model_dump(include=WORTH)
    return Terms(data.positive, tuple(negatives), objective.metric, worth, tuple(data.group), data.weight)


def metric(run: Any, promotion: Entry) -> str:
    """The primary metric of a bundle that was promoted."""
    return terms_of(bundle_of(promotion), terms(run.settings)).metric
