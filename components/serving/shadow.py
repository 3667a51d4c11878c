"""A challenger that scores what the champion answers: its predictions are logged, and nobody is sent them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from components.errors import LogError
from components.serving import events
from components.serving.prediction_log import Record

if TYPE_CHECKING:
    from components.serving.deployment import Variant
    from components.serving.prediction_log import PredictionLog
    from components.serving.table import Table

MOST_WAITING = 256


class Shadow:
    """Scores requests a second time, in a thread of its own, after their answers.

    Args:
        log: keeps its predictions, as those of the variant "shadow".

    Attributes:
        skipped: requests that were not scored, because too many waited or the challenger's contract refuses them.
        disagreements: rows on which its decision was another than the champion's.
    """

    def __init__(self, log: PredictionLog) -> None:
        self._log = log
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="shadow")
        self._room = BoundedSemaphore(MOST_WAITING)
        self.skipped, self.disagreements = 0, 0

    def score(
        self,
        variant: Variant,
        table: Table,
        request_id: str,
        answered: Mapping[str, Sequence[Any]],
        rows: Sequence[int] | None,
    ) -> None:
        """Let the variant score the request's rows that were answered; or skip it, where too many wait.

        Args:
            variant: the challenger.
            table: the request.
            request_id: the same as in the log of what was answered.
            answered: the champion's predictions.
            rows: which rows they are of; None for all.
        """
        if not self._room.acquire(blocking=False):
            self.skipped += 1
            return
        done = self._pool.submit(self._score, variant, table, request_id, answered, rows)
        done.add_done_callback(lambda _: self._room.release())

    def close(self) -> None:
        """Return when all that waited is scored."""
        self._pool.shutdown()

    def _score(
        self,
        variant: Variant,
        table: Table,
        request_id: str,
        answered: Mapping[str, Sequence[Any]],
        rows: Sequence[int] | None,
    ) -> None:
        model, known = variant.model, variant.model.rules.names
        columns = {name: values for name, values in table.columns.items() if name in known}
        if rows is not None:
            columns = {name: [values[row] for row in rows] for name, values in columns.items()}
        try:
            checked = model.rules.check(columns, table.rows if rows is None else len(rows))
            if checked.problems:
                self.skipped += 1
                return
            said = model.answer(checked.columns)
            self.disagreements += sum(
                ours != theirs for ours, theirs in zip(said["y_pred"], answered["y_pred"], strict=True)
            )
            self._log.append(
                Record(
                    request_id,
                    time.time(),
                    "shadow",
                    model.bundle_id,
                    model.version,
                    checked.columns,
                    said,
                    rows,
                )
            )
        except LogError:
            self.skipped += 1  # the log tells why
        except Exception as error:  # whatever befalls a shadow, the champion goes on
            self.skipped += 1
            events.tell("error", "the shadow failed", request_id=request_id, **events.failed(error))
