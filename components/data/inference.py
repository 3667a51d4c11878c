"""A first contract, from the values of a table: to be reviewed by a person, and then frozen."""

import math
from collections.abc import Collection

import polars as pl

from components.data.contract import ColumnRule, ColumnType, Contract
from components.data.reading import known, read_as
from components.errors import DataError

MOST_CATEGORIES = 200
SLACK_FRACTION = 0.1
_UNIQUE_FROM_ROWS = 100
_READ_FROM_TEXT: tuple[ColumnType, ...] = ("integer", "number", "datetime")


def infer(table: pl.DataFrame, *, unique: Collection[str] | None = None) -> Contract:
    """The contract that the table's own values suggest.

    * Texts, as a CSV has them, are taken as what all of them can be read as. ``true`` and ``false`` are booleans; 0 and
      1 are integers; numbers with leading zeros are texts.
    * A text is a category if it has at most 200 values, and on average every value comes twice.
    * Integers and numbers may lie a tenth of the observed width outside the observed range, but change sign only
      if the observed ones do. Infinite ones are no part of it.
    * A column is nullable if a value is missing; integers and texts are unique if none of at least 100 comes twice.

    Args:
        table: What was seen.
        unique: The columns whose values may not come twice, where that is known.

    Raises:
        DataError: If the table has no columns or no rows, or a column holds lists, structs or bytes.
    """
    if not table.width or not table.height:
        raise DataError(
            "a contract cannot be inferred from a table without rows; take a table that is filled"
        )
    return Contract(tuple(_rule(values, unique) for values in table))


def _rule(values: pl.Series, identities: Collection[str] | None) -> ColumnRule:
    kind = kind_of(values)
    found = known(values, kind)
    read = read_as(found, kind)
    present = read.drop_nulls()
    nullable = len(present) < len(read)
    distinct = present.n_unique()
    told = len(present) >= _UNIQUE_FROM_ROWS if identities is None else values.name in identities
    unique = told and kind in ("integer", "text") and not nullable and distinct == len(present)
    finite = present.filter(present.is_finite()) if kind == "number" else present
    if kind in ("integer", "number") and not unique and len(finite):
        low, high = _range(finite, kind)
        return ColumnRule(values.name, kind, nullable, minimum=low, maximum=high)
    if kind == "category":
        categories = tuple(sorted(present.unique().cast(pl.String)))
        return ColumnRule(values.name, kind, nullable, categories=categories)
    return ColumnRule(values.name, kind, nullable, unique)


def kind_of(values: pl.Series) -> ColumnType:
    """The type that a column's own values suggest.

    Raises:
        DataError: If it holds lists, structs or bytes.
    """
    dtype = values.dtype
    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_integer():
        return "integer"
    if dtype.is_numeric():
        return "number"
    if dtype in (pl.Date, pl.Datetime):
        return "datetime"
    if dtype == pl.String:
        known_rows = len(values) - int((values.fill_null("") == "").sum())
        return kind_of_texts(values.unique(), known_rows)
    if dtype in (pl.Categorical, pl.Enum):
        return "category" if values.n_unique() <= MOST_CATEGORIES else "text"
    if dtype == pl.Null:
        return "text"
    raise DataError(
        f"Column {values.name!r} holds {dtype}, for which there is no contract; leave it out, or unfold it."
    )


def kind_of_texts(distinct: pl.Series, rows: int) -> ColumnType:
    """The type of texts, by the different ones and the number of rows that have any."""
    texts = known(distinct, "number").drop_nulls()
    if not len(texts):
        return "text"
    if texts.str.to_lowercase().is_in(["true", "false"]).all():
        return "boolean"
    if not texts.str.contains(r"^[+-]?0\d").any():
        for kind in _READ_FROM_TEXT:
            if not read_as(texts, kind).null_count() and not (
                kind == "integer" and texts.str.contains(r"[.eE]").any()
            ):
                return kind
    return (
        "category" if len(known(distinct, "text").drop_nulls()) <= min(MOST_CATEGORIES, rows / 2) else "text"
    )


def _range(present: pl.Series, kind: ColumnType) -> tuple[float, float]:
    """The observed range with a tenth of its width (of its size, if it is a single value) as slack on both sides."""
    low, high = float(present.min()), float(present.max())  # type: ignore[arg-type]
    slack = SLACK_FRACTION * ((high - low) or abs(high))
    if not math.isfinite(slack):
        return low, high
    digits = 0 if kind == "integer" else _digits(slack)
    below, above = _floor(low - slack, digits), -_floor(-high - slack, digits)
    return max(below, 0.0) if low >= 0 else below, min(above, 0.0) if high <= 0 else above


def _digits(slack: float) -> int:
    """Decimal places that write the slack to two significant digits."""
    return 1 - math.floor(math.log10(slack)) if slack else 0


def _floor(value: float, digits: int) -> float:
    scaled = math.floor(value * 10.0**digits)
    return scaled / 10.0**digits if digits >= 0 else float(scaled * 10**-digits)
