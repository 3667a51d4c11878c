"""From a source, or from the store, to a checked and immutable snapshot: the first step of every flow."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, cast

import polars as pl

from components import address
from components.data import schema, snapshot, source
from components.data.checks import REASONS
from components.data.reading import known, read_as
from components.data.schema import ColumnType, Contract, Violation
from components.data.snapshot import Snapshot
from components.data.sources.pin import Pin
from components.data.spelling import Spelling, respelled
from components.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.store import Store

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Period:
    """Which rows of a source are meant, by the column that says when they were observed.

    Attributes:
        column: the time column, or "" for all rows.
        since: the first value that is meant, or "".
        until: the last value that is meant, or ""; a day stands for all its hours.
        day: the last day that is meant, whatever the column holds, or ""; of years it is the whole year of that day. What is no
            day is a value, as ``until`` is.
    """

    column: str = ""
    since: str = ""
    until: str = ""
    day: str = ""

    @property
    def limited(self) -> bool:
        """Whether not every row is meant."""
        return bool(self.since or self.until or self.day)

    @property
    def told(self) -> str:
        """From when to when, in words."""
        return f"from {self.since or 'the start'} to {self.day or self.until or 'the end'}"


@dataclass(frozen=True)
class Purpose:
    """What columns are for, as config.toml names them.

    Attributes:
        target: the column to predict.
        positive: the target's value that counts as positive, as text.
        key: columns that identify a row.
        weight: the column of sample weights, or "".
        two_classes: whether the target is the positive value or any other.
    """

    target: str
    positive: str
    key: Sequence[str] = ()
    weight: str = ""
    two_classes: bool = True


@dataclass(frozen=True)
class Intake:
    """What was taken in.

    Attributes:
        snapshot: the accepted rows.
        source_rows: rows that the source gave for the period.
        quarantined_rows: of these, the rows set aside.
        violations: what they broke.
        source: where this run has the rows from, as records name it; a snapshot says who took them first.
        pin: what exactly was read there.
    """

    snapshot: Snapshot
    source_rows: int
    quarantined_rows: int = 0
    violations: tuple[Violation, ...] = ()
    source: str = ""
    pin: Pin = ()


def take_in(
    location: str,
    *,
    named: str,
    period: Period,
    contract: Contract,
    purpose: Purpose,
    max_quarantined_fraction: float,
    store: Store,
    spelling: Spelling | None = None,
    version: str = "",
    revision: str = "",
    query: str = "",
    root: Path = Path(),
) -> Intake:
    """The snapshot of a source's rows that hold to the contract; the others go to the quarantine.

    Rows that are brought back from the store are checked again, as the contract may have changed since, and what
    was set aside when they were taken in counts again. If the store has lost them, they are read again from where they
    came, as they were then, and count only if they are the same.

    Args:
        location: where to read.
        named: the source as records shall name it.
        period: which rows are meant; all of an earlier version.
        contract: what every row must hold to.
        purpose: what columns are for.
        max_quarantined_fraction: more rows than this set aside stop the run.
        store: where snapshot and quarantine are kept.
        spelling: what the source's values stand for, and what of it is not taken in; by default it is plain.
        version: bring back these rows of the store instead of reading the source.
        revision: of the source, as :func:`components.data.source.take` has it.
        query: the SQL that gives the rows.
        root: the project's folder.

    Raises:
        ConfigError: the period, the positive value, the weights or the spelling do not fit the table.
        DataError: the source or the version cannot be read, or no row is left.
        ContractError: the table breaks the contract as a whole, or too many rows do.
    """
    kept = snapshot.described(version, store) if version else None
    lost = kept if snapshot.is_lost(version, store) else None
    if kept and not lost:
        period, pin = Period(), kept.pin
        earlier_rows, earlier = set_aside_before(version, store)
        read = partial(restored, version, store, contract)
    else:
        if lost:
            location = location if lost.source == named else address.anchored(lost.source, root)
            taken = taken_again(lost, location, root)
        else:
            taken = source.take(location, revision=revision, query=query, root=root)
        pin, earlier_rows, earlier = taken.pin, 0, ()
        read = partial(conformed, taken, contract, spelling)
    required = [name for name in (period.limited and period.column, purpose.weight) if name]
    # Nobody else holds the table: the check lets go of it while it parts the rows.
    checked = schema.check(
        within(read(), period, contract),
        contract,
        target=purpose.target,
        key=purpose.key,
        required=required,
    )
    rows = checked.accepted.height + checked.quarantined.height + earlier_rows
    if lost:
        snapshot.restore(checked.accepted, lost, store)
    if checked.quarantined.height:
        snapshot.quarantine(checked.quarantined, snapshot.content_version(checked.accepted), store)
    schema.too_many(checked, max_quarantined_fraction)
    require_positive(checked.accepted, purpose)
    require_weights(checked.accepted, purpose.weight)
    named = kept.source if kept else named
    return Intake(
        snapshot.take(checked.accepted, source=named, store=store, pin=pin),
        rows,
        checked.quarantined.height + earlier_rows,
        (*earlier, *checked.violations),
        named,
        pin,
    )


def restored(version: str, store: Store, contract: Contract) -> pl.DataFrame:
    """The rows of an earlier version, in the contract's types; errors as those of load and conform."""
    return schema.conform(snapshot.load(version, store), contract)


