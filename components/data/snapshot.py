"""Immutable snapshots of tables, named by a version that is computed from their content."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

from components.data.cellhash import logical_type, mix
from components.data.rowhash import row_hashes
from components.errors import DataError
from components.store import Store


@dataclass(frozen=True)
class Snapshot:
    """A table kept in the store: its content version, shape, size, and when it was first taken from where."""

    version: str
    rows: int
    columns: tuple[str, ...]
    size_bytes: int
    created: str
    source: str


def content_version(table: pl.DataFrame) -> str:
    """The version of the table's content: equal for the same rows, columns and logical types.

    The order of rows and columns does not count, duplicates do. The multiset of rows is held by two sums modulo
    2**64 of its row hashes under independent mixers, their number, and the columns' names and logical types.
    """
    hashes = row_hashes(table)
    first = hashes.sum(dtype=np.uint64)
    second = mix(hashes ^ np.uint64(0x9E3779B97F4A7C15)).sum(dtype=np.uint64)
    types = sorted((name, logical_type(name, dtype)) for name, dtype in table.schema.items())
    content = json.dumps([types, table.height, int(first), int(second)], separators=(",", ":"))
    return "d" + hashlib.sha256(content.encode()).hexdigest()[:16]


def take(table: pl.DataFrame, *, source: str, store: Store) -> Snapshot:
    """The snapshot of a table, written if the store has none of its version, else verified.

    Raises:
        DataError: the store holds a corrupted snapshot of this version; nothing is overwritten.
    """
    version = content_version(table)
    if store.exists(_name(version, "snapshot.json")):
        load(version, store)
        return _described(version, store)
    data = _parquet(table)
    if not store.write_if_absent(_name(version, "data.parquet"), data):
        load(version, store)
        data = store.read(_name(version, "data.parquet"))
    created = datetime.now(UTC).isoformat(timespec="seconds")
    taken = Snapshot(version, table.height, tuple(table.columns), len(data), created, source)
    store.write_if_absent(_name(version, "snapshot.json"), json.dumps(asdict(taken), indent=1).encode())
    return _described(version, store)


def load(version: str, store: Store) -> pl.DataFrame:
    """The rows of a version, after their content was verified.

    Raises:
        DataError: the store has no such version, or what it holds is not that version.
    """
    name = _name(version, "data.parquet")
    try:
        table = pl.read_parquet(io.BytesIO(store.read(name)))
    except FileNotFoundError:
        raise DataError(
            f"The store has no data version {version!r}; `make versions` lists those it has."
        ) from None
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{name} in the store is corrupted: {error}; bring it back from a backup.") from None
    if content_version(table) != version:
        raise DataError(
            f"{name} in the store is corrupted: its content is {content_version(table)}; bring it back from a backup."
        )
    return table


def versions(store: Store) -> list[Snapshot]:
    """Every snapshot in the store, oldest first."""
    names = [name for name in store.names("snapshots") if name.endswith("/snapshot.json")]
    return sorted((_described(name.split("/")[1], store) for name in names), key=lambda kept: kept.created)


def quarantine(rows: pl.DataFrame, version: str, store: Store) -> str:
    """The name of the object that keeps the rows that were set aside from a version, with their reasons."""
    name = f"quarantine/{version}-{content_version(rows)}.parquet"
    store.write_if_absent(name, _parquet(rows))
    return name


def _described(version: str, store: Store) -> Snapshot:
    try:
        content = json.loads(store.read(_name(version, "snapshot.json")))
        return Snapshot(**{**content, "columns": tuple(content["columns"])})
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{_name(version, 'snapshot.json')} in the store is corrupted: {error!r}; bring it back from a backup."
        ) from None


def _name(version: str, file: str) -> str:
    return f"snapshots/{version}/{file}"


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()
