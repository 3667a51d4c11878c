"""Values read as the contract's types: what a CSV's texts, or another system's storage, stand for."""

from collections.abc import Callable

import polars as pl

from components.data.contract import STORED_AS, ColumnType

TRUE, FALSE = ("true", "t", "yes", "y", "1", "on"), ("false", "f", "no", "n", "0", "off")
NO_VALUE = ("", "nan", "null", "none", "na", "n/a")
_TEXTS = (pl.String, pl.Categorical, pl.Enum)
_MOMENTS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")


def known(values: pl.Series, kind: ColumnType) -> pl.Series:
    """The values with null for every form of a missing one.

    NaN is one, and so is the empty text, which a CSV cannot tell apart; where no text is wanted, also words such as
    ``null`` and ``NA``.
    """
    if values.dtype.is_float():
        return values.fill_nan(None) if values.is_nan().any() else values
    if values.dtype not in _TEXTS:
        return values
    if kind in ("category", "text"):
        if not (values == "").any():
            return values
        return values.to_frame().select(pl.when(pl.first() != "").then(pl.first())).to_series()
    text = values.cast(pl.String).str.strip_chars()
    return text.set(text.str.to_lowercase().is_in(NO_VALUE), None)


def read_as(values: pl.Series, kind: ColumnType) -> pl.Series:
    """Known values as the type; null where one stands for no value of the type.

    Texts are read leniently (``"42"`` and ``"42.0"`` are the integer 42; ``"T"``, ``"yes"`` and ``"1"`` are true).
    Otherwise nothing is lost on the way: 1.5 is no integer, and 2 is no boolean.
    """
    if values.dtype == STORED_AS[kind]:
        return values
    if values.dtype == pl.Null:
        return values.cast(STORED_AS[kind])
    return _READERS[kind](values).cast(STORED_AS[kind])


def _nothing(values: pl.Series) -> pl.Series:
    return pl.Series(values.name, [None], pl.Null).new_from_index(0, len(values))


def _integers(values: pl.Series) -> pl.Series:
    dtype = values.dtype
    if dtype.is_integer():
        return values.cast(pl.Int64, strict=False)
    if dtype == pl.String:
        whole = values.cast(pl.Int64, strict=False)
        return (
            whole
            if whole.null_count() == values.null_count()
            else whole.fill_null(_integers(_numbers(values)))
        )
    if dtype.is_float() or dtype.is_decimal():
        whole = values.cast(pl.Int64, strict=False)
        return whole.set(whole.cast(pl.Float64) != values.cast(pl.Float64), None)
    return _nothing(values)


def _numbers(values: pl.Series) -> pl.Series:
    if values.dtype.is_numeric() or values.dtype == pl.String:
        return values.cast(pl.Float64, strict=False)
    return _nothing(values)


def _booleans(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String:
        words: dict[str, bool] = {**dict.fromkeys(TRUE, True), **dict.fromkeys(FALSE, False)}
        return values.str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.Boolean)
    if values.dtype.is_numeric():
        return (values == 1).set((values != 0) & (values != 1), None)
    return _nothing(values)


def _texts(values: pl.Series) -> pl.Series:
    if values.dtype in (*_TEXTS, pl.Boolean) or values.dtype.is_integer():
        return values.cast(pl.String)
    return _integers(values).cast(pl.String) if values.dtype.is_numeric() else _nothing(values)


def _moments(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String:
        return _written_moments(values)
    if values.dtype == pl.Datetime and getattr(values.dtype, "time_zone", None):
        return values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return values if values.dtype in (pl.Date, pl.Datetime) else _nothing(values)


def _written_moments(values: pl.Series) -> pl.Series:
    """Dates and times in the forms of ISO 8601; those with an offset in UTC."""
    text = values.str.replace("T", " ", literal=True)
    read = text.str.to_date("%Y-%m-%d", strict=False).cast(STORED_AS["datetime"])
    for form in _MOMENTS:
        if read.null_count() > values.null_count():
            read = read.fill_null(text.str.to_datetime(form, strict=False, time_unit="us"))
    if read.null_count() > values.null_count():
        zoned = text.str.replace(r"Z$", "+00:00").str.to_datetime(
            "%Y-%m-%d %H:%M:%S%.f%:z", strict=False, time_unit="us"
        )
        read = read.fill_null(zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None))
    return read


_READERS: dict[ColumnType, Callable[[pl.Series], pl.Series]] = {
    "boolean": _booleans,
    "integer": _integers,
    "number": _numbers,
    "category": _texts,
    "text": _texts,
    "datetime": _moments,
}
