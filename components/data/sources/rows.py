"""Rows that come over Arrow: only columns that a contract can describe, with plain storage."""

from collections.abc import Sequence
from typing import Any

import polars as pl
from polars import selectors

from components.errors import DataError

_UNWANTED = (
    "binary",
    "list",
    "struct",
    "map",
    "interval",
    "duration",
    "union",
    "extension",
    "time32",
    "time64",
)
_FIRST, _END = -719_162, 2_932_897
"""The days from 1970 to the first of the year 1, and to the one after the last of the year 9999."""
_A_SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9}


def frame(reader: Any, source: str) -> pl.DataFrame:
    """The rows of an Arrow reader, read batch by batch.

    Raises:
        DataError: If two columns have one name, or a column holds bytes, what is no single value, or times that no
            calendar has; it is named. If the query fails on the way, as by a value that cannot be cast.
    """
    import pyarrow as pa

    require_plain(reader.schema, source)
    try:
        table = pl.DataFrame(_stored(reader))
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).rpartition("ERROR:")[2].split())
        raise DataError(
            f"The query of {source} failed while its rows were read: {reason}; mend data.query."
        ) from None
    require_years(table, source)
    return table


def require_plain(schema: Any, source: str) -> None:
    """Pass if every column has a name of its own, and holds what a contract can describe.

    Raises:
        DataError: It names the columns that do not.
    """
    require_names(schema.names, source)
    refused = [
        f"{field.name!r} ({_words(field.type)})"
        for field in schema
        if _words(field.type).startswith(_UNWANTED)
    ]
    if refused:
        raise DataError(
            f"The query of {source} gives columns for which there is no contract: {', '.join(refused)}; leave them out of "
            "the query, or cast them to text or numbers in it."
        )


def require_years(table: pl.DataFrame, source: str) -> None:
    """Pass if every date and time lies in the years 1 to 9999; databases have others, and infinite ones.

    Raises:
        DataError: It names the columns.
    """
    beyond = {
        values.name: int(
            ((physical < _unit(values.dtype, _FIRST)) | (physical >= _unit(values.dtype, _END))).sum()
        )
        for values in table.select(selectors.temporal())
        for physical in [values.to_physical()]
    }
    if refused := [f"{name!r} ({rows:,} rows)" for name, rows in beyond.items() if rows]:
        raise DataError(
            f"The query of {source} gives dates or times outside the years 1 to 9999, such as infinity: {', '.join(refused)}; "
            "write NULLIF(column, 'infinity') in it, or leave these rows out."
        )


def _unit(kind: pl.DataType, days: int) -> int:
    """Days since 1970 in the unit that a column counts in, within what it can hold but its ends, which mean infinity."""
    count = days * 86_400 * _A_SECOND[kind.time_unit] if isinstance(kind, pl.Datetime) else days
    return min(max(count, 2 - 2**63), 2**63 - 1)


def require_names(names: Sequence[str], source: str) -> None:
    """Pass if no name comes twice.

    Raises:
        DataError: It names those that do.
    """
    if twice := sorted({name for name in names if list(names).count(name) > 1}):
        raise DataError(f"The query of {source} gives the columns {twice} more than once; name each with AS.")


def _words(kind: Any) -> str:
    """How Arrow calls a type, by what it is stored as; an identifier (UUID) is none of the bytes that store it."""
    if getattr(kind, "extension_name", "") == "arrow.uuid":
        return "uuid"
    words = str(getattr(kind, "storage_type", kind))
    return (
        words.removeprefix("large_")
        .removeprefix("fixed_size_")
        .replace("month_day_nano_interval", "interval")
    )


def _stored(reader: Any) -> Any:
    """The reader's rows with identifiers as texts, and other extension types as what they are stored as."""
    import pyarrow as pa

    batches = [
        pa.RecordBatch.from_arrays([_plain(column) for column in batch.columns], names=reader.schema.names)
        for batch in reader
    ]
    fields = [(field.name, _plain_type(field.type)) for field in reader.schema]
    return pa.Table.from_batches(batches, pa.schema(fields))


def _plain_type(kind: Any) -> Any:
    import pyarrow as pa

    return pa.string() if _words(kind) == "uuid" else getattr(kind, "storage_type", kind)


def _plain(column: Any) -> Any:
    if _words(column.type) == "uuid":
        import pyarrow as pa

        return pa.array((None if each is None else str(each) for each in column.to_pylist()), pa.string())
    return column.storage if hasattr(column.type, "storage_type") else column
