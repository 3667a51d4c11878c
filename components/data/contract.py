"""The data contract: what each column of a table may hold."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from components.errors import ContractError

ColumnType = Literal["boolean", "integer", "number", "category", "text", "datetime"]

STORED_AS: dict[ColumnType, pl.DataType] = {
    "boolean": pl.Boolean(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "category": pl.Categorical(),
    "text": pl.String(),
    "datetime": pl.Datetime("us"),
}
"""How a conforming table stores each type. Times are in UTC where the source names a time zone."""


def written(bound: float) -> str:
    """A bound as people write it: 18, and not 18.0."""
    return str(int(bound)) if float(bound).is_integer() and abs(bound) < 1e16 else str(bound)


@dataclass(frozen=True)
class ColumnRule:
    """What one column may hold.

    Attributes:
        name: The column.
        type: What its values are.
        nullable: Whether values may be missing.
        unique: Whether no value may come twice.
        minimum: The least allowed value of an integer or number, or None.
        maximum: The greatest allowed value of an integer or number, or None.
        categories: The allowed values of a category or text, or None for any.
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
        bounds = [
            f"{word} {written(bound)}"
            for word, bound in (("at least", self.minimum), ("at most", self.maximum))
            if bound is not None
        ]
        return " and ".join(bounds) or f"any {self.type}"


@dataclass(frozen=True)
class Contract:
    """What a table's columns may hold, in the order of the columns."""

    columns: tuple[ColumnRule, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(rule.name for rule in self.columns)

    @property
    def types(self) -> dict[str, str]:
        """The columns' types by name."""
        return {rule.name: rule.type for rule in self.columns}

    def column(self, name: str) -> ColumnRule:
        """The rule of one column.

        Raises:
            ContractError: If the contract has no such column.
        """
        for rule in self.columns:
            if rule.name == name:
                return rule
        raise ContractError(f"schema.yaml has no column {name!r}; it has {', '.join(self.names)}.")


@dataclass(frozen=True)
class Violation:
    """A rule that rows break: in which column, which rule, by how many rows, and one of the values."""

    column: str
    rule: str
    rows: int
    example: str


@dataclass(frozen=True)
class CheckedTable:
    """A table parted by its contract.

    Attributes:
        accepted: The rows that hold to it, in the contract's types.
        quarantined: The rows that break it, as they were found, with their ``reasons``.
        violations: The account, by column and rule; a row that breaks two rules is counted in both.
    """

    accepted: pl.DataFrame
    quarantined: pl.DataFrame
    violations: tuple[Violation, ...]
