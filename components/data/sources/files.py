"""Tables as they lie about: Parquet, CSV or a folder of either, at a path or an fsspec URL."""

import csv
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
from fsspec.implementations.local import LocalFileSystem

from components.data.sources.pin import ETAG, VERSION, Pin, fact, pin
from components.errors import DataError

SUFFIXES = (".parquet", ".csv")
SEPARATORS = (",", ";", "\t", "|")
_VERSIONS, _ETAGS = ("VersionId", "version_id", "generation"), ("ETag", "etag", "content_md5")


State = tuple[tuple[str, int, int, int], ...]
"""Of each file of this machine its name, number, size and time of change."""


def read(source: str, pinned: Pin = (), spool: Path | None = None) -> tuple[pl.LazyFrame, Pin]:
    """The table at ``source``, not yet in memory, and which version of each remote object it was read from.

    Files of this machine have no pin: their sizes and times prove nothing, and what their rows are, the content
    version says. Objects of a bucket have a version id where the bucket keeps versions, else an ETag.
    The values of a CSV file stay texts, an empty field being a missing value: what they mean is the contract's to say.
    Its fields are parted by commas, semicolons, tabs or bars.
    The files of a folder (and its subfolders) are read in the order of their names; files and folders whose names begin
    with ``.`` or ``_`` are left out.

    Args:
        source: A file ending in .parquet or .csv, or a folder of either, as a path or an fsspec URL
            (``s3://bucket/table``). Remote files are fetched whole.
        pinned: The versions to read, as an earlier call gave them; the newest by default.
        spool: A folder in which the fields of CSV files are kept by columns, so that one can be read without the others;
            the files are read from there then.

    Raises:
        DataError: If there is nothing, nothing readable, or a mixture; if the files of a folder do not fit, or one
            changed while it was read.
    """
    by_version = fact_names(pinned, VERSION) and not fact_names(pinned, ETAG)
    files, found = _pinned_files(source, pinned) if by_version else _files(source)
    frames = {name: _scan(name, file) for name, file in files.items()}
    if spool:
        frames = {
            name: frame if _is_parquet(name) else _spooled(frame, spool / f"{number}.parquet")
            for number, (name, frame) in enumerate(frames.items())
        }
    return stacked(source, frames), found


def state(source: str) -> State:
    """What tells whether the files of this machine have changed; nothing of remote ones, which are fetched at once."""
    try:
        filesystem, _ = fsspec.core.url_to_fs(source)
    except Exception as error:
        raise unreadable(source, error) from None
    files, _ = _files(source) if isinstance(filesystem, LocalFileSystem) else ({}, ())
    told = [(path, path.stat()) for path in files.values() if isinstance(path, Path)]
    return tuple((str(path), each.st_ino, each.st_size, each.st_mtime_ns) for path, each in told)


def is_delta(source: str) -> bool:
    """Whether the source is a folder with the log of a Delta table in it."""
    if source.lower().endswith(SUFFIXES):
        return False
    try:
        filesystem, root = fsspec.core.url_to_fs(source)
        return bool(filesystem.isdir(f"{root.rstrip('/')}/_delta_log"))
    except Exception as error:
        raise unreadable(source, error) from None


def fact_names(pin: Pin, kind: str) -> list[str]:
    """The names of the objects of which a pin tells a version id, or an ETag."""
    return [name.removeprefix(f"{kind} ") for name, _ in pin if name.startswith(f"{kind} ")]


def _files(source: str) -> tuple[dict[str, Path | BytesIO], Pin]:
    """The name of each file of the source, and where polars reads it: a path, or the bytes of a remote file."""
    try:
        filesystem, root = fsspec.core.url_to_fs(source)
        if not filesystem.exists(root):
            raise DataError(f"{source} does not exist; name a Parquet or CSV file, or a folder of them.")
        folder = filesystem.isdir(root)
        paths = _table_files(source, root, filesystem.find(root)) if folder else [root]
        _require_one_format(source, paths)
        if isinstance(filesystem, LocalFileSystem):
            return {path: Path(path) for path in paths}, ()
        facts: dict[str, str] = {}
        return {path: BytesIO(_fetched(filesystem, path, facts)) for path in paths}, pin(facts)
    except DataError:
        raise
    except Exception as error:  # each remote store has errors of its own
        raise unreadable(source, error) from None


