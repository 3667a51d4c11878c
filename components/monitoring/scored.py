"""What batch scoring left: the parts of finished scorings, and the rows that they set aside."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

NEEDED = ("prediction_id", "served_at", "bundle_id", "variant")


@dataclass(frozen=True)
class SetAside:
    """Rows of one scoring that broke the contract and were not scored.

    Attributes:
        at: when the scoring's last row was scored.
        bundle_id: whose contract they break.
        rows: how many they are.
        violations: how many break which rule, by column and rule; a row may break several.
    """

    at: datetime
    bundle_id: str
    rows: int
    violations: Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Scored:
    """What lies in a folder.

    Attributes:
        parts: the rows of each part that is whole, all with the moment at which the scoring ended.
        set_aside: of each scoring that set rows aside.
        damaged: parts and manifests that are gone or altered, by when the scoring ended, in seconds since 1970.
    """

    parts: tuple[pl.LazyFrame, ...]
    set_aside: tuple[SetAside, ...]
    damaged: Counter[float]


def scored(folder: Path, since: datetime, until: datetime, latest: datetime) -> Scored:
    """What finished scorings left, in a folder of one or of several; one under way is not looked at.

    All rows of a scoring count at the moment at which its last one was scored: a window that was looked at while others were
    still being scored would miss those else. The parts of a scoring that ended at another time are not read.

    Args:
        folder: of one scoring, or of several.
        since: the first moment at which one may have ended.
        until: the first moment after.
        latest: what says that it ended after this one is among the parts, to be told.
    """

    def meant(end: datetime) -> bool:
        return since <= end < until or end > latest

    found = [
        _scoring(done, meant) for done in sorted({*folder.glob("done.json"), *folder.glob("*/done.json")})
    ]
    return Scored(
        tuple(part for each in found for part in each.parts),
        tuple(rows for each in found for rows in each.set_aside),
        sum((each.damaged for each in found), Counter[float]()),
    )


def _scoring(done: Path, meant: Callable[[datetime], bool]) -> Scored:
    try:
        told = json.loads(done.read_text(encoding="utf-8"))
        promised = {Path(part["name"]).name: str(part["sha256"]) for part in told["parts"]}
        refused = int(told.get("refused_rows", 0))
        violations = {
            (str(each["column"]), str(each["rule"])): int(each["rows"]) for each in told.get("violations", ())
        }
        bundle_id = str(told["bundle_id"]) if refused else ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Scored((), (), Counter({done.stat().st_mtime: 1}))
    ends = {name: _newest(done.parent / name) for name in promised}
    known = [end for end in ends.values() if end is not None]
    if known and len(known) == len(promised) and not meant(max(known)):
        return Scored((), (), Counter())
    whole = [name for name, sha256 in promised.items() if _digest(done.parent / name) == sha256]
    read = {name: part for name in whole if (part := _part(done.parent / name)) is not None}
    end = max((ended for name in read if (ended := ends[name]) is not None), default=None)
    parts = tuple(part.with_columns(served_at=pl.lit(end)) for part in read.values()) if end else ()
    aside = (SetAside(end, bundle_id, refused, violations),) if refused and end else ()
    gone = len(promised) - len(read)
    at = end.timestamp() if end else done.stat().st_mtime
    return Scored(parts, aside, Counter({at: gone} if gone else {}))


def _newest(path: Path) -> datetime | None:
    """When the last row of a part was scored, which is read without the rest; None where that cannot be told."""
    part = _part(path)
    try:
        return None if part is None else part.select(pl.col("served_at").max()).collect().item()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return None


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _part(path: Path) -> pl.LazyFrame | None:
    """The rows of a part; None if it cannot be read."""
    try:
        frame = pl.scan_parquet(path)
        types = frame.collect_schema()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return None
    if any(name not in types for name in NEEDED):
        return None
    served_at = types["served_at"]
    if isinstance(served_at, pl.Datetime) and served_at.time_zone:
        return frame.with_columns(pl.col("served_at").dt.convert_time_zone("UTC"))
    return frame.with_columns(pl.col("served_at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
