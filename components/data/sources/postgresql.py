"""Rows that a SQL query gives over a PostgreSQL database, by its ADBC driver."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Any

import polars as pl

from components.data.sources.extra import library
from components.data.sources.pin import QUERY, Pin, pin
from components.data.sources.rows import frame, require_plain
from components.errors import DataError

_STATE = """
SELECT pg_current_snapshot()::text, now()::text, current_setting('server_version'),
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text
"""
_TYPE = b"POSTGRESQL:type"
"""Under what the driver tells a column's type in the database."""


def read(source: str, query: str) -> tuple[pl.LazyFrame, Pin]:
    """The rows of a query in memory, and of which state of the database they are.

    Rows and state come from one transaction, which sees the database as it was when it began and cannot write.
    The password comes from PGPASSWORD or ~/.pgpass, as for every program of PostgreSQL.

    Args:
        source: ``postgresql://user@host:port/database``.
        query: One SELECT.

    Raises:
        ConfigError: If the driver is not installed.
        DataError: If the server cannot be reached, or the query fails, writes, or gives what no contract describes.
    """
    driver = library("adbc_driver_postgresql.dbapi", "postgres", "A source of PostgreSQL")
    try:
        with (
            closing(driver.connect(source, autocommit=True)) as connection,
            closing(connection.cursor()) as cursor,
        ):
            # Texts cast to times must not mean another moment on another machine.
            cursor.execute("SET TIME ZONE 'UTC'")
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute(_STATE)
            snapshot, moment, server, lsn = cursor.fetchone()
            table = _rows(cursor, _ended(query), source)
    except driver.Error as error:
        raise DataError(
            f"PostgreSQL cannot answer data.query: {_reason(error)}; it must be one SELECT, and data.source name a database "
            "that can be reached, its password in PGPASSWORD or ~/.pgpass."
        ) from None
    facts = {"snapshot": snapshot, "lsn": lsn, "read at": moment, "server": server, QUERY: query}
    return table.lazy(), pin(facts)


def _rows(cursor: Any, query: str, source: str) -> pl.DataFrame:
    """The rows of a query that gives columns; what would run without giving any does not run."""
    schema = cursor.adbc_execute_schema(query)
    if not len(schema):
        raise DataError(
            "data.query gives no columns; it must be one SELECT, which reads and changes nothing."
        )
    require_plain(schema, source)
    if money := [field.name for field in schema if (field.metadata or {}).get(_TYPE) == b"money"]:
        raise DataError(
            f"data.query gives the columns {money} as money, which the driver counts in hundredths and its own currency; write "
            "column::numeric in it."
        )
    cursor.execute(query)
    return frame(cursor.fetch_record_batch(), source)


def _ended(query: str) -> str:
    """The query within a statement around it: without semicolons at its end, which a comment there does not swallow."""
    return re.sub(r"[\s;]+\Z", "", query) + "\n"


def _reason(error: Exception) -> str:
    """The driver's words on one line, without the query and the libraries' names."""
    text = str(error).partition("\n\nQuery was:")[0]
    return " ".join(text.rpartition("ERROR:")[2].rpartition("[libpq]")[2].split())
