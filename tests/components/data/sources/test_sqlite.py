"""SQL over a SQLite database: what is read, what is refused, and what cells of mixed types become."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from components.data.source import Taken, take
from components.data.sources import sqlite
from components.errors import DataError


@pytest.fixture
def database(sample: pl.DataFrame, tmp_path: Path) -> Path:
    """A database with the sample's ages and races, and a table of odd cells."""
    path = tmp_path / "a table.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE people (age INTEGER, race TEXT)")
        connection.executemany("INSERT INTO people VALUES (?, ?)", sample.select("age", "race").rows())
        connection.execute(
            "CREATE TABLE odd (day DATE, price DECIMAL(10, 2), mixed, worded, empty, photo BLOB)"
        )
        connection.execute("INSERT INTO odd VALUES ('2026-01-31', 1.25, 1, 1, NULL, x'00')")
        connection.execute("INSERT INTO odd VALUES (NULL, 2, 1.5, 'many', NULL, NULL)")
    return path


def asked(database: Path, query: str) -> Taken:
    return take(f"sqlite:///{database}", query=query)


def test_a_query_gives_its_rows(database: Path, sample: pl.DataFrame) -> None:
    taken = asked(database, "SELECT race, age FROM people")
    assert_frame_equal(
        taken.table, sample.select(pl.col("race").cast(pl.String), pl.col("age").cast(pl.Int64))
    )


def test_many_batches_are_one_table(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_BATCH_ROWS", 1)
    assert asked(database, "SELECT mixed, worded, empty FROM odd").table.to_dict(as_series=False) == {
        "mixed": [1.0, 1.5], "worded": ["1", "many"], "empty": [None, None],
    }  # fmt: skip


def test_the_pin_has_the_database_and_the_query(database: Path) -> None:
    digest = hashlib.sha256(database.read_bytes()).hexdigest()
    query = "SELECT age FROM people"
    assert dict(asked(database, query).pin) == {"sha256 a table.db": digest, "query": query}


def test_what_is_only_in_the_log_yet_is_pinned_too(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        with connection:
            connection.execute("DELETE FROM people")
        taken = asked(database, "SELECT age FROM people")
    assert "sha256 a table.db-wal" in dict(taken.pin)
    assert taken.table.height == 0


def test_cells_of_many_types_take_the_widest(database: Path) -> None:
    table = asked(database, "SELECT day, price, mixed, worded, empty FROM odd").table
    assert dict(table.schema) == {
        "day": pl.String, "price": pl.Float64, "mixed": pl.Float64, "worded": pl.String, "empty": pl.Null,
    }  # fmt: skip
    assert table["worded"].to_list() == ["1", "many"]


def test_bytes_are_refused_by_the_columns_name(database: Path) -> None:
    with pytest.raises(DataError, match="bytes in the column 'photo'"):
        asked(database, "SELECT * FROM odd")


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM people",
        "CREATE TABLE t (a)",
        "ATTACH 'other.db' AS other",
        "PRAGMA user_version = 3",
        "SELECT 1; SELECT 2",
        "SELECT load_extension('x')",
        "SELECT * FROM nowhere",
    ],
)
def test_nothing_but_reading_is_answered(database: Path, query: str) -> None:
    before = database.read_bytes()
    with pytest.raises(DataError, match=r"SQLite cannot answer data\.query from a table\.db"):
        asked(database, query)
    assert database.read_bytes() == before
    assert not Path("other.db").exists()


def test_a_query_of_nothing_is_refused(database: Path) -> None:
    with pytest.raises(DataError, match=r"data\.query gives no rows"):
        asked(database, "-- nothing")


def test_a_column_that_comes_twice_is_named(database: Path) -> None:
    with pytest.raises(DataError, match=r"\['age'\] more than once"):
        asked(database, "SELECT age, age FROM people")


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.db does not exist"):
        asked(tmp_path / "none.db", "SELECT 1")
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "t.db").write_text("no database, however long the text in it may be" * 10)
    with pytest.raises(DataError, match="not a database"):
        asked(tmp_path / "t.db", "SELECT * FROM sqlite_master")
