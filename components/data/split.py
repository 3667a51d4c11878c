"""Parts for ever: a row is train, validation or holdout by what it is, not by where or when it stands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.data.cellhash import mix, seed_of
from components.data.rowhash import row_hashes
from components.errors import ConfigError, DataError

PARTS = ("train", "validation", "holdout")
TRAIN, VALIDATION, HOLDOUT = range(3)


@dataclass(frozen=True)
class SplitRule:
    """How rows are assigned.

    Attributes:
        method: ``hash`` by group, key or row; ``temporal`` by the time column.
        salt: another salt makes another division.
        train: share of the training part.
        validation: share of the validation part.
        holdout: share of the holdout.
        group: columns whose equal values stay in one part.
        key: columns that identify a row.
        time: the time column, or "".
        validation_from: first time of the validation part.
        holdout_from: first time of the holdout.
    """

    method: Literal["hash", "temporal"]
    salt: str
    train: float
    validation: float
    holdout: float
    group: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    time: str = ""
    validation_from: str = ""
    holdout_from: str = ""


@dataclass(frozen=True)
class Split:
    """The assignment of a table's rows.

    Attributes:
        part: index into PARTS, shape (rows,).
        identity: what identifies each row, shape (rows,).
        holdout_id: names the rows of the holdout.
        lookalikes: holdout rows that equal a training row in every column, though they are not the same row.
    """

    part: NDArray[np.int8]
    identity: NDArray[np.uint64]
    holdout_id: str
    lookalikes: int


def assign(table: pl.DataFrame, rule: SplitRule) -> Split:
    """The part of every row; a row keeps its part when others are added or reordered.

    Raises:
        ConfigError: a column or a date of the rule is not in the table.
        DataError: a part is empty.
    """
    content = row_hashes(table)
    identity = row_hashes(table, rule.key) if rule.key else _occurrences(content)
    part = _temporal(table, rule) if rule.method == "temporal" else _hashed(table, identity, rule)
    for index, name in enumerate(PARTS):
        if not (part == index).any():
            raise DataError(f"The {name} part is empty; give split.{name} a larger share, or more rows.")
    held = np.sort(identity[part == HOLDOUT])
    holdout_id = "h" + hashlib.sha256(held.astype("<u8").tobytes()).hexdigest()[:16]
    lookalikes = int(np.isin(content[part == HOLDOUT], content[part == TRAIN]).sum())
    return Split(part, identity, holdout_id, lookalikes)


def everything(split: Split) -> NDArray[np.bool_]:
    """All rows, shape (rows,)."""
    return np.ones(len(split.part), bool)


def sample(split: Split, rows: int) -> NDArray[np.bool_]:
    """About so many rows, the same for the same rows; shape (rows of the table,)."""
    if rows >= len(split.part):
        return everything(split)
    limit = np.partition(mix(split.identity.copy()), rows)[rows]
    return np.asarray(mix(split.identity.copy()) < limit)


def overlaps(split: Split, table: pl.DataFrame, rule: SplitRule) -> dict[str, int]:
    """How many row identities, and how many groups, stand in more than one part; all must be 0."""
    found = {"rows": _in_two_parts(split.identity, split.part)}
    if rule.group and rule.method == "hash":
        found["groups"] = _in_two_parts(row_hashes(table, rule.group), split.part)
    return found


def untouched(table: pl.DataFrame, current: SplitRule, champion: SplitRule) -> NDArray[np.bool_]:
    """The rows that are held out by both rules, shape (rows,): neither model was trained or tuned on them."""
    held = assign(table, current).part == HOLDOUT
    return held if current == champion else held & (_parts(table, champion) == HOLDOUT)


def _parts(table: pl.DataFrame, rule: SplitRule) -> NDArray[np.int8]:
    identity = row_hashes(table, rule.key) if rule.key else _occurrences(row_hashes(table))
    return _temporal(table, rule) if rule.method == "temporal" else _hashed(table, identity, rule)


def _hashed(table: pl.DataFrame, identity: NDArray[np.uint64], rule: SplitRule) -> NDArray[np.int8]:
    missing = [name for name in (*rule.group, *rule.key) if name not in table.columns]
    if missing:
        raise ConfigError(
            f"config.toml: data.group or data.key names {missing}, which the table does not have."
        )
    unit = row_hashes(table, rule.group) if rule.group else identity
    place = mix(unit + seed_of(rule.salt)).astype(np.float64) / 2.0**64
    return np.searchsorted([rule.train, rule.train + rule.validation], place, side="right").astype(np.int8)


def _temporal(table: pl.DataFrame, rule: SplitRule) -> NDArray[np.int8]:
    if rule.time not in table.columns:
        raise ConfigError(f"config.toml: data.time is {rule.time!r}, which the table does not have.")
    times = table[rule.time]
    try:
        bounds = pl.Series([rule.validation_from, rule.holdout_from]).cast(times.dtype)
    except pl.exceptions.PolarsError as error:
        raise ConfigError(f"config.toml: split.validation_from or holdout_from: {error}") from None
    part = (times >= bounds[0]).cast(pl.Int8) + (times >= bounds[1]).cast(pl.Int8)
    return part.fill_null(TRAIN).to_numpy()


def _occurrences(content: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Row identities: the content, and for equal rows the number of the occurrence."""
    order = np.argsort(content, kind="stable")
    ordered = content[order]
    start = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    number = np.arange(len(ordered)) - np.repeat(start, np.diff(np.r_[start, len(ordered)]))
    identity = np.empty_like(content)
    identity[order] = mix(ordered + number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    return identity


def _in_two_parts(unit: NDArray[np.uint64], part: NDArray[np.int8]) -> int:
    pairs = np.unique(np.stack([unit, part.astype(np.uint64)]), axis=1)
    return int(pairs.shape[1] - len(np.unique(unit)))
