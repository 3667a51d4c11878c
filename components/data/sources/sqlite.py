"""Rows that a SQL query gives over a SQLite database, by Python's own library."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from components.data.sources.pin import QUERY, Pin, pin
from components.data.sources.rows import require_names
from components.errors import DataError

_BATCH_ROWS = 100_000
_READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)


def read(path: Path, query: str) -> tuple[pl.LazyFrame, Pin]:
    """The rows of a query, and the SHA-256 of the database's files.

    The database is opened to be read; what is no reading is refused before it runs. A column of numbers of both kinds
    holds floats; one that also holds texts holds texts.

    Raises:
        DataError: If there is no such database, the query fails or writes, a column holds bytes or has no name of its
            own, or the database changed meanwhile.
    """
    if not path.is_file():
        raise DataError(f"{path.name} does not exist where data.source has it; name a SQLite database.")
    facts = _hashes(path)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.set_authorizer(
                lambda action, *_: sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY
            )
            table = _rows(connection.execute(query), path.name)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise DataError(
            f"SQLite cannot answer data.query from {path.name}: {error}; it must be one SELECT, and the file a SQLite database."
        ) from None
    if facts != _hashes(path):
        raise DataError(f"{path.name} changed while it was read; run again when nobody writes it.")
    return table.lazy(), pin({**facts, QUERY: query})


def _rows(cursor: sqlite3.Cursor, name: str) -> pl.DataFrame:
    if cursor.description is None:
        raise DataError("data.query gives no rows; it must be one SELECT.")
    names = [described[0] for described in cursor.description]
    require_names(names, f"sqlite:///{name}")
    batches: list[list[pl.Series]] = []
    while rows := cursor.fetchmany(_BATCH_ROWS):
        batches.append(
            [_series(column, values) for column, values in zip(names, zip(*rows, strict=True), strict=True)]
        )
    if not batches:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.Null))
    return pl.DataFrame([_joined(parts) for parts in zip(*batches, strict=True)])


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    """The values of a column, whose cells need not be of one type.

    Raises:
        DataError: If it holds bytes.
    """
    kinds = {type(value) for value in values} - {type(None)}
    if bytes in kinds:
        raise DataError(
            f"The query gives bytes in the column {name!r}, for which there is no contract; leave it out of the query."
        )
    if str in kinds:
        texts = (value if value is None or isinstance(value, str) else str(value) for value in values)
        return pl.Series(name, list(texts), pl.String)
    if not kinds:
        return pl.Series(name, values, pl.Null)
    return pl.Series(name, values, pl.Float64 if float in kinds else pl.Int64, strict=False)


def _joined(parts: Sequence[pl.Series]) -> pl.Series:
    """The parts of a column in the widest of their types."""
    widest = next(
        (kind for kind in (pl.String, pl.Float64, pl.Int64) if any(part.dtype == kind for part in parts)),
        pl.Null,
    )
    return pl.concat([part.cast(widest) for part in parts])


def _hashes(path: Path) -> dict[str, str]:
    """The SHA-256 of the database, and of the log of what is not yet in it."""
    facts = {}
    for file in (path, path.with_name(f"{path.name}-wal")):
        if file.is_file() and file.stat().st_size:
            with file.open("rb") as opened:
                facts[f"sha256 {file.name}"] = hashlib.file_digest(opened, "sha256").hexdigest()
    return facts
