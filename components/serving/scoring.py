"""From the rows of requests to predictions: routed, checked, scored and logged."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from components.errors import LogError
from components.serving import events
from components.serving.answers import RequestError, refused
from components.serving.contract import WHOLE, Checked, Problem
from components.serving.counts import Counts
from components.serving.prediction_log import Record, Written
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


class Scored(msgspec.Struct, frozen=True):
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
    variant: Any


class _Part(msgspec.Struct, frozen=True):
    """Rows that one variant answers, after its check: by column, or as the program's matrix and as they were written."""

    variant: Any
    rows: Rows
    checked: Checked
    matrix: Any = None
    written: Written | None = None

    @property
    def height(self) -> int:
        """How many rows these are."""
        if self.matrix is not None:
            return len(self.matrix)
        return len(next(iter(self.checked.columns.values()), ()))


class Admitted(msgspec.Struct, frozen=True):
    """A request whose rows, or those that are not set aside, hold to the contract."""

    table: Table
    request_id: str
    parts: Sequence[_Part]
    problems: Sequence[Problem]


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

    def plainly(self, body: bytes, request_id: str, most: int) -> Admitted | None:
        """The request, if it can be answered without a closer look: plain rows for the champion alone, all of them logged.

        Args:
            body: in one of MLflow's forms.
            request_id: names the rows in the log.
            most: how many rows there may be.
        """
        deployment = self._deployment
        variant = deployment.champion
        reader = variant.model.reader
        if reader is None or deployment.challenger is not None or not self._log.keeps_all:
            return None
        rows = reader.read(body)
        if rows is None or len(rows.matrix) > most:
            return None
        written = Written.of(rows.kinds, body)
        checked = Checked({}, variant.model.rules)
        part = _Part(variant, None, checked, rows.matrix, written)
        return Admitted(Table({}, len(rows.matrix)), request_id, (part,), ())

    def admitted(self, table: Table, request_id: str, variant: Variant | None = None) -> Admitted:
        """The request, if it can be answered.

        Args:
            table: the rows.
            request_id: names them in the log.
            variant: who is to answer; without it, whoever the deployment says.

        Raises:
            RequestError: a row breaks the contract and is not set aside, or no row is left.
        """
        parts = self._parts(table, request_id) if variant is None else [_whole(variant, table)]
        if len(parts) == 1 and not parts[0].checked.problems:
            return Admitted(table, request_id, parts, ())
        problems: Sequence[Problem] = [problem for part in parts for problem in _numbered(part)]
        if problems:
            bad = sum(len(part.checked.bad_rows) for part in parts)
            self._counts.refused(problems, table.rows, bad)
            if not self._set_aside or bad == table.rows:
                raise refused(problems)
            parts = [_good(part, table.rows) for part in parts if len(part.checked.bad_rows) < part.height]
        return Admitted(table, request_id, parts, problems)

    def score(
        self, requests: Sequence[Admitted], later: Callable[..., object] | None = None
    ) -> list[Scored | RequestError]:
        """What each request is answered; the rows of all of them are scored together, and each is logged and counted.

        An error is returned where strict logging failed.

        Args:
            requests: were admitted.
            later: calls a function soon, in this thread: what need not be done before the answer is done behind it.
        """
        later = later if self._log.waits else None
        if len(requests) == 1 and len(requests[0].parts) == 1:
            return [self._answered(requests[0], self._predicted(requests[0].parts), later)]
        of_models: dict[str, list[_Part]] = defaultdict(list)
        for request in requests:
            for part in request.parts:
                kind = "columns" if part.matrix is None else "matrix"
                of_models[f"{part.variant.model.bundle_id}{part.variant.name}{kind}"].append(part)
        said: dict[int, Predictions] = {}
        for parts in of_models.values():
            for part, predictions in zip(parts, self._predicted(parts), strict=True):
                said[id(part)] = predictions
        return [
            self._answered(request, [said[id(part)] for part in request.parts], later) for request in requests
        ]

    def _predicted(self, parts: Sequence[_Part]) -> list[Predictions]:
        """The predictions of several parts of one model."""
        variant = parts[0].variant
        predictions: Predictions
        if parts[0].matrix is not None:
            whole = [part.matrix for part in parts]
            predictions = variant.model.answer_matrix(whole[0] if len(parts) == 1 else np.concatenate(whole))
            return [predictions] if len(parts) == 1 else _apart(parts, predictions)
        if len(parts) == 1:
            predictions = variant.model.answer(parts[0].checked.columns)
            return [predictions]
        names = [rule.name for rule in variant.model.rules.features]
        together = {name: [value for part in parts for value in part.checked.columns[name]] for name in names}
        return _apart(parts, variant.model.answer(together))

    def _answered(
        self, request: Admitted, said: Sequence[Predictions], later: Callable[..., object] | None
    ) -> Scored | RequestError:
        parts, total = request.parts, request.table.rows
        predictions, rows = (said[0], parts[0].rows) if len(parts) == 1 else _joined(parts, said, total)
        scored = Scored(predictions, rows, total, request.problems, parts[0].variant)
        if later is not None:
            later(self._kept, request, said, scored)
            return scored
        try:
            self._keep(request, said, scored)
        except LogError as error:
            message = f"The prediction cannot be logged, and so it is not given: {error}"
            return RequestError(503, message, headers=((b"retry-after", b"1"),))
        return scored

    def _kept(self, request: Admitted, said: Sequence[Predictions], scored: Scored) -> None:
        """Keep what was answered already."""
        try:
            self._keep(request, said, scored)
        except Exception as error:  # nobody is left who could be told
            events.tell("error", "a prediction was not kept", **events.failed(error))
            self._log.lost += sum(part.height for part in request.parts)

    def _keep(self, request: Admitted, said: Sequence[Predictions], scored: Scored) -> None:
        """Log what is answered, count it, and let the shadow score it.

        Raises:
            LogError: strict logging failed.
        """
        parts = request.parts
        self._log.append(*[_record(part, said[place], request) for place, part in enumerate(parts)])
        for part, predictions in zip(parts, said, strict=True):
            self._counts.answered(part.variant, predictions)
        # Where one has just come, rows that were read for the champion alone are not its.
        if (shadow := self._deployment.shadow) is not None and parts[0].written is None:
            self.shadow.score(shadow, request.table, request.request_id, scored.predictions, scored.rows)

    def _parts(self, table: Table, request_id: str) -> list[_Part]:
        """The rows by who answers them: by their key if the deployment names one, else all by the request's id."""
        deployment = self._deployment
        if not (sticky := deployment.sticky):
            return [_whole(deployment.route(request_id), table)]
        if sticky not in table.columns:
            raise RequestError(422, f"The column {sticky[:200]!r} decides who answers; send it.")
        # As the contract reads it: 40, 40.0 and "40" are one key.
        read = deployment.champion.model.rules.reader(sticky)
        variants = [deployment.route(str(read(key))) for key in table.columns[sticky]]
        names = dict.fromkeys(each.name for each in variants)
        if len(names) == 1:
            return [_whole(variants[0], table)]
        return [_part(table, variants, name) for name in names]