def _pinned_files(source: str, pinned: Pin) -> tuple[dict[str, Path | BytesIO], Pin]:
    """The objects in the versions that a pin tells, and the pin."""
    try:
        protocol = fsspec.core.split_protocol(source)[0]
        filesystem = fsspec.filesystem(protocol, version_aware=True)
        versions = {path: fact(pinned, f"{VERSION} {path}") for path in fact_names(pinned, VERSION)}
        found = {
            path: BytesIO(filesystem.cat_file(path, version_id=version)) for path, version in versions.items()
        }
    except Exception as error:
        raise unreadable(source, error) from None
    return dict(found), pinned


def _fetched(filesystem: Any, path: str, facts: dict[str, str]) -> bytes:
    """The bytes of a remote file, whose version is added to the facts.

    Raises:
        DataError: It was replaced while it was read, in parts, so that its bytes may be of both.
    """
    before = _version(filesystem, path)
    data: bytes = filesystem.cat_file(path)
    if before != _version(filesystem, path):
        raise DataError(f"{path} was replaced while it was read; run again when nobody writes it.")
    facts.update(before)
    return data


def _version(filesystem: Any, path: str) -> dict[str, str]:
    """The version id of a remote file, else its ETag, under the name of the fact; nothing where the store tells none."""
    filesystem.invalidate_cache()
    told: Mapping[str, Any] = filesystem.info(path)
    for kind, keys in ((VERSION, _VERSIONS), (ETAG, _ETAGS)):
        for key in keys:
            # "null" is the version of what was written before a bucket kept versions: the next one takes its name.
            if (value := str(told.get(key) or "").strip('"')) and value != "null":
                return {f"{kind} {path}": value}
    return {}


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
        if _is_parquet(name):
            frame = pl.scan_parquet(file)
        else:
            frame = pl.scan_csv(file, infer_schema=False, separator=separator(name, file))
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(name, error) from None
    return frame


def _is_parquet(name: str) -> bool:
    return name.lower().endswith(".parquet")


def _spooled(frame: pl.LazyFrame, path: Path) -> pl.LazyFrame:
    """The same rows, read from a file that keeps them by columns and is written as they are read."""
    frame.sink_parquet(path, compression="lz4", statistics=False)
    return pl.scan_parquet(path)


def separator(name: str, file: Path | BytesIO) -> str:
    """What parts the fields of a CSV file: of comma, semicolon, tab and bar the one that parts its head most often.

    Raises:
        DataError: If its head is not in UTF-8, is no line, or names a column twice.
    """
    with file.open("rb") if isinstance(file, Path) else BytesIO(file.getvalue()) as opened:
        line = opened.readline()
    try:
        head = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise unreadable(name, error) from None
    try:
        fields = {mark: next(csv.reader([head], delimiter=mark), []) for mark in SEPARATORS}
    except csv.Error:
        raise DataError(
            f"{name} cannot be read: its lines end in a carriage return alone, or a field of its head is too long; write it with "
            "line feeds (`tr '\\r' '\\n'`)."
        ) from None
    best = max(SEPARATORS, key=lambda mark: len(fields[mark]))
    if twice := sorted({field for field in fields[best] if fields[best].count(field) > 1 and field}):
        raise DataError(f"{name} has the columns {twice} more than once; give each a name of its own.")
    return best


def stacked(source: str, frames: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
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


def unreadable(name: str, error: Exception) -> DataError:
    """The error that says that something cannot be read, why, and what to do."""
    reason = (str(error).splitlines() or [""])[0] or type(error).__name__
    todo = "check that it is whole, and in the format that its name says"
    if isinstance(error, UnicodeDecodeError) or "utf-8" in reason.lower():
        reason, todo = (
            "its texts are not in UTF-8",
            "save it in UTF-8 (`iconv -f latin1 -t utf8` turns Western European texts)",
        )
    return DataError(f"{name} cannot be read: {reason}; {todo}.")
