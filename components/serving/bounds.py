"""How much a body may hold, counted before it is decoded: what is decoded takes many times the memory of its bytes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from components.serving.answers import RequestError

SMALL_BYTES = 32_768
"""Shorter bodies are decoded as they are: at the worst they take a few megabytes."""

LEAST_CELLS = 500_000
"""So many values any request may hold, also of columns that nobody knows: what is wrong with them is told one by one."""

_SPARE = 10_000
"""Lists and objects that no row needs: those around the rows, and one a column."""

_QUOTE = ord('"')


def cells(max_rows: int, columns: int) -> int:
    """The most values of a request: twice those of as many rows as are taken."""
    return max(LEAST_CELLS, 2 * max_rows * columns)


def require_json(body: bytes, max_rows: int, columns: int, *, lists_a_row: int = 1) -> None:
    """None, if the JSON holds no more lists, objects and values than ``max_rows`` rows can need.

    Args:
        body: not decoded yet.
        max_rows: that are taken at once.
        columns: of the contract.
        lists_a_row: lists or objects that a row may be written with.

    Raises:
        RequestError: it holds more.
    """
    if len(body) <= SMALL_BYTES:
        return
    most = max_rows * lists_a_row + _SPARE
    if body.count(b"{") + body.count(b"[") > most and (found := _outside(body, b"{[")) > most:
        raise _too_many(f"{found:,} lists and objects", max_rows, "rows")
    most = cells(max_rows, columns)
    if body.count(b",") > most and (found := _outside(body, b",")) > most:
        raise _too_many(f"{found:,} values", max_rows, "body")


def _outside(body: bytes, marks: bytes) -> int:
    """How often one of the marks stands outside of texts; text that is no JSON is not decoded beyond its first fault."""
    if b"\\" in body:
        body = body.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    found = np.frombuffer(body, np.uint8)
    within = np.cumsum(found == _QUOTE, dtype=np.uint8) & 1  # it wraps around, and stays odd or even
    return sum(int(np.count_nonzero((found == mark) & (within == 0))) for mark in marks)


class Lines:
    """The lines of a CSV for its reader, which makes all fields of a row before anybody can look at them.

    Args:
        text: the lines.
        most: fields of a row, and of all rows.
        max_rows: that are taken at once.
    """

    def __init__(self, text: Iterator[str], most: int, max_rows: int) -> None:
        self._text, self._most, self._max_rows = text, most, max_rows
        self._commas = self._fields = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self._commas += line.count(",")
            self._require(self._commas)
            yield line

    def read(self, fields: int) -> None:
        """The reader has made a row of so many fields.

        Raises:
            RequestError: they are too many, together with those before.
        """
        self._commas = 0
        self._fields += fields
        self._require(self._fields)

    def _require(self, found: int) -> None:
        if found > self._most:
            raise _too_many(f"more than {self._most:,} values", self._max_rows, "body")


def _too_many(found: str, max_rows: int, reason: str) -> RequestError:
    told = f"The body holds {found}; {max_rows:,} rows (serving.max_rows) need no more than a part of them. Send fewer."
    return RequestError(413, told, reason=reason)
