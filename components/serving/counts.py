"""The metrics of rows: those that were refused and by which rule, those that were answered and how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

from components.serving.contract import UNKNOWN_COLUMN, WHOLE, Problem
from components.serving.metrics import Histogram, Metrics

if TYPE_CHECKING:
    from components.serving.deployment import Variant
    from components.serving.model import Model

PROBABILITIES = tuple(step / 20 for step in range(1, 20))


class Counts:
    """Counts rows; by the event loop and the thread of large requests, in turns.

    Args:
        metrics: where they are counted.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics, self._lock = metrics, Lock()
        self._variants: dict[tuple[str, str], _Variant] = {}

    def refused(self, problems: Sequence[Problem], rows: int, bad: int) -> None:
        """Rows break these rules; unknown columns, which anybody may name, are counted under no name.

        Args:
            problems: every rule that a row breaks.
            rows: of the request.
            bad: those that break one or more.
        """
        found = Counter[tuple[str, str]]()
        for problem in problems:
            column = "" if problem.rule == UNKNOWN_COLUMN else problem.column
            found[column, problem.rule] += rows if problem.row == WHOLE else 1
        with self._lock:
            self._metrics.add(self._metrics.place("serving_rows_bad_total"), bad)
            for (column, rule), count in found.items():
                place = self._metrics.place("serving_rows_refused_total", column=column, rule=rule)
                self._metrics.add(place, count)

    def answered(self, variant: Variant, predictions: dict[str, list[Any]]) -> None:
        """A variant answered rows."""
        key = (variant.name, variant.model.bundle_id)
        with self._lock:
            counts = self._variants.get(key)
            if counts is None:
                counts = self._variants[key] = _Variant(
                    self._metrics, variant.name, variant.model, predictions
                )
            counts.add(predictions)


class _Variant:
    """The counts of one variant: rows, decisions, and the scores."""

    def __init__(self, metrics: Metrics, name: str, model: Model, predictions: dict[str, list[Any]]) -> None:
        self._metrics, self._name = metrics, name
        self._rows = metrics.place("serving_rows_total", variant=name)
        self._decisions: dict[Any, int] = {}
        self._numbers = "y_low" in predictions
        self._scores = tuple(each for each in predictions if each.startswith("y_score_"))
        bounds = model.cuts if self._numbers else PROBABILITIES
        self._histogram: Histogram = metrics.histogram(
            "serving_score", bounds, variant=name, version=model.version
        )

    def add(self, predictions: dict[str, list[Any]]) -> None:
        decided = predictions["y_pred"]
        self._metrics.add(self._rows, len(decided))
        self._histogram.observe_all(self._scores_of(predictions))
        if self._numbers:
            self._metrics.add(self._decision(""), len(decided))
        elif len(decided) == 1:
            self._metrics.add(self._decision(decided[0]))
        else:
            for decision, count in Counter(decided).items():
                self._metrics.add(self._decision(decision), count)

    def _scores_of(self, predictions: dict[str, list[Any]]) -> list[float]:
        """Of several classes the likeliest one's probability."""
        if not self._scores:
            return predictions["y_score"]
        return list(map(max, *(predictions[name] for name in self._scores)))

    def _decision(self, decision: Any) -> int:
        place = self._decisions.get(decision)
        if place is None:
            told = str(decision)
            place = self._metrics.place("serving_predictions_total", variant=self._name, decision=told)
            self._decisions[decision] = place
        return place
