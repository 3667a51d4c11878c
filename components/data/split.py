"""Parts for ever: a row is train, validation or holdout by what it is, not by when it came or where it stands."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.data.cellhash import Hashes, mix, seed_of
from components.data.reading import read_as
from components.data.rowhash import row_hashes
from components.errors import ConfigError, DataError

PARTS = ("train", "validation", "holdout")
TRAIN, VALIDATION, HOLDOUT = range(3)

_NEXT_OCCURRENCE = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class SplitRule:
    """How rows are assigned to parts.

    Attributes:
        method: ``hash`` of the group, else the key, else the row itself; or ``temporal``, by the time column.
        salt: Another salt makes another division.
        train: Share of the training part, as the two that follow of theirs; together 1.
        validation: Share of the validation part.
        holdout: Share of the holdout.
        group: Columns whose equal values stay in one part.
        key: Columns that together identify a row.
        time: The time column of a temporal split.
        validation_from: The first time of the validation part, as a text.
        holdout_from: The first time of the holdout, as a text.
        columns: The columns that identify a row without a key; empty for all. Recorded with a model, they let later
            tables with further columns tell which rows it has seen.
    """

    method: Literal["hash", "temporal"]
    salt: str
    train: float
    validation: float
    holdout: float
    group: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    time: str | None = None
    validation_from: str | None = None
    holdout_from: str | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    """The assignment of a table's rows.

    Attributes:
        part: Index into PARTS, shape (rows,).
        identity: What identifies each row, shape (rows,): a hash of its key, else of its content and, of equal rows,
            the number of the occurrence. Neither the order nor the storage of rows and columns counts.
        holdout_id: A name of the set of holdout rows, by their identities.
        lookalikes: Holdout rows whose features equal those of some training row. Rows are people or events: two that
            look alike are no leak, but many of them make a holdout less telling.
    """

    part: NDArray[np.int8]
    identity: NDArray[np.uint64]
    holdout_id: str
    lookalikes: int


def assign(table: pl.DataFrame, rule: SplitRule, features: Sequence[str] | None = None) -> Split:
    """The part of every row; it stays the same when rows are added, taken away or reordered.

    Args:
        table: One row an example.
        rule: How to assign.
        features: The columns in which look-alikes agree; by default all but the key, group and time.

    Raises:
        ConfigError: If the rule names a column that there is not, or a time that is none.
        DataError: If a part is empty, or rows lack their group, key or time.
    """
    identity = _identities(table, rule)
    part = _parts(table, rule, identity)
    rows = np.bincount(part, minlength=len(PARTS))
    if not rows.all():
        empty = PARTS[int(rows.argmin())]
        raise DataError(
            f"The {empty} part is empty (train, validation and holdout have {', '.join(map(str, rows))} rows); "
            "take in more rows, or give it a larger share or an earlier start in [split]."
        )
    held = part == HOLDOUT
    if features is None:
        apart = {*rule.key, *rule.group, rule.time}
        features = [name for name in table.columns if name not in apart]
    looks = row_hashes(table, features)
    lookalikes = int(np.isin(looks[held], looks[part == TRAIN]).sum())
    return Split(part, identity, holdout_id(identity[held]), lookalikes)


def holdout_id(identities: Hashes) -> str:
    """The name of a set of rows, "h" and 16 hex digits: the SHA-256 of their sorted identities."""
    return "h" + hashlib.sha256(np.sort(identities).astype("<u8").tobytes()).hexdigest()[:16]


def overlaps(split: Split, table: pl.DataFrame, rule: SplitRule) -> dict[str, int]:
    """How many row identities (``rows``), and ``groups`` where there are any, stand in two parts; all must be 0."""
    found = {"rows": _in_two_parts(split.identity, split.part)}
    if rule.group:
        found["groups"] = _in_two_parts(_hashes(table, rule.group, "group"), split.part)
    return found


def untouched(table: pl.DataFrame, current: SplitRule, champion: SplitRule) -> NDArray[np.bool_]:
    """The rows that both rules hold out, shape (rows,): neither model has learned or was tuned on them.

    Raises:
        ConfigError: If the table no longer has the columns by which the champion's rows were told apart.
    """
    held = [_parts(table, rule, _identities(table, rule)) == HOLDOUT for rule in {current, champion}]
    both: NDArray[np.bool_] = np.logical_and.reduce(held)
    return both


def everything(split: Split) -> NDArray[np.bool_]:
    """All rows, shape (rows,)."""
    return np.ones(len(split.part), bool)


def sample(split: Split, rows: int) -> NDArray[np.bool_]:
    """About ``rows`` of the rows, the same ones whatever their order; shape (rows of the table,)."""
    if rows >= len(split.part):
        return everything(split)
    places = mix(split.identity.copy())
    return np.asarray(places < np.partition(places, rows)[rows])


def _identities(table: pl.DataFrame, rule: SplitRule) -> Hashes:
    if rule.key:
        return _hashes(table, rule.key, "key")
    content = _hashes(table, rule.columns, "") if rule.columns else row_hashes(table)
    return mix(content + _occurrences(content) * _NEXT_OCCURRENCE)


def _occurrences(content: Hashes) -> Hashes:
    """Of equal rows, how many stand above each: 0, 1, 2 ..., shape (rows,)."""
    order = np.argsort(content, kind="stable")
    ordered = content[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]] if len(content) else np.empty(0, bool)
    start = np.maximum.accumulate(np.where(first, np.arange(len(content)), 0))
    numbers = np.empty(len(content), np.uint64)
    numbers[order] = np.arange(len(content)) - start
    return numbers


def _parts(table: pl.DataFrame, rule: SplitRule, identity: Hashes) -> NDArray[np.int8]:
    if rule.method == "temporal":
        return _by_time(table, rule)
    unit = _hashes(table, rule.group, "group") if rule.group else identity
    shares = (rule.train, rule.train + rule.validation)
    bounds = np.array([min(round(share * 2**64), 2**64 - 1) for share in shares], np.uint64)
    # Holdout at the upper end: it keeps its rows when validation takes from train, and only gains when it grows.
    return np.searchsorted(bounds, mix(unit + seed_of(rule.salt)), side="right").astype(np.int8)


def _by_time(table: pl.DataFrame, rule: SplitRule) -> NDArray[np.int8]:
    _require(table, (rule.time or "",), "time")
    times = table[rule.time or ""]
    first, second = (_moment(times, rule, end) for end in ("validation_from", "holdout_from"))
    if first >= second:
        raise ConfigError(
            f"config.toml: split.validation_from is {rule.validation_from!r}, which is not before "
            f"split.holdout_from {rule.holdout_from!r}; train, validation and holdout follow each other in time."
        )
    part: NDArray[np.int8] = ((times >= first).cast(pl.Int8) + (times >= second).cast(pl.Int8)).to_numpy()
    return part


def _moment(times: pl.Series, rule: SplitRule, end: str) -> Any:
    """A bound of the rule as a value of the time column."""
    written = getattr(rule, end) or ""
    if times.dtype.is_integer():
        read = read_as(pl.Series([written]), "integer")
    elif times.dtype.is_numeric():
        read = read_as(pl.Series([written]), "number")
    else:
        read = read_as(pl.Series([written]), "datetime")
    if read.null_count() or not (times.dtype.is_numeric() or times.dtype.is_temporal()):
        raise ConfigError(
            f"config.toml: split.{end} is {written!r}, and column {times.name!r} holds {times.dtype}; the column must "
            "hold numbers or dates, and the text be one of them, such as 2016 or 2016-01-31."
        )
    return read[0]


def _hashes(table: pl.DataFrame, columns: Sequence[str], role: str) -> Hashes:
    _require(table, columns, role)
    return row_hashes(table, columns)


def _require(table: pl.DataFrame, columns: Sequence[str], role: str) -> None:
    """Columns that are there and, with a role, filled: rows without it would all pass for one."""
    absent = [name for name in columns if name not in table.columns]
    if absent:
        what = f"config.toml: data.{role}" if role else "The rule of an earlier split"
        raise ConfigError(
            f"{what} names {', '.join(map(repr, absent))}, which the table does not have; "
            f"it has {', '.join(table.columns)}."
        )
    for name in columns if role else ():
        if missing := table[name].null_count():
            raise DataError(
                f"Column {name!r} (data.{role}) is missing in {missing:,} rows, which therefore belong to no part; "
                "fill it, or set nullable to false in schema.yaml, so that these rows are set aside."
            )


def _in_two_parts(units: Hashes, part: NDArray[np.int8]) -> int:
    seen = np.concatenate([np.unique(units[part == number]) for number in range(len(PARTS))])
    return int((np.unique(seen, return_counts=True)[1] > 1).sum())