def _record(part: _Part, predictions: Predictions, request: Admitted) -> Record:
    """What the log keeps of rows that were answered."""
    model = part.variant.model
    return Record(
        request.request_id,
        time.time(),
        part.variant.name,
        model.bundle_id,
        model.version,
        part.checked.columns,
        predictions,
        part.rows,
        part.written,
    )


def _apart(parts: Sequence[_Part], predictions: Predictions) -> list[Predictions]:
    """The predictions of each part, from those of all."""
    apart, start = [], 0
    for part in parts:
        end = start + part.height
        apart.append({name: values[start:end] for name, values in predictions.items()})
        start = end
    return apart


def _whole(variant: Variant, table: Table) -> _Part:
    return _Part(variant, None, variant.model.rules.check(table.columns, table.rows))


def _part(table: Table, variants: Sequence[Variant], name: str) -> _Part:
    rows = [row for row, variant in enumerate(variants) if variant.name == name]
    variant = variants[rows[0]]
    columns = {key: [values[row] for row in rows] for key, values in table.columns.items()}
    return _Part(variant, rows, variant.model.rules.check(columns, len(rows)))


def _numbered(part: _Part) -> Sequence[Problem]:
    """The part's problems by the rows of the request."""
    problems, rows = part.checked.problems, part.rows
    if not problems or rows is None:
        return problems
    return [
        each if each.row == WHOLE else Problem(rows[each.row], each.column, each.rule, each.found)
        for each in problems
    ]


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
