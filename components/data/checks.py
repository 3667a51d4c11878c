"""Which rows hold to the contract. Verdicts are those of pandera on the same schema.yaml, which a test proves."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from components.data.conformity import converted, holding, require_form, typed
from components.data.contract import STORED_AS, CheckedTable, ColumnRule, Contract, Violation, written
from components.data.reading import read_as
from components.data.rowhash import different, row_hashes
from components.errors import ContractError, DataError

REASONS = "reasons"
_AT_ONCE = 4


def check(
    table: pl.DataFrame,
    contract: Contract,
    *,
    target: str,
    key: Sequence[str] = (),
    required: Sequence[str] = (),
) -> CheckedTable:
    """The table's rows, parted into those that hold to the contract and those that break it.

    A missing target, a missing part of the key and a repeated key break it too. Of rows that repeat a value or a key,
    all are set aside, so that the verdict on a row does not depend on the order of the rows.

    Args:
        table: With the contract's columns; what is not in the contract's types yet is brought to them.
        contract: What each column may hold.
        target: The column to predict.
        key: Columns that together identify a row.
        required: Further columns without which a row is of no use, whatever the contract allows.

    Raises:
        ContractError: If the table breaks the contract as a whole: missing or unexpected columns, no rows, a column
            of another type.
        DataError: If the target has no value, or only one.
    """
    _require_named(contract, target, *key, *required)
    require_form(table.columns, table.height, contract)
    needed = {target, *key, *required}
    kept = holding(table, {rule.name: _kept(rule, table, needed) for rule in contract.columns})
    suspects = set(contract.names) - kept
    found = converted(table.get_column, contract, suspects)
    whole = _in_types(found, contract)
    _require_classes(whole[target], target)
    flags = [*_column_flags(found, whole, contract, suspects, needed), *_key_flags(whole, key)]
    if not flags:
        return CheckedTable(whole, found.clear().with_columns(pl.lit("").alias(REASONS)), ())
    bad = flags[0].rows
    for flag in flags[1:]:
        bad = bad | flag.rows
    violations = tuple(flag.violation(found) for flag in flags)
    quarantined = found.filter(bad).with_columns(_reasons(flags, bad))
    columns = whole.get_columns()
    del table, found, whole  # unless the caller keeps them, their rows are not held twice
    accepted = _filtered(columns, ~bad)
    if accepted.height:
        _require_classes(accepted[target], target, _set_aside(quarantined.height, violations))
    return CheckedTable(accepted, quarantined, violations)


@dataclass(frozen=True)
class Judged:
    """Rows of a table, each with its verdict.

    Attributes:
        rows: All of them in the contract's types, with nothing in place of values that cannot be read so.
        bad: Which of them break the contract, shape (rows,).
        reasons: What each bad row breaks, shape (bad rows,).
        violations: The account, by column and rule.
    """

    rows: pl.DataFrame
    bad: pl.Series
    reasons: pl.Series
    violations: tuple[Violation, ...]


def judge(table: pl.DataFrame, contract: Contract, also: Sequence[Flag] = ()) -> Judged:
    """The verdict on each row of a part of a table, by itself: nothing is asked of a target, and no row is parted off.

    A row breaks the contract here if it does so in :func:`check`, or holds an infinite number: no program was made for it.

    Args:
        table: With the contract's columns, and those of ``also``.
        contract: What each column may hold.
        also: Rows that are bad for further reasons.
    """
    kept = holding(table, {rule.name: _kept(rule, table, set()) for rule in contract.columns})
    suspects = set(contract.names) - kept
    found = converted(_categorized(table, contract, suspects).get_column, contract, suspects, whole=False)
    rows = _in_types(found, contract)
    flags = [*_column_flags(found, rows, contract, suspects, set()), *_infinite(rows), *also]
    if not flags:
        return Judged(
            rows, pl.repeat(value=False, n=table.height, eager=True), pl.Series([], dtype=pl.String), ()
        )
    bad = pl.DataFrame([flag.rows.alias(str(n)) for n, flag in enumerate(flags)]).select(
        pl.any_horizontal("*")
    )
    values = table.with_columns(found)
    return Judged(
        rows,
        bad.to_series(),
        pl.select(_reasons(flags, bad.to_series())).to_series(),
        tuple(flag.violation(values) for flag in flags),
    )


def _categorized(table: pl.DataFrame, contract: Contract, names: Collection[str]) -> pl.DataFrame:
    """The table with texts that stand for categories as such: all columns at once, which takes as many processors as there are."""
    texts = [
        rule.name
        for rule in contract.columns
        if rule.name in names and rule.type == "category" and table.schema[rule.name] == pl.String
    ]
    return table.with_columns(pl.col(texts).cast(pl.Categorical))


def _infinite(rows: pl.DataFrame) -> Iterator[Flag]:
    for values in rows.select(pl.selectors.float()):
        infinite = values.is_infinite().fill_null(value=False)
        if infinite.any():
            yield Flag((values.name,), "infinite", infinite)


def too_many(checked: CheckedTable, limit_fraction: float) -> None:
    """None, if at most the fraction ``limit_fraction`` of the rows was set aside.

    Raises:
        ContractError: If more were, with the account of columns, rules and rows, the most frequent first.
    """
    bad = checked.quarantined.height
    rows = checked.accepted.height + bad
    if bad <= limit_fraction * rows:
        return
    raise ContractError(
        f"{bad:,} of {rows:,} rows ({bad / rows:.2%}) break schema.yaml; at most {limit_fraction:.2%} may:\n"
        f"{account(checked.violations)}\n"
        "Correct the source, or widen the rules in schema.yaml if the values are right."
    )


@dataclass(frozen=True)
class _Rule:
    """A rule of one column: in words, which rows break it, and whether all keep it."""

    words: str
    broken: pl.Expr
    kept: pl.Expr


@dataclass(frozen=True)
class Flag:
    """The rows that break one rule, and the columns that show it."""

    columns: tuple[str, ...]
    words: str
    rows: pl.Series

    @property
    def column(self) -> str:
        return ", ".join(self.columns)

    def violation(self, table: pl.DataFrame) -> Violation:
        first = self.rows.arg_max() or 0
        example = ", ".join(map(_shown, table.select(self.columns).row(first)))
        return Violation(self.column, self.words, int(self.rows.sum()), example)


def _rules(rule: ColumnRule) -> Iterator[_Rule]:
    column = pl.col(rule.name)
    if rule.minimum is not None:
        least = _bound(rule, rule.minimum)
        yield _Rule(f"below {written(rule.minimum)}", column < least, column.min() >= least)
    if rule.maximum is not None:
        most = _bound(rule, rule.maximum)
        yield _Rule(f"above {written(rule.maximum)}", column > most, column.max() <= most)
    if rule.categories is not None:
        member = column.is_in(list(rule.categories))
        yield _Rule("no known category", ~member, member.all())
    if rule.unique:
        yield _Rule("repeated", column.is_duplicated(), column.n_unique() == column.len())


def _bound(rule: ColumnRule, bound: float) -> float:
    """Whole bounds of integers as integers: as doubles, large integers would be compared inexactly."""
    return int(bound) if rule.type == "integer" and float(bound).is_integer() else bound


def _kept(rule: ColumnRule, table: pl.DataFrame, required: set[str]) -> pl.Expr:
    """Whether every row keeps every rule of a column, which is in the rule's type already."""
    values = table[rule.name]
    if values.dtype != STORED_AS[rule.type] or (values.null_count() and _needed(rule, required)):
        return pl.lit(value=False)
    conditions = [each.kept.fill_null(value=True) for each in _rules(rule)]
    if rule.categories is None or "" in rule.categories:
        conditions.append(typed(rule, values.dtype))
    return pl.all_horizontal(conditions)


