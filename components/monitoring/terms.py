"""What a model's answers mean and by what they were judged, as its bundle keeps it: a project's settings may change later."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import SimpleNamespace
from typing import Any

from components.training.outcomes import Values, values_of
from components.training.target import Target
from components.validation.metrics import METRICS


@dataclass(frozen=True)
class Terms:
    """What a bundle was judged by.

    Attributes:
        positive: of a binary target the value that counts as positive, else "".
        negatives: of a binary target its other values; none where they are not known.
        metric: the primary metric's name.
        worth: what each outcome is worth, by the keys of `[objective]`.
        group: columns whose equal values hold rows together.
        weight: the column of sample weights, or "".
    """

    positive: str
    negatives: tuple[str, ...]
    metric: str
    worth: Mapping[str, Any]
    group: tuple[str, ...] = ()
    weight: str = ""

    def target(self, column: str, lineage: Mapping[str, Any]) -> Target:
        """What is predicted.

        Args:
            column: its name.
            lineage: of the bundle.
        """
        if (task := lineage.get("task", "binary")) == "binary":
            return Target(column, task, (self.positive,), self.negatives)
        return Target(column, task, tuple(lineage.get("classes", ())))

    def value(self, target: Target) -> Values:
        """What each outcome is worth."""
        return values_of(SimpleNamespace(**self.worth), target)

    def to_json(self) -> dict[str, Any]:
        """Every attribute as a plain value."""
        return {name: list(each) if isinstance(each, tuple) else each for name, each in asdict(self).items()}


def terms_of(files: Mapping[str, bytes], today: Terms) -> Terms:
    """The terms that a bundle keeps; of an older one, which keeps none, today's with the metric of its P01.

    Args:
        files: of the bundle.
        today: by the project's settings.
    """
    told = json.loads(files["lineage.json"]).get("terms")
    if told is None:
        return replace(today, metric=_approved_metric(json.loads(files["decision.json"])) or today.metric)
    kept: dict[str, Any] = {
        name: tuple(each) if isinstance(each, list) else each for name, each in told.items()
    }
    return Terms(**kept)


def _approved_metric(decision: Mapping[str, Any]) -> str:
    """The metric that P01 judged, which stands in its title in brackets; "" if it does not."""
    titles = (check.get("title", "") for check in decision["checks"] if check["code"] == "P01")
    found = (re.search(r"\((\w+)\)$", title) for title in titles)
    return next((each[1] for each in found if each and each[1] in METRICS), "")
