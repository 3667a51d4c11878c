"""Tables as they lie about: Parquet, CSV or a folder of either, at a path or an fsspec URL."""

import csv
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import fsspec
import polars as pl
from fsspec.implementations.local import LocalFileSystem

from components.errors import DataError

SUFFIXES = (".parquet", ".csv")
SEPARATORS = (",", ";", "\t", "|")


def load(source: str, *, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The table at ``source`` in memory; arguments and errors as those of :func:`read`."""
    frame = read(source, columns=columns)
    try:
        return frame.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(source, error) from error


def read(source: str, *, columns: Sequence[str] | None = None) -> pl.LazyFrame:
    """The table at ``source``, not yet in memory.

    The values of a CSV file stay texts, an empty field being a missing value: what they mean is the contract's to say.
    Its fields are parted by commas, semicolons, tabs or bars.
    The files of a folder (and its subfolders) are read in the order of their names; files and folders whose names begin
    with ``.`` or ``_`` are left out.

    Args:
        source: A file ending in .parquet or .csv, or a folder of either, as a path or an fsspec URL
            (``s3://bucket/table``). Remote files are fetched whole.
        columns: The columns to read; all by default.

    Raises:
        DataError: If there is nothing, nothing readable, or a mixture; if the files of a folder, or the columns asked
            for, do not fit.
    """
    frames = {name: _scan(name, file) for name, file in _files(source).items()}
    frame = _stacked(source, frames)
    if columns is None:
        return frame
    missing = sorted(set(columns) - set(frame.collect_schema().names()))
    if missing:
        raise DataError(
            f"{source} has no column {', '.join(missing)}; it has {', '.join(frame.collect_schema())}."
        )
    return frame.select(columns)


def _files(source: str) -> dict[str, Path | BytesIO]:
    """The name of each file of the source, and where polars reads it: a path, or the bytes of a remote file."""
    try:
        filesystem, root = fsspec.core.url_to_fs(source)
        if not filesystem.exists(root):
            raise DataError(f"{source} does not exist; name a Parquet or CSV file, or a folder of them.")
        folder = filesystem.isdir(root)
        paths = _table_files(source, root, filesystem.find(root)) if folder else [root]
        _require_one_format(source, paths)
        if isinstance(filesystem, LocalFileSystem):
            return {path: Path(path) for path in paths}
        return {path: BytesIO(filesystem.cat_file(path)) for path in paths}
    except DataError:
        raise
    except Exception as error:  # each remote store has errors of its own
        raise _unreadable(source, error) from error


def _table_files(source: str, root: str, found: Sequence[str]) -> list[str]:
    visible = [path for path in found if not any(part[0] in "._" for part in _parts_below(root, path))]
    paths = sorted(path for path in visible if path.lower().endswith(SUFFIXES))
    if not paths:
        others = f" (only {Path(visible[0]).name} and the like)" if visible else ""
        raise DataError(
            f"Folder {source} holds no .parquet and no .csv file{others}; put the table's files there."
        )
    return paths


def _parts_below(root: str, path: str) -> tuple[str, ...]:
    return Path(path.removeprefix(root).lstrip("/")).parts


def _require_one_format(source: str, paths: Sequence[str]) -> None:
    suffixes = sorted({Path(path).suffix.lower() for path in paths})
    if len(suffixes) > 1:
        raise DataError(f"Folder {source} mixes .csv and .parquet files; keep one format, or name one file.")
    if suffixes[0] not in SUFFIXES:
        raise DataError(f"{source} ends neither in .parquet nor in .csv; convert it to one of these.")


def _scan(name: str, file: Path | BytesIO) -> pl.LazyFrame:
    """A lazy frame whose header has been read, so that a file that is none is named here."""
    try:
        if name.lower().endswith(".parquet"):
            frame = pl.scan_parquet(file)
        else:
            frame = pl.scan_csv(file, infer_schema=False, separator=separator(name, file))
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(name, error) from error
    return frame


def separator(name: str, file: Path | BytesIO) -> str:
    """What parts the fields of a CSV file: of comma, semicolon, tab and bar the one that parts its head most often.

    Raises:
        DataError: If its head is not in UTF-8, or names a column twice.
    """
    with file.open("rb") if isinstance(file, Path) else BytesIO(file.getvalue()) as opened:
        line = opened.readline()
    try:
        head = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _unreadable(name, error) from None
    fields = {mark: next(csv.reader([head], delimiter=mark), []) for mark in SEPARATORS}
    best = max(SEPARATORS, key=lambda mark: len(fields[mark]))
    if twice := sorted({field for field in fields[best] if fields[best].count(field) > 1 and field}):
        raise DataError(f"{name} has the columns {twice} more than once; give each a name of its own.")
    return best


def _stacked(source: str, frames: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
    """The frames one below the other; numbers of different widths take the widest."""
    first, *others = frames
    names = frames[first].collect_schema().names()
    for other in others:
        found = frames[other].collect_schema().names()
        if set(found) != set(names):
            differing = ", ".join(sorted(set(found) ^ set(names)))
            raise DataError(
                f"Folder {source}: {Path(other).name} and {Path(first).name} do not have the same columns "
                f"({differing}); only tables of one shape can be read together."
            )
    stacked = pl.concat([frame.select(names) for frame in frames.values()], how="vertical_relaxed")
    try:
        stacked.collect_schema()
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"Folder {source}: a column has one type in one file and another in the next ({error}); "
            "store it in the same way everywhere."
        ) from error
    return stacked


def _unreadable(name: str, error: Exception) -> DataError:
    reason = (str(error).splitlines() or [""])[0] or type(error).__name__
    todo = "check that it is whole, and in the format that its name says"
    if isinstance(error, UnicodeDecodeError) or "utf-8" in reason.lower():
        reason, todo = (
            "its texts are not in UTF-8",
            "save it in UTF-8 (`iconv -f latin1 -t utf8` turns Western European texts)",
        )
    return DataError(f"{name} cannot be read: {reason}; {todo}.")