def _needed(rule: ColumnRule, required: set[str]) -> bool:
    return not rule.nullable or rule.name in required


def _in_types(found: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """The table in the contract's types, with nothing in place of values of other types."""
    return found.with_columns(
        read_as(found[rule.name], rule.type)
        for rule in contract.columns
        if found[rule.name].dtype != STORED_AS[rule.type]
    )


def _column_flags(
    found: pl.DataFrame, whole: pl.DataFrame, contract: Contract, suspects: set[str], required: set[str]
) -> Iterator[Flag]:
    for rule in contract.columns:
        if rule.name not in suspects:
            continue
        values = found[rule.name]
        if values.dtype != STORED_AS[rule.type]:
            unreadable = whole[rule.name].is_null() & values.is_not_null()
            yield Flag((rule.name,), f"not of type {rule.type}", unreadable)
        if values.null_count() and _needed(rule, required):
            yield Flag((rule.name,), "missing", values.is_null())
        for each in _rules(rule):
            rows = whole.select(each.broken.fill_null(value=False)).to_series()
            if rows.any():
                yield Flag((rule.name,), each.words, rows)


def _key_flags(whole: pl.DataFrame, key: Sequence[str]) -> Iterator[Flag]:
    identity = row_hashes(whole, key) if key else np.empty(0, np.uint64)
    if different(identity) < len(identity):
        complete = whole.select(pl.all_horizontal(pl.col(key).is_not_null())).to_series()
        repeated = pl.Series(identity).is_duplicated() & complete
        if repeated.any():
            yield Flag(tuple(key), "repeated key", repeated)


def _reasons(flags: Sequence[Flag], bad: pl.Series) -> pl.Expr:
    """What each bad row breaks."""
    told = [
        pl.when(flag.rows.filter(bad)).then(pl.lit(f"{flag.column}: {flag.words}")).alias(str(n))
        for n, flag in enumerate(flags)
    ]
    return pl.concat_str(told, separator="; ", ignore_nulls=True).alias(REASONS)


def _filtered(columns: list[pl.Series], good: pl.Series) -> pl.DataFrame:
    """The good rows; the columns are taken out of the list, a few at a time."""
    parts = []
    while columns:
        parts.append(pl.DataFrame(columns[:_AT_ONCE]).filter(good))
        del columns[:_AT_ONCE]
    return pl.concat(parts, how="horizontal")


def account(violations: Sequence[Violation]) -> str:
    """The violations, one a line, the most frequent first."""
    return "\n".join(
        f"  {violation.column}: {violation.rule} in {violation.rows:,} rows, such as {violation.example}"
        for violation in sorted(violations, key=lambda violation: -violation.rows)
    )


def _set_aside(rows: int, violations: Sequence[Violation]) -> str:
    return f". Of the others, {rows:,} break schema.yaml and are set aside:\n{account(violations)}\n"


def _require_named(contract: Contract, *names: str) -> None:
    for name in names:
        contract.column(name)
    if REASONS in contract.names:
        raise ContractError(
            f"A column is called {REASONS!r}, which the quarantine needs for itself; give it another name."
        )


def _require_classes(values: pl.Series, target: str, set_aside: str = "") -> None:
    present = values.drop_nulls()
    if not len(present):
        raise DataError(f"The target {target!r} has no value in any row; name another column in data.target.")
    if (present == present[0]).all():
        raise DataError(
            f"The target {target!r} is {_shown(present[0])} in all {len(present):,} rows that have it{set_aside or '. '}"
            "A model needs at least two classes: take in more rows, or name another column in data.target."
        )


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else repr(value)
