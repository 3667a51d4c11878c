"""A log of predictions moved in time: years of traffic are sent in seconds, and monitored as the years that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from components.serving import prediction_log
from components.serving.prediction_log import PredictionLog, Record


class Clock:
    """Copies what is new in a server's log into another one, each request at the moment that it stands for.

    Args:
        served: the server's own log, which is only read.
        told: the log that is written.

    Attributes:
        moved: the ids of the requests that were copied.
    """

    def __init__(self, served: Path, told: Path) -> None:
        self._served, self._told = served, told
        self._seen: dict[Path, int] = {}
        self._newest = 0.0
        self.moved: set[str] = set()

    def move(self, moment: Callable[[Record], float | None]) -> None:
        """Copy what was not looked at yet.

        Args:
            moment: seconds since 1970 in UTC at which a request is to have been answered; None leaves it out.
        """
        new: list[tuple[float, Record]] = []
        for segment in prediction_log.segments(self._served):
            for number, record in enumerate(prediction_log.records(segment)):
                if record is None or number < self._seen.get(segment, 0):
                    continue  # a line that is being written is looked at next time
                self._seen[segment] = number + 1
                if (at := moment(record)) is not None:
                    new.append((at, record))
        log = PredictionLog(self._told, worker="loop", mode="strict")
        for at, record in sorted(new, key=lambda each: each[0]):
            self._newest = max(self._newest, at)  # no clock goes back
            log.append(msgspec.structs.replace(record, at=self._newest))
            self.moved.add(record.request_id)
        log.close()
