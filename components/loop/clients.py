"""Clients of a server: rows sent as real requests over many connections, and what became of each."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any, NamedTuple

import msgspec
import polars as pl
from polars import selectors

SIZES = (1, 2, 5, 10, 20, 40, 80)
SMALL = (1, 2, 3)
"""How many rows the requests have, in turns."""
PAUSE_SECONDS = 0.04
TIMEOUT_SECONDS = 30.0
WRONG_STATUSES = 5


class Request(NamedTuple):
    """Some rows that are sent together.

    Attributes:
        request_id: of the period, and of the first row in it.
        first: the number of the first row.
        rows: how many there are.
    """

    request_id: str
    first: int
    rows: int


@dataclass
class Count:
    """What became of requests.

    Attributes:
        requests: sent.
        rows: sent.
        failed: requests without an answer, or with another than 200.
        why: the first reasons of these.
    """

    requests: int = 0
    rows: int = 0
    failed: int = 0
    why: Counter[str] = field(default_factory=Counter)

    def add(self, rows: int, fault: str) -> None:
        """Count one request; ``fault`` is "" where it was answered as it should be."""
        self.requests += 1
        self.rows += rows
        if fault:
            self.failed += 1
            if len(self.why) < WRONG_STATUSES:
                self.why[fault] += 1


class Clients:
    """Everybody who asks a server.

    Args:
        host: of the server.
        port: of the server.
        inputs: the columns that are sent.

    Attributes:
        count: what became of all requests so far.
    """

    def __init__(self, host: str, port: int, inputs: list[str]) -> None:
        self._host, self._port, self._inputs = host, port, inputs
        self._lock = threading.Lock()
        self.count = Count()

    def send(
        self, rows: pl.DataFrame, name: str, *, first: int = 0, connections: int = 4, sizes: tuple[int, ...] = SIZES,
        pause_seconds: float = 0.0, until: threading.Event | None = None,
    ) -> list[Request]:  # fmt: skip
        """The requests that were answered, once all rows were sent.

        Args:
            rows: with the inputs among their columns.
            name: begins the requests' ids.
            first: the number of the first row.
            connections: at the same time.
            sizes: rows of a request, in turns.
            pause_seconds: of each connection after each request.
            until: ends it earlier.
        """
        until = until or threading.Event()
        waiting = _requests(rows.height, name, first, sizes)
        answered: list[Request] = []
        table = sendable(rows, self._inputs)
        threads = [
            threading.Thread(target=self._work, args=(table, waiting, answered, first, pause_seconds, until), daemon=True)
            for _ in range(connections)
        ]  # fmt: skip
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answered

    def ask(self, rows: pl.DataFrame, request_id: str) -> tuple[int, dict[str, Any]]:
        """The status and the answer to one request that is not counted."""
        with _Connection(self._host, self._port) as connection:
            status, body = connection.post(_body(sendable(rows, self._inputs)), request_id)
        return status, msgspec.json.decode(body)

    def _work(
        self, table: pl.DataFrame, waiting: Iterator[Request], answered: list[Request], first: int,
        pause_seconds: float, until: threading.Event,
    ) -> None:  # fmt: skip
        with _Connection(self._host, self._port) as connection:
            while not until.is_set():
                with self._lock:
                    request = next(waiting, None)
                if request is None:
                    return
                fault = ""
                try:
                    body = _body(table.slice(request.first - first, request.rows))
                    status, answer = connection.post(body, request.request_id)
                    fault = "" if status == 200 else f"{status}: {answer[:200].decode(errors='replace')}"
                except (OSError, http.client.HTTPException) as error:
                    fault = f"{type(error).__name__}: {error}"
                    connection.close()
                with self._lock:
                    self.count.add(request.rows, fault)
                    if not fault:
                        answered.append(request)
                if pause_seconds:
                    until.wait(pause_seconds)


class Background:
    """Two clients that go on asking for a few rows at a time while something else is done, as a context.

    Args:
        clients: who ask.
        rows: what they ask about.
        name: begins the requests' ids; once all rows were asked about it goes on with another name.

    Attributes:
        answered: the requests that were answered.
        count: what became of all of them; complete once the context has ended.
    """

    def __init__(self, clients: Clients, rows: pl.DataFrame, name: str) -> None:
        self._clients, self._rows, self._name = clients, rows, name
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.answered: list[Request] = []
        self.count = Count()

    def __enter__(self) -> Background:
        before = self._clients.count
        self._before = (before.requests, before.rows, before.failed)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()
        now = self._clients.count
        requests, rows, failed = self._before
        self.count = Count(now.requests - requests, now.rows - rows, now.failed - failed, now.why)

    def go_on(self, requests: int) -> None:
        """Return when so many more were sent."""
        end = self._clients.count.requests + requests
        while self._thread.is_alive() and self._clients.count.requests < end:
            self._enough.wait(PAUSE_SECONDS)

    def _ask(self) -> None:
        for turn in count():
            name = self._name if not turn else f"{self._name}-again{turn}"
            self.answered += self._clients.send(
                self._rows, name, connections=2, sizes=SMALL, pause_seconds=PAUSE_SECONDS, until=self._enough
            )
            if self._enough.is_set():
                return


def sendable(rows: pl.DataFrame, inputs: list[str]) -> pl.DataFrame:
    """The inputs as JSON has them: categories as texts, times in ISO 8601."""
    return rows.select(
        pl.col(name)
        for name in inputs
    ).with_columns(
        (selectors.categorical() | selectors.enum()).cast(pl.String),
        selectors.temporal().dt.to_string("iso:strict"),
    )  # fmt: skip


def _body(table: pl.DataFrame) -> bytes:
    return msgspec.json.encode({"dataframe_split": {"columns": table.columns, "data": table.rows()}})


def _requests(rows: int, name: str, first: int, sizes: tuple[int, ...]) -> Iterator[Request]:
    start = 0
    for size in cycle(sizes):
        if start >= rows:
            return
        size = min(size, rows - start)
        yield Request(f"{name}-{first + start}", first + start, size)
        start += size


class _Connection:
    """A connection that is opened anew where it was closed."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def post(self, body: bytes, request_id: str) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json", "X-Request-Id": request_id}
        self._connection.request("POST", "/invocations", body, headers)
        response = self._connection.getresponse()
        return response.status, response.read()
