"""From the rows of a request to predictions: routed, checked, scored and logged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from components.errors import LogError
from components.serving.answers import RequestError, refused
from components.serving.contract import WHOLE, Checked, Problem
from components.serving.counts import Counts
from components.serving.prediction_log import Record
from components.serving.shadow import Shadow
from components.serving.table import Table

if TYPE_CHECKING:
    from components.serving.deployment import Deployment, Variant
    from components.serving.metrics import Metrics
    from components.serving.prediction_log import PredictionLog
    from components.serving.settings import ServingSettings

Predictions = dict[str, list[Any]]
Rows = Sequence[int] | None
"""Numbers of rows in a request; None for all of them."""


@dataclass(frozen=True)
class Scored:
    """The predictions of a request.

    Attributes:
        predictions: by name, one value a row that was answered.
        rows: which rows they are of.
        total: how many rows the request has.
        problems: of the rows that were set aside.
        variant: who answered; of several, the first.
    """

    predictions: Predictions
    rows: Rows
    total: int
    problems: Sequence[Problem]
    variant: Variant


@dataclass(frozen=True)
class _Part:
    """Rows that one variant answers, after its check."""

    variant: Variant
    rows: Rows
    checked: Checked


class Scorer:
    """Scores requests with the models in service.

    Args:
        deployment: the models.
        log: keeps every prediction.
        settings: of the server.
        metrics: where rows and predictions are counted.
    """

    def __init__(
        self, deployment: Deployment, log: PredictionLog, settings: ServingSettings, metrics: Metrics
    ) -> None:
        self._deployment, self._log = deployment, log
        self._set_aside = settings.bad_rows == "set_aside"
        self._counts = Counts(metrics)
        self.shadow = Shadow(log)

    def score(self, table: Table, request_id: str, variant: Variant | None = None) -> Scored:
        """The predictions for the rows of a request, which are logged.

        Args:
            table: the rows.
            request_id: names them in the log.
            variant: who is to answer; without it, whoever the deployment says.

        Raises:
            RequestError: a row breaks the contract and is not set aside, no row is left, or strict logging failed.
        """
        parts = self._parts(table, request_id) if variant is None else [_whole(variant, table)]
        problems = [problem for part in parts for problem in _numbered(part)]
        if problems:
            self._counts.refused(problems, table.rows)
            bad = sum(len(part.checked.bad_rows) for part in parts)
            if not self._set_aside or bad == table.rows:
                raise refused(problems)
            parts = [_good(part, table.rows) for part in parts]
        said = [part.variant.model.predict(part.checked.arrays) for part in parts]
        for part, predictions in zip(parts, said, strict=True):
            self._keep(part, predictions, request_id)
            self._counts.answered(part.variant, predictions)
        predictions, rows = (said[0], parts[0].rows) if len(parts) == 1 else _joined(parts, said, table.rows)
        if (shadow := self._deployment.shadow) is not None:
            self.shadow.score(shadow, table, request_id, predictions, rows)
        return Scored(predictions, rows, table.rows, problems, parts[0].variant)

    def _parts(self, table: Table, request_id: str) -> list[_Part]:
        """The rows by who answers them: by their key if the deployment names one, else all by the request's id."""
        deployment = self._deployment
        keys = table.columns.get(deployment.sticky) if deployment.sticky else None
        if keys is None or table.rows == 1:
            variant = deployment.route(str(keys[0]) if keys else request_id)
            return [_whole(variant, table)]
        variants = [deployment.route(str(key)) for key in keys]
        return [_part(table, variants, name) for name in dict.fromkeys(each.name for each in variants)]

    def _keep(self, part: _Part, predictions: Predictions, request_id: str) -> None:
        model = part.variant.model
        record = Record(
            request_id,
            time.time(),
            part.variant.name,
            model.bundle_id,
            model.version,
            part.checked.columns,
            predictions,
            part.rows,
        )
        try:
            self._log.append(record)
        except LogError as error:
            raise RequestError(
                503,
                f"The prediction cannot be logged, and so it is not given: {error}",
                headers=((b"retry-after", b"1"),),
            ) from error


def _whole(variant: Variant, table: Table) -> _Part:
    return _Part(variant, None, variant.model.rules.check(table.columns, table.rows))


def _part(table: Table, variants: Sequence[Variant], name: str) -> _Part:
    rows = [row for row, variant in enumerate(variants) if variant.name == name]
    variant = variants[rows[0]]
    columns = {key: [values[row] for row in rows] for key, values in table.columns.items()}
    return _Part(variant, rows, variant.model.rules.check(columns, len(rows)))


def _numbered(part: _Part) -> list[Problem]:
    """The part's problems by the rows of the request."""
    problems, rows = part.checked.problems, part.rows
    if rows is None:
        return problems
    return [each if each.row == WHOLE else replace(each, row=rows[each.row]) for each in problems]


def _good(part: _Part, total: int) -> _Part:
    bad = part.checked.bad_rows
    rows = part.rows if part.rows is not None else range(total)
    kept = [place for place in range(len(rows)) if place not in bad]
    return _Part(part.variant, [rows[place] for place in kept], part.checked.rows(kept))


def _joined(parts: Sequence[_Part], said: Sequence[Predictions], total: int) -> tuple[Predictions, Rows]:
    """The predictions of all parts in the order of the rows."""
    rows = [row for part in parts for row in part.rows or ()]
    order = sorted(range(len(rows)), key=rows.__getitem__)
    together = {name: [value for each in said for value in each[name]] for name in said[0]}
    predictions = {name: [values[place] for place in order] for name, values in together.items()}
    return predictions, None if len(rows) == total else [rows[place] for place in order]
