"""The table that config.toml names, wherever it lies, and a pin of what exactly was read."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars import selectors

from components import address
from components.data.sources import delta, duckdb, dvc, files, postgresql, sqlite
from components.data.sources.pin import COMMIT, DELTA, QUERY, Pin, fact
from components.errors import ConfigError, DataError


@dataclass(frozen=True)
class Taken:
    """What a source gave.

    Attributes:
        frame: the rows; those of files are not in memory.
        pin: what exactly was read; empty for files of this machine.
        source: what it was asked by.
        state: what shows whether files changed since.
    """

    frame: pl.LazyFrame
    pin: Pin = ()
    source: str = ""
    state: files.State = ()

    @property
    def table(self) -> pl.DataFrame:
        """All rows and columns in memory; errors as those of :meth:`column`."""
        return self._collected(self.frame)

    @property
    def names(self) -> list[str]:
        """The columns."""
        return self.frame.collect_schema().names()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self._collected(self.frame.select(pl.len())).item())

    def column(self, name: str) -> pl.Series:
        """One column in memory, without the others.

        Raises:
            DataError: it cannot be read, or the files are no longer those that were asked for first.
        """
        values = self._collected(self.frame.select(selectors.by_name(name))).to_series()
        return values.rechunk()  # columns in unlike pieces are all copied by whatever joins them

    def batches(self, names: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        """Some columns of all rows in their order, at most so many rows in memory at once; errors as those of :meth:`column`."""
        for start in range(0, self.rows, rows):
            yield self._collected(self.frame.select(selectors.by_name(*names)).slice(start, rows))

    def _collected(self, frame: pl.LazyFrame) -> pl.DataFrame:
        try:
            table, failed = frame.collect(), None
        except (pl.exceptions.PolarsError, OSError) as error:
            table, failed = pl.DataFrame(), error
        if self.state and self.state != files.state(self.source):
            raise DataError(f"{self.source} changed while it was read; run again when nobody writes it.")
        if failed:
            raise files.unreadable(self.source, failed) from None
        return table


def take(source: str, *, revision: str = "", query: str = "", root: Path = Path(), pinned: Pin = ()) -> Taken:
    """The table at ``source``, to be read by columns, and what exactly was read.

    The fields of CSV files are kept in a temporary folder as long as they may be read.

    Args:
        source: A path, an fsspec URL, or what begins as :data:`components.address.HEADS` has it.
        revision: Of a repository (a branch, tag or commit) or of a Delta table (a version, or a time in ISO 8601).
        query: The SQL that gives the rows, for sources of SQL.
        root: The folder that relative names in a query start from.
        pinned: Read what was read then, as far as the source still has it.

    Raises:
        ConfigError: If revision or query do not go with the source, or its library is not installed.
        DataError: If it cannot be read.
    """
    if pinned:
        revision = fact(pinned, COMMIT) or fact(pinned, DELTA) or revision
        query = fact(pinned, QUERY) or query
    if fault := address.fault(source, revision, query):
        raise ConfigError(f"{fault}.")
    spool = Path(tempfile.mkdtemp(prefix="columns-"))
    try:
        local = address.kind(source) == "files" and not files.is_delta(source)
        state = files.state(source) if local else ()
        frame, pin = _read(source, revision, query, root, pinned, spool)
        taken = Taken(frame, pin, source, state)
        _ = taken.rows
    except BaseException as error:
        shutil.rmtree(spool, ignore_errors=True)
        if isinstance(error, pl.exceptions.PolarsError | OSError):
            raise files.unreadable(source, error) from None
        raise
    weakref.finalize(taken, shutil.rmtree, spool, ignore_errors=True)
    return taken


def load(source: str, *, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The table of a file or folder in memory; arguments and errors as those of :func:`read`."""
    frame = read(source, columns=columns)
    try:
        return frame.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise files.unreadable(source, error) from None


def read(
    source: str,
    *,
    columns: Sequence[str] | None = None,
    revision: str = "",
    query: str = "",
    root: Path = Path(),
) -> pl.LazyFrame:
    """The table at ``source``; that of files and of Delta tables is not yet in memory.

    Args:
        source: As for :func:`take`, and so are revision, query and root.
        columns: The columns to read; all by default.
        revision: See there.
        query: See there.
        root: See there.

    Raises:
        ConfigError: If revision or query do not go with the source.
        DataError: If it cannot be read, or has no such columns.
    """
    frame, _ = _read(source, revision, query, root)
    if columns is None:
        return frame
    missing = sorted(set(columns) - set(frame.collect_schema().names()))
    if missing:
        raise DataError(
            f"{source} has no column {', '.join(missing)}; it has {', '.join(frame.collect_schema())}."
        )
    return frame.select(columns)


def _read(
    source: str, revision: str, query: str, root: Path, pinned: Pin = (), spool: Path | None = None
) -> tuple[pl.LazyFrame, Pin]:
    place = address.place(source)
    match address.kind(source):
        case "dvc":
            return dvc.read(place, revision)
        case "duckdb":
            return duckdb.read(query, root)
        case "sqlite":
            return sqlite.read(Path(place), query)
        case "postgresql":
            return postgresql.read(source, query)
        case "delta":
            return delta.read(place, revision)
        case "files":
            if files.is_delta(source):
                return delta.read(source, revision)
    if revision:
        raise DataError(
            f"data.revision is {revision!r}, but {source} is no Delta table (it has no _delta_log); remove the revision."
        )
    return files.read(source, pinned, spool)
