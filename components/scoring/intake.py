"""From a table to shards of checked rows, which wait in the store to be scored; memory does not grow with the table."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import polars as pl

from components.data import contract_json
from components.data.cellhash import logical_type
from components.data.checks import REASONS, Flag, account, judge
from components.data.contract import ColumnRule, ColumnType, Contract, Violation
from components.data.intake import Period, of_period
from components.data.reading import read_as
from components.data.snapshot import Growing
from components.data.spelling import Spelling, respelled
from components.errors import ConfigError, ContractError, DataError
from components.scoring.identity import identities, repeated

if TYPE_CHECKING:
    from components.data.source import Taken
    from components.store import Store

IDENTITY = "prediction_id"
WRITTEN = (IDENTITY, "served_at", "model_version", "bundle_id", "variant", "data_version")
"""The columns that stand before the inputs."""

_SHOWN = 60


@dataclass(frozen=True)
class Asked:
    """What is asked of a table.

    Attributes:
        features: what the columns that a row must have may hold, by the bundle's contract.
        optional: the same of those that it may have.
        period: which rows are meant.
        key: columns that identify a row; none for its place in the table.
        spelling: what the source's values stand for.
        reserved: names that no input may have: those of the predictions.
    """

    features: Contract
    optional: Contract = field(default_factory=partial(Contract, ()))
    period: Period = field(default_factory=Period)
    key: Sequence[str] = ()
    spelling: Spelling = field(default_factory=Spelling)
    reserved: Sequence[str] = ()

    @classmethod
    def of_bundle(cls, content: Mapping[str, Any], **others: Any) -> Asked:
        """What a bundle's contract.json asks, with the other attributes as given.

        Raises:
            BundleError: it is no contract.
        """
        features, optional = contract_json.from_json(content)
        return cls(features, optional, **others)

    def inputs(self, names: Collection[str]) -> Contract:
        """The rules of the inputs that a table with these columns has; its other columns are not read.

        Raises:
            ContractError: it lacks some that it must have.
            ConfigError: an input is called what the scores need for themselves.
        """
        time = (self.period.column,) if self.period.limited else ()
        wanted = dict.fromkeys((*self.features.names, *self.key, *time))
        if missing := [name for name in wanted if name not in names]:
            raise ContractError(
                f"The table has no column {', '.join(missing)}, and so it cannot be scored: the bundle's contract asks for "
                f"{', '.join(self.features.names)}"
                + (", and config.toml for the rest" if self.key or time else "")
                + f". It has {', '.join(names)}. Correct the source."
            )
        rules = (*self.features.columns, *(rule for rule in self.optional.columns if rule.name in names))
        if taken := [rule.name for rule in rules if rule.name in (*WRITTEN, REASONS, *self.reserved)]:
            raise ConfigError(
                f"The inputs {taken} are called what the scores need for themselves; train with other names."
            )
        return Contract(rules)


@dataclass(frozen=True)
class Shard:
    """Rows that are scored together, as they wait in the store.

    Attributes:
        number: of the shard, from 0.
        rows: how many hold to the contract.
        refused: how many do not.
        sha256: of the two objects, "" for one that there is not.
    """

    number: int
    rows: int
    refused: int
    sha256: tuple[str, str]


@dataclass(frozen=True)
class Incoming:
    """A table that was checked.

    Attributes:
        folder: where its shards wait in the store.
        shards: all of them.
        data_version: of the rows that hold to the contract.
        order: a digest of every row, its place and what was refused of it.
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
        shard_rows: the most rows in memory at once.
        most_refused_fraction: of all rows; a table of which more break the contract is none to be scored.
        folder: where the shards are to wait; what is there is written over.
        store: which has the folder.

    Raises:
        ConfigError: the period or the key does not fit the table, or a name is taken.
        ContractError: the table has drifted out of the contract; what was set aside so far is kept in the folder.
        DataError: it cannot be read, or no row is meant.
    """
    reader = _Reader(taken, asked, shard_rows, most_refused_fraction * taken.rows)
    rows, told = Growing(), Growing()
    shards: list[Shard] = []
    violations: dict[tuple[str, str], Violation] = {}
    schema: Mapping[str, pl.DataType] = {}
    for good, bad, found in reader.batches():
        shards.append(_kept(len(shards), good, bad, folder, store))
        inputs = good.drop(IDENTITY)
        schema = inputs.schema
        rows.add(inputs)
        told.add(good.select(IDENTITY))
        told.add(bad)
        _merge(violations, found)
        _require_few(shards, taken.rows, most_refused_fraction, violations, folder)
    if not shards:
        raise DataError(_nothing(asked.period))
    incoming = Incoming(folder, tuple(shards), rows.version(schema), "", tuple(violations.values()))
    _require_few(shards, incoming.rows + incoming.refused, most_refused_fraction, violations, folder)
    return replace(incoming, order=_digest(f"{rows.order} {told.order}".encode()))


def waiting(folder: str, number: int) -> tuple[str, str]:
    """The names of the two objects of a shard: its rows, and those that are refused."""
    return f"{folder}/rows-{number:05d}.parquet", f"{folder}/refused-{number:05d}.parquet"


def fetched(folder: str, shard: Shard, store: Store) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    """The rows of a shard that hold to the contract, and those that do not; None for none of them.

    Raises:
        DataError: an object of the store is not what was written.
    """
    names = waiting(folder, shard.number)
    return _fetched(names[0], shard.sha256[0], store), _fetched(names[1], shard.sha256[1], store)


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
            timed = () if column in inputs.names else (ColumnRule(column, self._kind),)
            self._contract = Contract((*inputs.columns, *timed))
        self._spelling = replace(asked.spelling, drop=())
        self._repeated = repeated(self._identities, taken.rows, most, asked.key) if asked.key else None

    def batches(self) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, tuple[Violation, ...]]]:
        """The rows that hold, those that do not with their reasons, both named, and what the latter break."""
        for found in self._meant([*self._contract.names, *self._asked.key]):
            judged = judge(found, self._contract, list(self._key_flags(found)))
            named = judged.rows.select(found[IDENTITY], *self._names)
            refused = found.filter(judged.bad).select(_as_text(found.filter(judged.bad)))
            yield (
                named.filter(~judged.bad),
                refused.with_columns(judged.reasons.alias(REASONS)),
                judged.violations,
            )

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


def _kept(number: int, good: pl.DataFrame, bad: pl.DataFrame, folder: str, store: Store) -> Shard:
    digests = tuple(
        _written(name, rows, store) if rows.height else ""
        for name, rows in zip(waiting(folder, number), (good, bad), strict=True)
    )
    return Shard(number, good.height, bad.height, (digests[0], digests[1]))


def _written(name: str, rows: pl.DataFrame, store: Store) -> str:
    buffer = BytesIO()
    rows.write_parquet(buffer, compression="lz4", statistics=False)
    store.write(name, buffer.getvalue())
    return _digest(buffer.getvalue())


def _fetched(name: str, sha256: str, store: Store) -> pl.DataFrame | None:
    if not sha256:
        return None
    try:
        content = store.read(name)
    except FileNotFoundError:
        raise DataError(f"{name} in the store is missing; score the table again.") from None
    if _digest(content) != sha256:
        raise DataError(f"{name} in the store was altered after it was written; score the table again.")
    return pl.read_parquet(BytesIO(content))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _merge(violations: dict[tuple[str, str], Violation], found: Sequence[Violation]) -> None:
    for each in found:
        before = violations.get(
            (each.column, each.rule), replace(each, rows=0, example=each.example[:_SHOWN])
        )
        violations[each.column, each.rule] = replace(before, rows=before.rows + each.rows)


def _require_few(
    shards: Sequence[Shard],
    rows: int,
    fraction: float,
    violations: Mapping[tuple[str, str], Violation],
    folder: str,
) -> None:
    """Pass if no more rows were refused than may be, of ``rows``; told after every shard, not at the end."""
    refused, seen = (
        sum(shard.refused for shard in shards),
        sum(shard.rows + shard.refused for shard in shards),
    )
    if refused <= fraction * rows:
        return
    raise ContractError(
        f"The table has drifted out of the bundle's contract: {refused:,} of the {seen:,} rows that were looked at break it "
        f"({refused / seen:.2%}); at most {fraction:.2%} of all may (data.max_quarantined_fraction):\n"
        f"{account(tuple(violations.values()))}\n"
        f"Nothing was scored; the rows with their reasons are kept in {folder}/refused-*.parquet of the store. Correct the "
        "source, or train on what the world has become."
    )


def _nothing(period: Period) -> str:
    if not period.limited:
        return "The table is empty: it has its columns but no rows. Look for what emptied the source."
    return (
        f"No row of the table has {period.column!r} from {period.since or 'the start'} to {period.until or 'the end'}; "
        "correct since and until."
    )
