"""What batch scoring left: the parts of finished scorings, and the rows that they set aside."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
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
        parts: the rows of each part that is whole.
        set_aside: of each scoring that set rows aside.
        damaged: parts and manifests that are gone or altered, by when the scoring was made, in seconds since 1970.
    """

    parts: tuple[pl.LazyFrame, ...]
    set_aside: tuple[SetAside, ...]
    damaged: Counter[float]


def scored(folder: Path) -> Scored:
    """What every finished scoring left, in a folder of one or of several; one under way is not looked at."""
    found = [_scoring(done) for done in sorted({*folder.glob("done.json"), *folder.glob("*/done.json")})]
    return Scored(
        tuple(part for each in found for part in each.parts),
        tuple(rows for each in found for rows in each.set_aside),
        sum((each.damaged for each in found), Counter[float]()),
    )


def _scoring(done: Path) -> Scored:
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
    whole = [done.parent / name for name, sha256 in promised.items() if _digest(done.parent / name) == sha256]
    parts = tuple(part for part in map(_part, whole) if part is not None)
    at = _newest(parts) if refused else None
    aside = (SetAside(at, bundle_id, refused, violations),) if at is not None else ()
    gone = len(promised) - len(parts)
    return Scored(parts, aside, Counter({_scored_at(parts, done): gone} if gone else {}))


def _scored_at(parts: Sequence[pl.LazyFrame], done: Path) -> float:
    """When a scoring was made: by the first of its rows, else by the time of the file that ends it."""
    moments = (part.select(pl.col("served_at").min()).collect().item() for part in parts)
    first = next((each for each in moments if each is not None), None)
    return float(first.timestamp()) if first else done.stat().st_mtime


def _newest(parts: Sequence[pl.LazyFrame]) -> datetime | None:
    """When the last of the rows was scored; None where no part is left to tell it."""
    found = [part.select(pl.col("served_at").max()).collect().item() for part in parts]
    return max((each for each in found if each is not None), default=None)


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
    except (pl.exceptions.PolarsError, OSError):
        return None
    if any(name not in types for name in NEEDED):
        return None
    served_at = types["served_at"]
    if isinstance(served_at, pl.Datetime) and served_at.time_zone:
        return frame.with_columns(pl.col("served_at").dt.convert_time_zone("UTC"))
    return frame.with_columns(pl.col("served_at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