def conformed(taken: source.Taken, contract: Contract, spelling: Spelling | None = None) -> pl.DataFrame:
    """What a source gave, respelled and in the contract's types; its columns are read one after another.

    Raises:
        ConfigError: the spelling names a column that the contract does not have, or a form that is not known.
        ContractError: the columns are not those of the contract, there is no row, or a column is of another type.
        DataError: the source cannot be read.
    """
    spelling = spelling or Spelling()
    spelling.require_known(contract.names)
    names = [name for name in taken.names if name not in spelling.drop]

    def column(name: str) -> pl.Series:
        return respelled(taken.column(name).to_frame(), spelling).to_series()

    return schema.conform_each(names, taken.rows, column, contract)


def taken_again(kept: Snapshot, location: str, root: Path) -> source.Taken:
    """What a source gives when it is asked for what it gave when a snapshot was taken.

    Args:
        kept: the snapshot, whose rows the store has lost.
        location: where to read.
        root: the project's folder.

    Raises:
        DataError: the source cannot say it any more.
    """
    lost = f"The store has lost the rows of the data version {kept.version}"
    if "***" in location:
        raise DataError(
            f"{lost}, and credentials were left out of what it says of their source, {kept.source}; let data.source name it again."
        )
    try:
        return source.take(location, root=root, pinned=kept.pin)
    except (ConfigError, DataError) as error:
        raise DataError(f"{lost}, and they cannot be read again from {kept.source}: {error}") from None


def set_aside_before(version: str, store: Store) -> tuple[int, tuple[Violation, ...]]:
    """The most rows that were set aside on the way to a version, and what they broke."""
    kept = [pl.read_parquet(BytesIO(store.read(name))) for name in store.names(f"quarantine/{version}")]
    if not kept:
        return 0, ()
    rows = max(kept, key=lambda table: table.height)
    told = Counter(reason for reasons in rows[REASONS] for reason in reasons.split("; "))
    violations = (
        Violation(column, rule, count, "kept in the quarantine")
        for (column, _, rule), count in ((reason.partition(": "), count) for reason, count in told.items())
    )
    return rows.height, tuple(violations)


def within(table: pl.DataFrame, period: Period, contract: Contract) -> pl.DataFrame:
    """The rows of the period, both ends included, and those without a time, which the contract's check sets aside.

    Args:
        table: conforming, as :func:`components.data.schema.conform` gives it.
        period: which rows are meant.
        contract: says what the column's values are; the ends are read as the same.

    Raises:
        ConfigError: there is no such column, or an end is no value of its type.
        DataError: no row is of the period.
    """
    if not period.limited:
        return table
    if period.column not in contract.names:
        raise ConfigError(
            f"config.toml: data.time is {period.column!r}, which schema.yaml does not have; it has "
            f"{', '.join(contract.names)}."
        )
    meant = of_period(table[period.column], period, contract.column(period.column).type)
    if not meant.any():
        raise DataError(
            f"No row of the source has {period.column!r} {period.told}; correct data.since and data.until."
        )
    return table.filter(meant.fill_null(value=True))


