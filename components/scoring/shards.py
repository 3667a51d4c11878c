"""The shards of a table, as they wait in the store to be scored: rows in the contract's types, and rows that are refused."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from components.data.snapshot import Growing
from components.errors import DataError
from components.scoring.identity import IDENTITY

if TYPE_CHECKING:
    from components.store import Store

KEPT_DAYS = 14
"""How long the shards of a run that died wait to be taken up again, and the bad rows of a table that was refused to be looked at."""


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


class Keeping:
    """Puts a table's shards into the store and hashes their rows, beside whoever makes the next shard.

    One is on its way while the next is made, so that at most two are in memory. When the context ends, all that were
    added are in the store, also where it ends with an error.

    Args:
        folder: where they are to wait.
        store: which has the folder.

    Attributes:
        rows: how many rows that hold to the contract were added.
        refused: how many that do not.
    """

    def __init__(self, folder: str, store: Store) -> None:
        self.rows = self.refused = 0
        self._folder, self._store = folder, store
        self._threads = ThreadPoolExecutor(2)
        self._kept: list[Future[Shard]] = []
        self._hashed: list[Future[None]] = []
        self._inputs, self._told = Growing(), Growing()
        self._schema: Mapping[str, pl.DataType] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown()
        if error is None:
            self._settle()

    def add(self, good: pl.DataFrame, bad: pl.DataFrame) -> None:
        """The next rows that hold to the contract and rows that do not, once those before are in the store."""
        self._settle()
        self.rows, self.refused = self.rows + good.height, self.refused + bad.height
        self._schema = good.drop(IDENTITY).schema
        self._kept.append(self._threads.submit(keep, len(self._kept), good, bad, self._folder, self._store))
        self._hashed = [self._threads.submit(self._hash, good, bad)]

    @property
    def shards(self) -> tuple[Shard, ...]:
        """All of them, in their order."""
        return tuple(each.result() for each in self._kept)

    @property
    def data_version(self) -> str:
        """Of the rows that hold to the contract."""
        return self._inputs.version(self._schema)

    @property
    def order(self) -> str:
        """Digests of every row at its place, and of what was refused."""
        return f"{self._inputs.order}{self._told.order}"

    def _hash(self, good: pl.DataFrame, bad: pl.DataFrame) -> None:
        self._inputs.add(good.drop(IDENTITY))
        self._told.add(good.select(IDENTITY))
        if bad.height:
            self._told.add(bad)

    def _settle(self) -> None:
        pending: list[Future[Any]] = [*self._kept[-1:], *self._hashed]
        for each in pending:
            each.result()


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


def clear(root: str, store: Store, now: datetime) -> list[str]:
    """The folders of runs in which nothing was written for ``KEPT_DAYS`` days; they are gone now.

    A run that still waits for one of them is told so by :func:`fetched`: nothing is scored by halves.

    Args:
        root: where each run has its folder.
        store: which has them.
        now: the time.
    """
    gone = []
    for folder in store.folders(root):
        try:
            changed = store.changed(folder)
            if changed is not None and now - changed > timedelta(days=KEPT_DAYS):
                store.remove(folder)
                gone.append(folder)
        except FileNotFoundError:  # another run clears, too
            continue
    return gone


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
