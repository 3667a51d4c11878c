"""The data contract: what each column holds, frozen in schema.yaml, and which rows break it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from components.errors import ContractError, DataError

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema

ColumnType = Literal["boolean", "integer", "number", "category", "text", "datetime"]

MOST_CATEGORIES = 200
REASONS = "reasons"
_TYPES: dict[ColumnType, Any] = {
    "boolean": pl.Boolean,
    "integer": pl.Int64,
    "number": pl.Float64,
    "category": pl.String,
    "text": pl.String,
    "datetime": pl.Datetime("us"),
}
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


@dataclass(frozen=True)
class ColumnRule:
    """What one column may hold.

    Attributes:
        name: the column.
        type: what its values are.
        nullable: whether values may be missing.
        unique: whether no value may come twice.
        minimum: the least allowed number, or None.
        maximum: the greatest allowed number, or None.
        categories: the allowed values, or None for any.
    """

    name: str
    type: ColumnType
    nullable: bool = False
    unique: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] | None = None

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        if self.categories is not None:
            return ", ".join(self.categories)
        if self.minimum is None and self.maximum is None:
            return "any"
        return f"{self.minimum} to {self.maximum}"


@dataclass(frozen=True)
class Contract:
    """What a table's columns must hold, in their order."""

    columns: tuple[ColumnRule, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(rule.name for rule in self.columns)

    @property
    def types(self) -> dict[str, str]:
        """The columns' types by name."""
        return {rule.name: rule.type for rule in self.columns}


@dataclass(frozen=True)
class Violation:
    """A rule that rows broke: where, which, how many rows, and one of the values."""

    column: str
    rule: str
    rows: int
    example: str


@dataclass(frozen=True)
class CheckedTable:
    """A table's rows that hold to the contract, those that do not with their ``reasons``, and the account."""

    accepted: pl.DataFrame
    quarantined: pl.DataFrame
    violations: tuple[Violation, ...]


def infer(table: pl.DataFrame) -> Contract:
    """The contract that the table's own values suggest: numbers with a tenth of their range as slack."""
    return Contract(tuple(_rule(table[name]) for name in table.columns))


def conform(table: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """The table with the contract's columns, order and types.

    Raises:
        ContractError: columns are missing or unexpected, or values are not of their column's type.
        DataError: the table is empty.
    """
    missing = [name for name in contract.names if name not in table.columns]
    unexpected = [name for name in table.columns if name not in contract.names]
    if missing or unexpected:
        found = [f"missing columns {missing}"] * bool(missing) + [f"unexpected columns {unexpected}"] * bool(
            unexpected
        )
        raise ContractError(
            f"The table does not match schema.yaml: {' and '.join(found)}. Mend the source, or the contract."
        )
    if not table.height:
        raise DataError("The table is empty; at least one row of each class is needed to learn anything.")
    return table.select(_typed(table[rule.name], rule) for rule in contract.columns)


def check(table: pl.DataFrame, contract: Contract, *, target: str, key: Sequence[str] = ()) -> CheckedTable:
    """Which rows of a conforming table hold to the contract; a row that breaks any rule is set aside.

    Raises:
        DataError: every row lacks the target, or the accepted rows have one class only.
        ContractError: rows repeat a key.
    """
    broken = [pair for rule in contract.columns for pair in _broken(rule, target)]
    flags = table.select(
        expression.fill_null(False).alias(str(n)) for n, (_, _, expression) in enumerate(broken)
    )
    counts = flags.sum().row(0) if broken else ()
    found = [n for n, count in enumerate(counts) if count]
    bad = reduce(or_, (flags[str(n)] for n in found), pl.Series([False]).new_from_index(0, table.height))
    reasons = pl.concat_str(
        [pl.when(flags[str(n)]).then(pl.lit(f"{broken[n][0]}: {broken[n][1]}")) for n in found],
        separator="; ",
        ignore_nulls=True,
    )
    quarantined = table.with_columns(reasons.alias(REASONS) if found else pl.lit("").alias(REASONS)).filter(
        bad
    )
    violations = tuple(
        Violation(broken[n][0], broken[n][1], counts[n], str(table[broken[n][0]].filter(flags[str(n)])[0]))
        for n in found
    )
    accepted = table.filter(~bad) if found else table
    _learnable(table, accepted, target)
    _keyed(accepted, key)
    return CheckedTable(accepted, quarantined, violations)


def too_many(checked: CheckedTable, limit_fraction: float) -> None:
    """Pass if the fraction of rows set aside is at most the limit.

    Raises:
        ContractError: with an account of columns, rules and rows.
    """
    rows = checked.accepted.height + checked.quarantined.height
    fraction = checked.quarantined.height / max(rows, 1)
    if fraction <= limit_fraction:
        return
    account = "\n".join(
        f"  {violation.column}: {violation.rule} in {violation.rows:,} rows, such as {violation.example!r}"
        for violation in sorted(checked.violations, key=lambda violation: -violation.rows)
    )
    raise ContractError(
        f"{checked.quarantined.height:,} of {rows:,} rows break schema.yaml ({fraction:.1%}; at most "
        f"{limit_fraction:.1%} may):\n{account}\nMend the source, or change the contract; the rows are in quarantine."
    )


def save(contract: Contract, path: Path) -> None:
    """Write schema.yaml in pandera's own form."""
    head = (
        "# The data contract. It was inferred from the table: review types, ranges and categories, then keep it.\n"
        "# Rows that break it are set aside with the reason.\n"
    )
    path.write_text(head + str(to_pandera(contract).to_yaml()), encoding="utf-8")


def load(path: Path) -> Contract:
    """The contract of a schema.yaml.

    Raises:
        ContractError: the file is missing or is no contract.
    """
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ContractError(f"{path.name}: not found; infer it from the table first.") from None


def parse(text: str) -> Contract:
    """The contract in the text of a schema.yaml.

    Raises:
        ContractError: the text is no contract.
    """
    import yaml

    try:
        content = yaml.safe_load(text)
        return Contract(tuple(_parsed(name, column) for name, column in content["columns"].items()))
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ContractError(f"schema.yaml: no contract of a table: {error!r}; infer it anew.") from None


def to_pandera(contract: Contract) -> DataFrameSchema:
    """The contract as a pandera schema for polars."""
    import pandera.polars as pa

    def column(rule: ColumnRule) -> Any:
        checks = [
            *([pa.Check.ge(rule.minimum)] if rule.minimum is not None else []),
            *([pa.Check.le(rule.maximum)] if rule.maximum is not None else []),
            *([pa.Check.isin(list(rule.categories))] if rule.categories is not None else []),
        ]
        return pa.Column(
            _TYPES[rule.type], checks, nullable=rule.nullable, unique=rule.unique, title=rule.type
        )

    return pa.DataFrameSchema({rule.name: column(rule) for rule in contract.columns}, strict=True)


def to_json(contract: Contract, features: Sequence[str], optional: Sequence[str]) -> dict[str, Any]:
    """What the server checks: the rules of the features, and of columns that may come along for the log."""
    rules = {rule.name: rule for rule in contract.columns}
    return {
        "features": [_plain(rules[name]) for name in features],
        "optional": [_plain(rules[name]) for name in optional],
    }


def _plain(rule: ColumnRule) -> dict[str, Any]:
    categories = None if rule.categories is None else list(rule.categories)
    return {**vars(rule), "categories": categories}


def _parsed(name: str, column: dict[str, Any]) -> ColumnRule:
    categories = column.get("isin")
    kind = column["title"]
    if kind not in _TYPES:
        raise KeyError(f"type {kind!r} of column {name!r}")
    return ColumnRule(
        str(name),
        kind,
        bool(column.get("nullable", False)),
        bool(column.get("unique", False)),
        column.get("greater_than_or_equal_to"),
        column.get("less_than_or_equal_to"),
        None if categories is None else tuple(str(category) for category in categories),
    )


def _rule(values: pl.Series) -> ColumnRule:
    nullable = values.null_count() > 0
    if values.dtype == pl.Boolean:
        return ColumnRule(values.name, "boolean", nullable)
    if values.dtype.is_numeric():
        kind: ColumnType = "integer" if values.dtype.is_integer() else "number"
        low, high = float(values.min() or 0), float(values.max() or 0)  # type: ignore[arg-type]
        slack = (high - low) / 10
        below = max(low - slack, 0.0) if low >= 0 else low - slack
        above = high + slack
        if kind == "integer":
            below, above = int(below), int(-(-above // 1))
        return ColumnRule(values.name, kind, nullable, minimum=below, maximum=above)
    if values.dtype in (pl.Date, pl.Datetime):
        return ColumnRule(values.name, "datetime", nullable)
    categories = sorted(values.drop_nulls().unique().cast(pl.String).to_list())
    if len(categories) > MOST_CATEGORIES:
        return ColumnRule(values.name, "text", nullable)
    return ColumnRule(values.name, "category", nullable, categories=tuple(categories))


def _typed(values: pl.Series, rule: ColumnRule) -> pl.Series:
    wanted = _TYPES[rule.type]
    try:
        if rule.type == "boolean" and values.dtype != pl.Boolean:
            text = values.cast(pl.String).str.to_lowercase().str.strip_chars()
            typed = text.replace_strict(
                {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)},
                default=None,
                return_dtype=pl.Boolean,
            )
            if typed.null_count() > values.null_count():
                raise pl.exceptions.InvalidOperationError(f"such as {text.filter(typed.is_null())[0]!r}")
            return typed
        if rule.type == "datetime" and values.dtype == pl.String:
            return values.str.to_datetime(time_unit="us")
        return values.cast(wanted)
    except (pl.exceptions.PolarsError, OverflowError) as error:
        reason = str(error).splitlines()[0]
        raise ContractError(
            f"schema.yaml: column {rule.name!r} must hold values of type {rule.type}, but the table has "
            f"{values.dtype} that cannot be read so: {reason}. Mend the source, or the contract."
        ) from None


def _broken(rule: ColumnRule, target: str) -> list[tuple[str, str, pl.Expr]]:
    column = pl.col(rule.name)
    rules: list[tuple[str, str, pl.Expr]] = []
    if not rule.nullable or rule.name == target:
        rules.append((rule.name, "missing", column.is_null()))
    if rule.minimum is not None:
        rules.append((rule.name, f"below {rule.minimum:g}", column < rule.minimum))
    if rule.maximum is not None:
        rules.append((rule.name, f"above {rule.maximum:g}", column > rule.maximum))
    if rule.categories is not None:
        rules.append((rule.name, "no known category", ~column.is_in(list(rule.categories))))
    if rule.unique:
        rules.append((rule.name, "repeated", column.is_not_null() & column.is_duplicated()))
    return rules


def _learnable(table: pl.DataFrame, accepted: pl.DataFrame, target: str) -> None:
    if table[target].null_count() == table.height:
        raise DataError(f"The target {target!r} has no value in any row; name another column in data.target.")
    if not accepted.height:
        raise DataError("No row holds to schema.yaml; mend the source, or the contract.")
    if accepted[target].n_unique() < 2:
        raise DataError(
            f"The target {target!r} is {accepted[target][0]!r} in all {accepted.height:,} rows; a model needs at "
            "least two classes. Widen data.since and data.until, or mend the source."
        )


def _keyed(accepted: pl.DataFrame, key: Sequence[str]) -> None:
    if not key:
        return
    repeated = accepted.select(pl.struct(key).is_duplicated().alias("repeated"))["repeated"]
    if repeated.any():
        example = accepted.filter(repeated).select(key).row(0)
        raise ContractError(
            f"The key {list(key)} is not unique: {int(repeated.sum()):,} rows share theirs with another, such as "
            f"{example}. Name further columns in data.key, or remove the repeated rows."
        )