def of_period(values: pl.Series, period: Period, kind: ColumnType) -> pl.Series:
    """Which rows are of the period, shape (rows,); null for those without a time.

    Args:
        values: of the time column.
        period: which rows are meant.
        kind: what the column's values are; the ends are read as the same.

    Raises:
        ConfigError: an end is no value of its type, or a day is the end of numbers that are no years.
    """
    times = read_as(known(values, kind), kind)
    if kind == "category":
        times = times.cast(pl.String)
    meant = times.is_not_null()
    day = period.day
    if kind in ("integer", "number") and _DAY.fullmatch(day):
        meant &= _until_year(times, period)
        day = ""
    for key, text in (("since", period.since), ("until", period.until), ("until", day)):
        if not text:
            continue
        end = read_as(known(pl.Series([text]), kind), kind)[0]
        if end is None:
            raise ConfigError(
                f"config.toml: data.{key} is {text!r}, which is no {kind}, as {period.column!r} holds; write it like "
                f"{str(times.drop_nulls().head(1).to_list()[:1])[1:-1]}."
            )
        if key == "since":
            meant &= times >= end
        elif kind == "datetime" and len(text.strip()) == len("2026-01-31"):
            meant &= times < end + timedelta(days=1)
        else:
            meant &= times <= end
    return meant.set(times.is_null(), None)


def _until_year(years: pl.Series, period: Period) -> pl.Series:
    """Which years are not after that of a day.

    Raises:
        ConfigError: they are none.
    """
    # A row that breaks the contract is no reason to refuse: most of them must be years.
    usual = years.median()
    if usual is not None and not 1000 <= cast(float, usual) < 10_000:
        raise ConfigError(
            f"Wanted are the rows until {period.day}, but data.time is {period.column!r}, which holds numbers such as "
            f"{years.drop_nulls()[0]} that are no years of four digits: which of them come after that day is not known. Let the "
            "source give dates, times or years; or train without an end: make retrain REASON='...'."
        )
    return years < int(period.day[:4]) + 1


def require_positive(table: pl.DataFrame, purpose: Purpose) -> None:
    """Pass if the target takes the value that counts as positive, and another one.

    Raises:
        ConfigError: the positive value does not occur; it names those that do.
        DataError: no other one does.
    """
    if not purpose.two_classes:
        return
    found = sorted({str(value).lower() for value in table[purpose.target].unique().to_list()})
    if purpose.positive.lower() not in found:
        shown = ", ".join(found[:10]) + (", ..." if len(found) > 10 else "")
        raise ConfigError(
            f"config.toml: data.positive is {purpose.positive!r}, but {purpose.target!r} holds {shown}; name one of them."
        )
    if len(found) < 2:
        raise DataError(
            f"The target {purpose.target!r} is {purpose.positive} in every row; bring rows of another value too."
        )


def require_weights(table: pl.DataFrame, weight: str) -> None:
    """Pass if no weight is negative or infinite, and not all are 0; where "" is named, there is nothing to see.

    Raises:
        ConfigError: the column is not numeric.
        DataError: it says how many weights cannot be.
    """
    if not weight:
        return
    values = table[weight]
    if not values.dtype.is_numeric():
        raise ConfigError(
            f"config.toml: data.weight is {weight!r}, which holds no numbers; name a numeric column."
        )
    wrong = int((~((values >= 0) & values.cast(pl.Float64).is_finite())).sum())
    if wrong or not values.sum():
        raise DataError(
            f"The weights in {weight!r} must be 0 or more, and not all 0; {wrong:,} of {len(values):,} are negative or "
            "infinite. Correct the source, or set a minimum in schema.yaml, which sets such rows aside."
        )
