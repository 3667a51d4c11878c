"""From a table to shards of checked rows, which wait in the store to be scored; memory does not grow with the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from components.data.cellhash import logical_type
from components.data.checks import REASONS, Flag, account, judge
from components.data.contract import ColumnRule, ColumnType, Contract, Violation
from components.data.intake import Period, of_period
from components.data.reading import read_as
from components.data.spelling import respelled
from components.errors import ContractError, DataError
from components.scoring.identity import IDENTITY, identities, repeated
from components.scoring.shards import Keeping, Shard

if TYPE_CHECKING:
    from components.data.source import Taken
    from components.scoring.asked import Asked
    from components.store import Store

DRIFTED = "The table has drifted out of the bundle's contract"
"""How a refusal begins for which too many rows are to blame."""
_SHOWN = 60


@dataclass(frozen=True)
class Incoming:
    """A table that was checked.

    Attributes:
        folder: where its shards wait in the store.
        shards: all of them.
        data_version: of the rows that hold to the contract.
        order: digests of every row at its place, and of what was refused.
        violations: what the refused rows break.
    """

    folder: str
    shards: tuple[Shard, ...]
    data_version: str
    order: str
    violations: tuple[Violation, ...]

    @property
    def rows(self) -> int:
        """How many rows hold to the contract."""
        return sum(shard.rows for shard in self.shards)

    @property
    def refused(self) -> int:
        """How many do not."""
        return sum(shard.refused for shard in self.shards)


def take_in(
    taken: Taken, asked: Asked, *, shard_rows: int, most_refused_fraction: float, folder: str, store: Store
) -> Incoming:
    """The table in shards, each row of it checked.

    Args:
        taken: the table.
        asked: what is asked of it.
        shard_rows: the most rows of a shard; two of them are in memory at once.
        most_refused_fraction: of all rows; a table of which more break the contract is none to be scored.
        folder: where the shards are to wait; what is there is written over.
        store: which has the folder.

    Raises:
        ConfigError: the period or the key does not fit the table, or a name is taken.
        ContractError: the table has drifted out of the contract; what was set aside so far is kept in the folder.
        DataError: it cannot be read, or no row is meant.
    """
    reader = _Reader(taken, asked, shard_rows, most_refused_fraction * taken.rows)
    violations: dict[tuple[str, str], Violation] = {}
    with Keeping(folder, store) as kept:
        for good, bad, found in reader.batches():
            _merge(violations, found)
            kept.add(good, bad)
            _require_few(kept, taken.rows, most_refused_fraction, violations, folder)
    if not kept.shards:
        raise DataError(_nothing(asked.period))
    _require_few(kept, kept.rows + kept.refused, most_refused_fraction, violations, folder)
    return Incoming(folder, kept.shards, kept.data_version, kept.order, tuple(violations.values()))


class _Reader:
    """Reads a table by batches, each parted into the rows that hold to the contract and those that do not."""

    def __init__(self, taken: Taken, asked: Asked, shard_rows: int, most: float) -> None:
        self._taken, self._asked, self._rows = taken, asked, shard_rows
        schema = taken.frame.collect_schema()
        inputs = asked.inputs(schema.names())
        for name in asked.key:
            logical_type(name, schema[name])
        self._names = inputs.names
        self._contract = inputs
        if asked.period.limited:
            column = asked.period.column
            self._kind = _kind(schema[column], asked.period, spelled=column in asked.spelling.dates)
            rules = [
                replace(rule, nullable=False) if rule.name == column else rule for rule in inputs.columns
            ]
            timed = () if column in inputs.names else (ColumnRule(column, self._kind),)
            self._contract = Contract((*rules, *timed))
        self._spelling = replace(asked.spelling, drop=())
        self._repeated = repeated(self._identities, taken.rows, most, asked.key) if asked.key else None

    def batches(self) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, tuple[Violation, ...]]]:
        """The rows that hold, those that do not with their reasons, both named, and what the latter break."""
        for found in self._meant([*self._contract.names, *self._asked.key]):
            judged = judge(found, self._contract, list(self._key_flags(found)))
            named = judged.rows.select(found[IDENTITY], *self._names)
            if not len(judged.reasons):
                yield named, pl.DataFrame(), ()
                continue
            bad = found.filter(judged.bad)
            refused = bad.select(_as_text(bad)).with_columns(judged.reasons.alias(REASONS))
            yield named.filter(~judged.bad), refused, judged.violations

    def _meant(self, names: Sequence[str]) -> Iterator[pl.DataFrame]:
        """The rows of the period, each with its name; those without a time are among them, to be refused."""
        period, first = self._asked.period, 0
        for batch in self._taken.batches(list(dict.fromkeys(names)), self._rows):
            found = respelled(batch, self._spelling)
            found = found.with_columns(identities(found, self._asked.key, first))
            first += batch.height
            if period.limited:
                meant = of_period(found[period.column], period, self._kind)
                found = found.filter(meant.fill_null(value=True))
            if found.height:
                yield found

    def _identities(self) -> Iterator[pl.Series]:
        time = (self._asked.period.column,) if self._asked.period.limited else ()
        yield pl.Series(IDENTITY, [], pl.String)
        for found in self._meant([*self._asked.key, *time]):
            yield found[IDENTITY]

    def _key_flags(self, found: pl.DataFrame) -> Iterator[Flag]:
        for name in self._asked.key:
            if found[name].null_count():
                yield Flag((name,), "missing", found[name].is_null())
        if self._repeated is not None and len(self._repeated):
            again = found[IDENTITY].is_in(self._repeated.implode()).fill_null(value=False)
            if again.any():
                yield Flag(tuple(self._asked.key), "repeated key", again)


def _kind(dtype: pl.DataType, period: Period, *, spelled: bool) -> ColumnType:
    """What the values of a time column are, by how they are stored and, of texts, by what the ends of the period are."""
    if dtype.is_temporal() or spelled:
        return "datetime"
    if dtype.is_numeric():
        return "integer" if dtype.is_integer() else "number"
    ends = pl.Series([end for end in (period.since, period.until) if end])
    kinds: tuple[ColumnType, ...] = ("integer", "number", "datetime")
    return next((kind for kind in kinds if not read_as(ends, kind).null_count()), "category")


def _as_text(found: pl.DataFrame) -> list[pl.Series]:
    """Rows as they were found, as texts: what is wrong with a value is often its type."""
    return [
        pl.Series(values.name, [None if each is None else str(each) for each in values.to_list()], pl.String)
        for values in found
    ]


def _merge(violations: dict[tuple[str, str], Violation], found: Sequence[Violation]) -> None:
    for each in found:
        before = violations.get(
            (each.column, each.rule), replace(each, rows=0, example=each.example[:_SHOWN])
        )
        violations[each.column, each.rule] = replace(before, rows=before.rows + each.rows)


def _require_few(
    kept: Keeping,
    rows: int,
    fraction: float,
    violations: Mapping[tuple[str, str], Violation],
    folder: str,
) -> None:
    """Pass if no more rows were refused than may be, of ``rows``; told after every shard, not at the end."""
    refused, seen = kept.refused, kept.rows + kept.refused
    if refused <= fraction * rows:
        return
    raise ContractError(
        f"{DRIFTED}: {refused:,} of the {seen:,} rows that were looked at break it "
        f"({refused / seen:.2%}); at most {fraction:.2%} of all may (data.max_quarantined_fraction):\n"
        f"{account(tuple(violations.values()))}\n"
        f"Nothing was scored; the rows with their reasons are kept in {folder} of the store, in the files that begin with refused-. "
        "Correct the source, or train on what the world has become."
    )


def _nothing(period: Period) -> str:
    if not period.limited:
        return "The table is empty: it has its columns but no rows. Look for what emptied the source."
    return (
        f"No row of the table has {period.column!r} from {period.since or 'the start'} to {period.until or 'the end'}; "
        "correct since and until."
    )
