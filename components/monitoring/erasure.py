"""Rows and days that leave the prediction log; each segment is replaced in one move, also while servers write to it."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import IO

import msgspec

from components.errors import LogError
from components.serving.prediction_log import Record, framed, locked, parsed, segments

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def expire(folder: Path, before: date) -> list[str]:
    """The days that were removed: all whose folders are of an earlier day, which hold nothing that was made later.

    Args:
        folder: of the log.
        before: the first day that stays.
    """
    days: set[str] = set()
    for segment in segments(folder):
        day = segment.parent.name
        if _DAY.fullmatch(day) and day < before.isoformat():
            days.add(day)
            segment.unlink(missing_ok=True)
            with suppress(OSError):  # what else lies there is nobody's to remove
                segment.parent.rmdir()
    return sorted(days)


@dataclass
class Forgotten:
    """What was taken out of a log.

    Attributes:
        rows: how many.
        prediction_ids: of the rows; several may bear one.
        damaged: lines that nobody could read, and so not say whose they were; they are taken out too.
        columns: the inputs of all that was looked at.
    """

    rows: int = 0
    prediction_ids: set[str] = field(default_factory=set)
    damaged: int = 0
    columns: set[str] = field(default_factory=set)


Meant = Callable[[Record], Collection[int]]
"""The places of a record's rows that are to go."""

_DRAFT = ".partial-"


def forget(folder: Path, meant: Meant) -> Forgotten:
    """Take rows out of all segments, each of which is replaced in one move by a file without them.

    Servers may go on writing: what they write to a segment meanwhile is kept, and looked at too.

    Args:
        folder: of the log.
        meant: which rows are to go.

    Raises:
        LogError: there is no such folder, or a segment cannot be read or replaced.
    """
    found = Forgotten()
    try:
        with (folder / ".lock").open("ab") as turn, locked(turn.fileno(), fcntl.LOCK_EX):
            for segment in segments(folder):
                for left in segment.parent.glob(f"{_DRAFT}*"):  # by one that was killed
                    left.unlink(missing_ok=True)
                _rewrite(segment, meant, found)
    except OSError as error:
        raise LogError(f"{folder}: rows cannot be taken out ({error.strerror or error}).") from error
    return found


def _rewrite(segment: Path, meant: Meant, found: Forgotten) -> None:
    before = found.rows, found.damaged
    try:
        lines = segment.open("rb")
    except FileNotFoundError:  # it has expired meanwhile
        return
    descriptor, name = tempfile.mkstemp(prefix=_DRAFT, dir=segment.parent)
    try:
        with lines, os.fdopen(descriptor, "wb") as draft:
            _copy(lines, draft, meant, found, until=os.fstat(lines.fileno()).st_size)
            with locked(lines.fileno(), fcntl.LOCK_EX):
                _copy(lines, draft, meant, found)
                if (found.rows, found.damaged) == before:
                    return
                draft.flush()
                os.fchmod(draft.fileno(), os.fstat(lines.fileno()).st_mode & 0o777)
                os.fsync(draft.fileno())
                os.replace(name, segment)
    finally:
        Path(name).unlink(missing_ok=True)


def _copy(
    lines: IO[bytes], draft: IO[bytes], meant: Meant, found: Forgotten, until: int | None = None
) -> None:
    """Copy what is to stay, of all lines that there are; up to a place in the file only those that are whole."""
    decoder, encoder = msgspec.json.Decoder(Record), msgspec.json.Encoder()
    while (until is None or lines.tell() < until) and (line := lines.readline()):
        if not line.endswith(b"\n") and until is not None:  # it is still being written
            lines.seek(-len(line), os.SEEK_CUR)
            return
        record = parsed(line, decoder)
        if record is None:
            found.damaged += 1
            continue
        found.columns.update(record.columns)
        gone = meant(record)
        if not gone:
            draft.write(line)
            continue
        numbers = record.numbers
        found.rows += len(gone)
        found.prediction_ids.update(f"{record.request_id}:{numbers[place]}" for place in gone)
        if kept := [place for place in range(record.height) if place not in gone]:
            draft.write(framed(encoder.encode(_part_of(record, kept))))


def _part_of(record: Record, places: Sequence[int]) -> Record:
    numbers = record.numbers
    return msgspec.structs.replace(
        record,
        columns={name: [values[place] for place in places] for name, values in record.columns.items()},
        predictions={
            name: [values[place] for place in places] for name, values in record.predictions.items()
        },
        rows=[numbers[place] for place in places],
    )
