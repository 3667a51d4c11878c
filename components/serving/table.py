"""The rows of a request by column, however they were written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from components.serving.answers import RequestError

MOST_CELLS = 5_000_000
"""Columns times rows, where rows name different columns; more are no request but an attack, or a mistake."""

_DECODER = msgspec.json.Decoder()


class Table(msgspec.Struct, frozen=True):
    """Rows by column, each value as it was written.

    Attributes:
        columns: one value a row.
        rows: how many there are.
    """

    columns: Mapping[str, Sequence[Any]]
    rows: int


def decoded(body: bytes) -> Any:
    """What the JSON says; `NaN` and `Infinity`, which Python's clients write, are read too.

    Raises:
        RequestError: it is no JSON.
    """
    try:
        return _DECODER.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return _leniently(body, error)


def _leniently(body: bytes, error: Exception) -> Any:
    """As `json` reads it, which knows NaN, and numbers beyond all doubles as infinite ones."""
    message = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    if "out of range" in message or b"NaN" in body or b"Infinity" in body:
        try:
            said = json.loads(body.decode())  # UTF-8 alone: of bytes it would guess
            json.dumps(said, ensure_ascii=False).encode()  # half a surrogate pair is no text
        except (ValueError, RecursionError) as unread:
            message = str(unread)[:200]
        else:
            return said
    raise RequestError(400, f"The body is no JSON that can be read: {message[:200]}.") from None


def of_columns(columns: Mapping[str, Sequence[Any]], max_rows: int) -> Table:
    """The table of lists, one a column.

    Raises:
        RequestError: they are of different lengths, none, or too many rows.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    rows = next(iter(lengths.values()), 0)
    for name, length in lengths.items():
        if length != rows:
            first = next(iter(lengths))
            raise RequestError(
                400,
                f"Ragged columns: {first[:200]!r} has {rows} rows and {name[:200]!r} has {length}; send as many.",
            )
    require_rows(rows, max_rows)
    return Table(columns, rows)


def of_lists(names: Any, data: Any, max_rows: int) -> Table:
    """The table of a list of columns' names and of lists, one a row.

    Raises:
        RequestError: a name comes twice, or a row is shorter or longer than the names.
    """
    if not isinstance(names, list) or not {str}.issuperset(map(type, names)):
        raise RequestError(400, 'The columns must be a list of names; send them as ["age", ...].')
    if not isinstance(data, list):
        raise RequestError(400, "The data must be a list of rows; send them as [[...], ...].")
    if len(set(names)) < len(names):
        require_distinct(names)
    require_rows(len(data), max_rows)
    width = len(names)
    if len(data) == 1 and type(data[0]) is list and len(data[0]) == width:
        return Table(dict(zip(names, [[value] for value in data[0]], strict=True)), 1)
    if {list}.issuperset(map(type, data)) and {width}.issuperset(map(len, data)):
        return Table(dict(zip(names, map(list, zip(*data, strict=True)), strict=True)), len(data))
    number, row = next(
        (number, row) for number, row in enumerate(data) if type(row) is not list or len(row) != width
    )
    found = f"{len(row)} values" if isinstance(row, list) else "no list"
    raise RequestError(400, f"Ragged rows: row {number} has {found}, and there are {width} columns.")


def of_records(records: Any, max_rows: int) -> Table:
    """The table of objects, one a row; what only some of them name is missing in the others.

    Raises:
        RequestError: a row is no object.
    """
    if not isinstance(records, list):
        raise RequestError(400, 'The rows must be a list of objects; send them as [{"age": 30, ...}, ...].')
    require_rows(len(records), max_rows)
    for number, record in enumerate(records):
        if type(record) is not dict:
            raise RequestError(400, f'Row {number} is no object; send each row as {{"age": 30, ...}}.')
    if len(records) == 1:
        return Table({name: [value] for name, value in records[0].items()}, 1)
    names = records[0]
    if all(record.keys() == names.keys() for record in records):
        return Table({name: [record[name] for record in records] for name in names}, len(records))
    named: dict[str, None] = {}
    for record in records:
        named.update(dict.fromkeys(record))
        if len(named) * len(records) > MOST_CELLS:
            raise RequestError(
                413,
                f"The rows name more than {len(named):,} different columns; send those of the contract.",
                reason="body",
            )
    return Table({name: [record.get(name) for record in records] for name in named}, len(records))


def require_distinct(names: Sequence[str]) -> None:
    """None, if no name comes twice.

    Raises:
        RequestError: one does.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise RequestError(400, f"The column {name[:200]!r} comes twice; send it once.")
        seen.add(name)


def require_rows(rows: int, max_rows: int) -> None:
    """None, if there are some rows, and not too many.

    Raises:
        RequestError: there are none, or more than ``max_rows``.
    """
    if rows == 0:
        raise RequestError(400, "There are no rows; send at least one.")
    if rows > max_rows:
        raise RequestError(
            413,
            f"There are {rows:,} rows; at most {max_rows:,} are taken at once (serving.max_rows).",
            reason="rows",
        )
