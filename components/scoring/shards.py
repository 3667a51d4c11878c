"""The shards of a table, as they wait in the store to be scored: rows in the contract's types, and rows that are refused."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl

from components.errors import DataError

if TYPE_CHECKING:
    from components.store import Store


@dataclass(frozen=True)
class Shard:
    """Rows that are scored together, as they wait in the store.

    Attributes:
        number: of the shard, from 0.
        rows: how many hold to the contract.
        refused: how many do not.
        sha256: of the two objects, "" for one that there is not.
    """

    number: int
    rows: int
    refused: int
    sha256: tuple[str, str]


def keep(number: int, good: pl.DataFrame, bad: pl.DataFrame, folder: str, store: Store) -> Shard:
    """The shard of rows that hold to the contract and rows that do not, which now wait in the folder."""
    digests = tuple(
        _written(name, rows, store) if rows.height else ""
        for name, rows in zip(waiting(folder, number), (good, bad), strict=True)
    )
    return Shard(number, good.height, bad.height, (digests[0], digests[1]))


def waiting(folder: str, number: int) -> tuple[str, str]:
    """The names of the two objects of a shard: its rows, and those that are refused."""
    return f"{folder}/rows-{number:05d}.parquet", f"{folder}/refused-{number:05d}.parquet"


def fetched(folder: str, shard: Shard, store: Store) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    """The rows of a shard that hold to the contract, and those that do not; None for none of them.

    Raises:
        DataError: an object of the store is not what was written.
    """
    names = waiting(folder, shard.number)
    return _fetched(names[0], shard.sha256[0], store), _fetched(names[1], shard.sha256[1], store)


def _written(name: str, rows: pl.DataFrame, store: Store) -> str:
    buffer = BytesIO()
    rows.write_parquet(buffer, compression="lz4", statistics=False)
    store.write(name, buffer.getvalue())
    return _digest(buffer.getvalue())


def _fetched(name: str, sha256: str, store: Store) -> pl.DataFrame | None:
    if not sha256:
        return None
    try:
        content = store.read(name)
    except FileNotFoundError:
        raise DataError(f"{name} in the store is missing; score the table again.") from None
    if _digest(content) != sha256:
        raise DataError(f"{name} in the store was altered after it was written; score the table again.")
    return pl.read_parquet(BytesIO(content))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
