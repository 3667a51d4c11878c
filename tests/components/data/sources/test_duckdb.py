"""SQL over files: what DuckDB may read, what it may not, and what its types become."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from components.data import schema
from components.data.source import Taken, take
from components.data.sources import duckdb
from components.data.sources.pin import fact
from components.errors import DataError


@pytest.fixture
def sample(sample: pl.DataFrame) -> pl.DataFrame:
    """The sample as other programs read its file: categories are a type of polars."""
    return sample.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))


@pytest.fixture
def project(sample: pl.DataFrame, tmp_path: Path) -> Path:
    """A folder with the sample's rows in two files, and something that is nobody's business beside it."""
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    sample[:1000].write_parquet(root / "data" / "one.parquet")
    sample[1000:].write_parquet(root / "data" / "two.parquet")
    sample[:10].write_csv(root / "data" / "it's.csv")
    sample[:10].write_csv(tmp_path / "beside.csv")
    return root


def asked(project: Path, query: str) -> Taken:
    return take("duckdb:", query=query, root=project)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM 'data/*.parquet'",
        "SELECT * FROM read_parquet(['data/one.parquet', 'data/two.parquet']) -- 'é'",
        "SELECT * FROM 'data/one.parquet' UNION ALL SELECT * FROM 'data/two.parquet'",
        "WITH é AS (SELECT 'é') SELECT * FROM 'data/**/*.parquet'",
        "SELECT * FROM '{project}/data/*.parquet'",
    ],
)
def test_files_are_found_from_the_projects_folder(project: Path, sample: pl.DataFrame, query: str) -> None:
    assert_frame_equal(asked(project, query.format(project=project)).table, sample)


def test_the_pin_has_every_file_and_the_query(project: Path) -> None:
    query = "SELECT age FROM 'data/*.parquet'"
    hashes = {
        f"sha256 data/{name}.parquet": hashlib.sha256(
            (project / "data" / f"{name}.parquet").read_bytes()
        ).hexdigest()
        for name in ("one", "two")
    }
    assert dict(asked(project, query).pin) == {**hashes, "query": query}


def test_a_name_with_a_quote_is_read(project: Path) -> None:
    taken = asked(project, "SELECT * FROM 'data/it''s.csv'")
    assert taken.table.height == 10
    assert fact(taken.pin, "sha256 data/it's.csv")


def test_a_text_that_only_looks_like_a_file_stays_a_value(project: Path) -> None:
    taken = asked(project, "SELECT 'data/one.parquet' AS name, age FROM 'data/two.parquet'")
    assert taken.table["name"].unique().to_list() == ["data/one.parquet"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('data/' || 'one.parquet')",
        "SELECT content FROM read_text('../bes' || 'ide.csv')",
        "SELECT * FROM glob('/et' || 'c/*')",
        "SELECT * FROM 'https://127.0.0.1:9/t.parquet'",
        "SELECT * FROM 's3://bucket/t.parquet'",
        "SELECT * FROM sqlite_scan('data/none.db', 't')",
    ],
)
def test_what_the_query_does_not_plainly_name_cannot_be_read(project: Path, query: str) -> None:
    with pytest.raises(DataError, match=r"DuckDB cannot answer data\.query"):
        asked(project, query)


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("COPY (SELECT 1) TO 'data/new.csv'", "COPY"),
        ("CREATE TABLE t AS SELECT 1", "CREATE"),
        ("SELECT 1; SELECT 2", "SELECT and SELECT"),
        ("SET enable_external_access = true; SELECT 1", "SET and SELECT"),
        ("INSTALL httpfs", "LOAD"),
        ("-- nothing", "no statement"),
    ],
)
def test_what_is_no_single_select_is_refused(project: Path, query: str, kinds: str) -> None:
    with pytest.raises(DataError, match=rf"data\.query holds {kinds}; it must be one SELECT"):
        asked(project, query)
    assert not (project / "data" / "new.csv").exists()


def test_a_mistake_is_told_in_duckdbs_words(project: Path) -> None:
    with pytest.raises(DataError, match=r"Parser Error.*FRM.*names no file that is there"):
        asked(project, "SELECT * FRM 'data/one.parquet'")
    with pytest.raises(
        DataError, match=r"nothing.*files that it names and that are there: data/one\.parquet"
    ):
        asked(project, "SELECT nothing FROM 'data/one.parquet'")


TYPES = """
SELECT range AS id, (range / 4)::DECIMAL(10, 2) AS price, DATE '2026-01-01' + range::INT AS day,
    TIMESTAMPTZ '2026-01-01 01:00:00+02' AS at, '2026-07-01 00:00:00'::TIMESTAMPTZ AS told, NULL AS nothing,
    sum(range) OVER () AS total, uuid() AS code, range % 2 = 0 AS even, (range % 3)::VARCHAR::ENUM ('0', '1', '2') AS kind
