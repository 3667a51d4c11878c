"""From a source, or from the store, to a checked and immutable snapshot: the first step of every flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from components.data import schema, snapshot, source
from components.data.schema import Contract, Violation
from components.data.snapshot import Snapshot
from components.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.store import Store


@dataclass(frozen=True)
class Period:
    """Which rows of a source are meant, by the column that says when they were observed.

    Attributes:
        column: the time column, or "" for all rows.
        since: the first value that is meant, or "".
        until: the last value that is meant, or "".
    """

    column: str = ""
    since: str = ""
    until: str = ""


@dataclass(frozen=True)
class Intake:
    """What was taken in.

    Attributes:
        snapshot: the accepted rows.
        source_rows: rows that the source gave for the period.
        quarantined_rows: of these, the rows set aside.
        quarantine: the name of the object in the store that holds them, or "".
        violations: what they broke.
    """

    snapshot: Snapshot
    source_rows: int
    quarantined_rows: int = 0
    quarantine: str = ""
    violations: tuple[Violation, ...] = ()


def take_in(
    location: str,
    *,
    named: str,
    period: Period,
    contract: Contract,
    target: str,
    key: Sequence[str],
    max_quarantined_fraction: float,
    store: Store,
    version: str = "",
) -> Intake:
    """The snapshot of a source's rows that hold to the contract; the others go to the quarantine.

    Args:
        location: where to read.
        named: the source as records shall name it.
        period: which rows are meant.
        contract: what every row must hold to.
        target: the column to predict.
        key: columns that identify a row.
        max_quarantined_fraction: more rows than this set aside stop the run.
        store: where snapshot and quarantine are kept.
        version: bring back these rows of the store instead of reading the source.

    Raises:
        DataError: the source cannot be read, or no row is left.
        ContractError: the table breaks the contract as a whole, or too many rows do.
    """
    if version:
        return bring_back(version, store)
    table = schema.conform(within(source.read(location), period).collect(), contract)
    checked = schema.check(table, contract, target=target, key=key)
    version = snapshot.content_version(checked.accepted)
    quarantine = (
        snapshot.quarantine(checked.quarantined, version, store) if checked.quarantined.height else ""
    )
    schema.too_many(checked, max_quarantined_fraction)
    taken = snapshot.take(checked.accepted, source=named, store=store)
    return Intake(taken, table.height, checked.quarantined.height, quarantine, checked.violations)


def bring_back(version: str, store: Store) -> Intake:
    """The snapshot of an earlier data version, verified.

    Raises:
        DataError: the store has no such version, or it is corrupted.
    """
    table = snapshot.load(version, store)
    known = next(kept for kept in snapshot.versions(store) if kept.version == version)
    return Intake(known, table.height)


def within(table: pl.LazyFrame, period: Period) -> pl.LazyFrame:
    """The rows of the period, both ends included.

    Raises:
        ConfigError: there is no such column, or an end is no value of its type.
        DataError: no row is of the period.
    """
    if not (period.since or period.until):
        return table
    types = table.collect_schema()
    if period.column not in types:
        raise ConfigError(
            f"config.toml: data.time is {period.column!r}, which the source does not have; it has {types.names()}."
        )
    column = pl.col(period.column)
    try:
        for text, keep in ((period.since, column.__ge__), (period.until, column.__le__)):
            if text:
                table = table.filter(keep(pl.Series([text]).cast(types[period.column])[0]))
    except pl.exceptions.PolarsError as error:
        raise ConfigError(
            f"config.toml: data.since or data.until is no value of {period.column!r} ({types[period.column]}): {error}"
        ) from None
    if table.select(pl.len()).collect().item() == 0:
        raise DataError(
            f"No row of the source has {period.column!r} from {period.since or 'the start'} to "
            f"{period.until or 'the end'}; correct data.since and data.until."
        )
    return table
