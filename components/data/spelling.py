"""How a source spells its values: which of them stand for nothing, and how it writes numbers and dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from components.errors import ConfigError

NUMBERS = ("1,234.5", "1.234,5")
"""How numbers may be written beside the plain 1234.5; signs of currency, percent signs and spaces may stand around."""

_AROUND_NUMBERS = r"[\s\u00a0\u202f$€£¥%']"
_TEXTS = (pl.String, pl.Categorical, pl.Enum)


@dataclass(frozen=True)
class Spelling:
    """What must be known of a source's columns before its values can be read.

    Attributes:
        drop: columns that are not taken in at all.
        missing: by column, the values that stand for nothing, as texts; case and spaces around them do not count.
        numbers: by column, one of ``NUMBERS``.
        dates: by column, the form of its dates, as ``strptime`` has it.
    """

    drop: Sequence[str] = ()
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)

    @property
    def read(self) -> tuple[str, ...]:
        """Every column that is taken in and not spelled plainly."""
        return tuple(dict.fromkeys([*self.missing, *self.numbers, *self.dates]))

    def require_known(self, names: Sequence[str]) -> None:
        """Pass if every column that is not spelled plainly is among the names.

        Raises:
            ConfigError: it names those that are not.
        """
        if unknown := [name for name in self.read if name not in names]:
            raise ConfigError(
                f"config.toml: data.missing, data.numbers or data.dates names {unknown}; schema.yaml has {', '.join(names)}."
            )


def respelled(table: pl.DataFrame, spelling: Spelling) -> pl.DataFrame:
    """The table without the dropped columns, its values spelled as a contract reads them.

    What is not of the form that is named stays as it is, so that the contract's check can set the row aside.

    Raises:
        ConfigError: a form of numbers or dates is not known.
    """
    for name, form in spelling.numbers.items():
        if form not in NUMBERS:
            raise ConfigError(
                f"config.toml: data.numbers.{name} is {form!r}; it must be one of {list(NUMBERS)}."
            )
    changed = []
    for name in spelling.read:
        if name not in table.columns:  # the contract's check says what is missing
            continue
        values = table[name]
        if name in spelling.missing:
            values = without(values, spelling.missing[name])
        if name in spelling.numbers:
            values = plain_numbers(values, spelling.numbers[name])
        if name in spelling.dates:
            values = plain_dates(values, spelling.dates[name])
        changed.append(values)
    return table.with_columns(changed).drop(spelling.drop, strict=False)


def without(values: pl.Series, markers: Sequence[str]) -> pl.Series:
    """The values with null for those that stand for nothing."""
    numbers = [number for number in map(_number, markers) if number is not None]
    if values.dtype.is_numeric():
        return (
            values.set(values.cast(pl.Float64).is_in(numbers).fill_null(value=False), None)
            if numbers
            else values
        )
    if values.dtype not in _TEXTS:
        return values
    text = values.cast(pl.String).str.strip_chars()
    stands = text.str.to_lowercase().is_in([marker.strip().lower() for marker in markers])
    if numbers:  # -999.0 is -999
        stands = stands | text.cast(pl.Float64, strict=False).is_in(numbers)
    return values.cast(pl.String).set(stands.fill_null(value=False), None)


def plain_numbers(values: pl.Series, form: str) -> pl.Series:
    """Texts such as ``$ 1,234.50`` as ``1234.50``; what is no such number stays."""
    if values.dtype not in _TEXTS:
        return values
    text = values.cast(pl.String)
    bare = text.str.replace_all(_AROUND_NUMBERS, "")
    thousands, decimal = (",", ".") if form == NUMBERS[0] else (".", ",")
    plain = bare.str.replace_all(thousands, "", literal=True).str.replace_all(decimal, ".", literal=True)
    return _where(plain.cast(pl.Float64, strict=False).is_not_null(), plain, text)


def plain_dates(values: pl.Series, form: str) -> pl.Series:
    """Dates and times in the form, as such; if not all are, as texts of ISO 8601, and what is no date stays."""
    if values.dtype in (pl.Date, pl.Datetime):
        return values
    text = values.cast(pl.String)
    read = _dates(text.str.strip_chars(), form)
    if read.null_count() == text.null_count():
        return read
    return _where(read.is_not_null(), read.dt.to_string("iso"), text)


def is_date(values: pl.Series, form: str) -> bool:
    """Whether every known value is a date or time in the form."""
    return _dates(values, form).null_count() == values.null_count()


def _dates(text: pl.Series, form: str) -> pl.Series:
    probe = pl.Series([datetime(2001, 12, 31, 13, 5, 7).strftime(form)])
    try:
        if _parsed(probe, form).null_count():
            raise ValueError(f"{probe[0]!r} was written by it, and cannot be read by it")
        return _parsed(text, form)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise ConfigError(
            f"config.toml: data.dates.{text.name} is {form!r}, which is no form of dates: {error}; write it like '%d/%m/%Y'."
        ) from error


def _parsed(text: pl.Series, form: str) -> pl.Series:
    if any(directive in form for directive in ("%H", "%I", "%M")):
        return text.str.to_datetime(form, strict=False, time_unit="us")
    return text.str.to_date(form, strict=False).cast(pl.Datetime("us"))


def _where(condition: pl.Series, yes: pl.Series, no: pl.Series) -> pl.Series:
    return yes.to_frame().select(pl.when(condition).then(yes).otherwise(no).alias(yes.name)).to_series()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
