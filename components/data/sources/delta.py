"""Delta tables at a version or at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from components.data.sources.extra import library
from components.data.sources.files import unreadable
from components.data.sources.pin import DELTA, Pin, pin
from components.errors import DataError

if TYPE_CHECKING:
    from deltalake import DeltaTable


def read(place: str, revision: str) -> tuple[pl.LazyFrame, Pin]:
    """The rows of a Delta table, not yet in memory, and the table's version and id.

    Args:
        place: The table's folder, as a path or an address that deltalake knows.
        revision: A version such as ``3``, or a time in ISO 8601: what the table held then. The newest by default.

    Raises:
        ConfigError: If deltalake is not installed.
        DataError: If there is no such table or version, or no such time.
    """
    deltalake = library("deltalake", "delta", "A Delta table")
    try:
        table = deltalake.DeltaTable(place)
        _go_to(table, place, revision)
        frame = pl.scan_delta(table)
        frame.collect_schema()
    except DataError:
        raise
    except Exception as error:  # deltalake's own, and those of each store
        if revision:
            raise DataError(
                f"{place} cannot be read at data.revision {revision!r}: {str(error).splitlines()[0]}; "
                "it may never have been, or been vacuumed away."
            ) from None
        raise unreadable(place, error) from None
    return frame, pin({DELTA: str(table.version()), "delta table": str(table.metadata().id)})


def _go_to(table: DeltaTable, place: str, revision: str) -> None:
    if not revision:
        return
    if revision.isdecimal():
        table.load_as_version(int(revision))
        return
    moment = _moment(revision)
    table.load_as_version(moment)
    # deltalake gives the oldest version for times before it.
    written = min(entry["timestamp"] for entry in table.history(1))
    if datetime.fromtimestamp(written / 1000, UTC) > moment:
        raise DataError(
            f"{place} did not exist at data.revision {revision!r}; its oldest version is of "
            f"{datetime.fromtimestamp(written / 1000, UTC).isoformat(timespec='seconds')}."
        )


def _moment(revision: str) -> datetime:
    try:
        moment = datetime.fromisoformat(revision)
    except ValueError:
        raise DataError(
            f"data.revision is {revision!r}; a Delta table has whole numbers as versions, or write a time "
            "such as 2026-01-31T12:00:00Z."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