FROM range(100)
"""


def test_every_type_goes_through_the_contract(project: Path) -> None:
    table = asked(project, TYPES).table
    contract = schema.infer(table)
    assert contract.types == {
        "id": "integer", "price": "number", "day": "datetime", "at": "datetime", "told": "datetime", "nothing": "integer",
        "total": "number", "code": "text", "even": "boolean", "kind": "category",
    }  # fmt: skip
    conforming = schema.conform(table, contract)
    assert conforming["price"].to_list()[:3] == [0.0, 0.25, 0.5]
    assert conforming["day"][1] == datetime(2026, 1, 2)
    assert conforming["at"][0] == datetime(2025, 12, 31, 23)
    assert conforming["nothing"].null_count() == 100
    assert not schema.check(conforming, contract, target="even").quarantined.height


def test_a_time_means_the_same_wherever_it_runs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert schema.conform(asked(project, TYPES).table, schema.infer(asked(project, TYPES).table))["told"][
        0
    ] == (datetime(2026, 7, 1))


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("'x'::BLOB", "binary"),
        ("[1, 2]", "list"),
        ("{'a': 1}", "struct"),
        ("INTERVAL 1 DAY", "interval"),
        ("TIME '10:00'", "time64"),
    ],
)
def test_what_no_contract_describes_is_refused_by_name(project: Path, column: str, kind: str) -> None:
    with pytest.raises(DataError, match=rf"'photo' \({kind}.*leave it out of the query, or cast it|them"):
        asked(project, f"SELECT 1 AS id, {column} AS photo")


def test_a_column_that_comes_twice_is_named(project: Path) -> None:
    with pytest.raises(DataError, match=r"\['age'\] more than once; name each with AS"):
        asked(project, "SELECT a.age, b.age FROM 'data/one.parquet' a, 'data/two.parquet' b LIMIT 1")


def test_no_rows_keep_their_columns(project: Path) -> None:
    assert asked(project, "SELECT age FROM 'data/one.parquet' WHERE age < 0").table.columns == ["age"]


def test_a_value_that_cannot_be_cast_is_told(project: Path) -> None:
    rows = "SELECT CASE WHEN range = 300000 THEN 'word' ELSE '1' END::INTEGER AS number FROM range(300001)"
    with pytest.raises(DataError, match=r"Could not convert string 'word'"):
        asked(project, rows)


def test_a_file_that_is_written_while_it_is_read_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = duckdb._connected

    @contextmanager
    def meanwhile(module: Any, allowed: Any) -> Iterator[Any]:
        with connected(module, allowed) as connection:
            yield connection
        (project / "data" / "one.parquet").write_bytes(b"another table")

    monkeypatch.setattr(duckdb, "_connected", meanwhile)
    with pytest.raises(DataError, match="changed while it was read"):
        asked(project, "SELECT age FROM 'data/one.parquet'")


@pytest.mark.parametrize("mark", ["*", "**", "????", "e*"])
def test_a_text_that_values_are_compared_with_names_no_files(project: Path, mark: str) -> None:
    (project / "else").write_text("nobody's business")
    taken = asked(project, f"SELECT age FROM 'data/one.parquet' WHERE race <> '{mark}'")
    assert [name for name, _ in taken.pin] == ["sha256 data/one.parquet", "query"]
    with pytest.raises(DataError, match="DuckDB cannot answer"):
        asked(project, f"SELECT content FROM read_text('{mark}')")
