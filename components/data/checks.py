"""Which rows hold to the contract. Verdicts are those of pandera on the same schema.yaml, which a test proves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from components.data.conformity import IN_WORDS, conform, unreadable
from components.data.contract import STORED_AS, CheckedTable, ColumnRule, Contract, Violation
from components.data.reading import read_as
from components.data.rowhash import row_hashes
from components.errors import ContractError, DataError

REASONS = "reasons"


def check(table: pl.DataFrame, contract: Contract, *, target: str, key: Sequence[str] = ()) -> CheckedTable:
    """The table's rows, parted into those that hold to the contract and those that break it.

    A missing target, a missing part of the key and a repeated key break it too. Of rows that repeat a value or a key,
    all are set aside, so that the verdict on a row does not depend on the order of the rows.

    Args:
        table: With the contract's columns; it is brought to the contract's types first.
        contract: What each column may hold.
        target: The column to predict.
        key: Columns that together identify a row.

    Raises:
        ContractError: If the table breaks the contract as a whole: see :func:`components.data.conformity.conform`.
        DataError: If the target has no value, or only one.
    """
    _require_named(contract, target, key)
    found = conform(table, contract)
    typed = _typed(found, contract)
    _require_classes(typed[target], target, "")
    broken = [flag for flag in _flags(found, typed, contract, target, key) if flag.rows.any()]
    if not broken:
        return CheckedTable(typed, found.clear().with_columns(pl.lit("").alias(REASONS)), ())
    bad = pl.select(pl.any_horizontal(flag.rows.alias(str(n)) for n, flag in enumerate(broken))).to_series()
    accepted = typed.filter(~bad)
    if accepted.height:
        _require_classes(accepted[target], target, f" once {bad.sum():,} rows that break schema.yaml are set aside")
    quarantined = found.with_columns(_reasons(broken)).filter(bad)
    return CheckedTable(accepted, quarantined, tuple(flag.violation(found) for flag in broken))


def too_many(checked: CheckedTable, limit_fraction: float) -> None:
    """None, if at most the fraction ``limit_fraction`` of the rows was set aside.

    Raises:
        ContractError: If more were, with the account of columns, rules and rows, the most frequent first.
    """
    bad = checked.quarantined.height
    rows = checked.accepted.height + bad
    if bad <= limit_fraction * rows:
        return
    account = "\n".join(
        f"  {violation.column}: {violation.rule} in {violation.rows:,} rows, such as {violation.example}"
        for violation in sorted(checked.violations, key=lambda violation: -violation.rows)
    )
    raise ContractError(
        f"{bad:,} of {rows:,} rows ({bad / rows:.2%}) break schema.yaml; at most {limit_fraction:.2%} may:\n{account}\n"
        "Correct the source, or widen the rules in schema.yaml if the values are right"
    )


@dataclass(frozen=True)
class _Rule:
    """A rule of one column: in words, which rows break it, and a quick way to tell that none does."""

    column: str
    words: str
    broken: pl.Expr
    kept: pl.Expr


@dataclass(frozen=True)
class _Flag:
    """The rows that break one rule, and the columns that show it."""

    columns: tuple[str, ...]
    words: str
    rows: pl.Series

    @property
    def column(self) -> str:
        return ", ".join(self.columns)

    def violation(self, table: pl.DataFrame) -> Violation:
        first = self.rows.arg_max() or 0
        example = ", ".join(repr(value) for value in table.select(self.columns).row(first))
        return Violation(self.column, self.words, int(self.rows.sum()), example)


def _typed(found: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """The table in the contract's types, with nothing in place of values of other types."""
    return found.with_columns(
        read_as(found[rule.name], rule.type)
        for rule in contract.columns
        if found[rule.name].dtype != STORED_AS[rule.type]
    )


def _flags(
    found: pl.DataFrame, typed: pl.DataFrame, contract: Contract, target: str, key: Sequence[str]
) -> Iterator[_Flag]:
    for rule in contract.columns:
        values = found[rule.name]
        if values.dtype != STORED_AS[rule.type]:
            yield _Flag((rule.name,), f"not {IN_WORDS[rule.type]}", unreadable(values, rule))
        if values.null_count() and (not rule.nullable or rule.name in {target, *key}):
            yield _Flag((rule.name,), "missing", values.is_null())
    rules = [rule for column in contract.columns for rule in _rules(column)]
    kept = typed.lazy().select(rule.kept.alias(str(n)) for n, rule in enumerate(rules)).collect()
    for rule, holds in zip(rules, kept.row(0) if rules else (), strict=True):
        if holds is False:
            rows = typed.select(rule.broken.fill_null(value=False)).to_series()
            yield _Flag((rule.column,), rule.words, rows)
    if key:
        yield _Flag(tuple(key), "repeated key", _repeated(typed, key))


def _rules(rule: ColumnRule) -> Iterator[_Rule]:
    column = pl.col(rule.name)
    if rule.minimum is not None:
        least = _bound(rule, rule.minimum)
        yield _Rule(rule.name, f"below {rule.minimum:.15g}", column < least, column.min() >= least)
    if rule.maximum is not None:
        most = _bound(rule, rule.maximum)
        yield _Rule(rule.name, f"above {rule.maximum:.15g}", column > most, column.max() <= most)
    if rule.categories is not None:
        member = column.is_in(list(rule.categories))
        yield _Rule(rule.name, "no known category", ~member, member.all())
    if rule.unique:
        yield _Rule(rule.name, "repeated", column.is_duplicated(), column.n_unique() == column.len())


def _bound(rule: ColumnRule, bound: float) -> float:
    """Whole bounds of integers as integers: as doubles, large integers would be compared inexactly."""
    return int(bound) if rule.type == "integer" and float(bound).is_integer() else bound


def _repeated(typed: pl.DataFrame, key: Sequence[str]) -> pl.Series:
    identity = pl.Series(row_hashes(typed, key))
    if identity.n_unique() == len(identity):
        return pl.Series([False]).new_from_index(0, len(identity))
    complete = typed.select(pl.all_horizontal(pl.col(key).is_not_null())).to_series()
    return identity.is_duplicated() & complete


def _reasons(broken: Sequence[_Flag]) -> pl.Expr:
    told = [pl.when(flag.rows).then(pl.lit(f"{flag.column}: {flag.words}")) for flag in broken]
    return pl.concat_str(told, separator="; ", ignore_nulls=True).alias(REASONS)


def _require_named(contract: Contract, target: str, key: Sequence[str]) -> None:
    for name in (target, *key):
        contract.column(name)
    if REASONS in contract.names:
        raise ContractError(f"a column is called {REASONS!r}, which the quarantine needs; give it another name")


def _require_classes(values: pl.Series, target: str, when: str) -> None:
    classes = values.drop_nulls().unique()
    if not len(classes):
        raise DataError(f"the target {target!r} has no value in any row{when}; name another column in data.target")
    if len(classes) == 1:
        raise DataError(
            f"the target {target!r} is {_shown(classes[0])} in all {len(values) - values.null_count():,} rows that have it"
            f"{when}; a model needs at least two classes: take in more rows, or name another column in data.target"
        )


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
