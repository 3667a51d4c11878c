"""What data.source names: its kind, the path in it, and what does not go with it."""

from pathlib import Path

import pytest

from components.address import anchored, fault, is_local, kind

ROOT = Path("/project")


@pytest.mark.parametrize(
    ("source", "found", "local", "absolute"),
    [
        ("data/t.parquet", "files", True, "/project/data/t.parquet"),
        ("/data/t.parquet", "files", True, "/data/t.parquet"),
        ("s3://bucket/t.parquet", "files", False, "s3://bucket/t.parquet"),
        ("file:///data/t.csv", "files", False, "file:///data/t.csv"),
        ("dvc://../tables/t.csv", "dvc", True, "dvc:///project/../tables/t.csv"),
        ("dvc:///tables/t.csv", "dvc", True, "dvc:///tables/t.csv"),
        ("dvc://https://host/r.git/t.csv", "dvc", False, "dvc://https://host/r.git/t.csv"),
        ("dvc://git@host:team/r.git/t.csv", "dvc", False, "dvc://git@host:team/r.git/t.csv"),
        ("delta://data/t", "delta", True, "delta:///project/data/t"),
        ("delta://s3://bucket/t", "delta", False, "delta://s3://bucket/t"),
        ("duckdb:", "duckdb", False, "duckdb:"),
        ("sqlite:///data/t.db", "sqlite", True, "sqlite:////project/data/t.db"),
        ("sqlite:////data/t.db", "sqlite", True, "sqlite:////data/t.db"),
        ("postgresql://ada@host/db", "postgresql", False, "postgresql://ada@host/db"),
    ],
)
def test_only_relative_paths_are_anchored(source: str, found: str, local: bool, absolute: str) -> None:
    assert (kind(source), is_local(source), anchored(source, ROOT)) == (found, local, absolute)


@pytest.mark.parametrize(
    ("source", "revision", "query"),
    [
        ("data/t.parquet", "", ""),
        ("data/table", "3", ""),
        ("s3://bucket/key:1@2/t.csv", "", ""),
        ("http://host:8080/a@b.csv", "", ""),
        ("https://host/export?year=2025&file=t.csv", "", ""),
        ("http://host/t.csv?versionId=3&download", "", ""),
        ("s3://bucket/t.csv?versionId=3", "", ""),
        ("dvc://../tables/t.csv", "v1.0", ""),
        ("dvc://git@host:team/r.git/t.csv", "", ""),
        ("duckdb:", "", "SELECT 1"),
        ("sqlite:///t.db", "", "SELECT 1"),
        ("postgresql://ada@host:5432/db?sslmode=require", "", "SELECT 1"),
        (
            "postgresql://host:5432/db",
            "",
            "SELECT password_changed = 1 AS renewed, 'https://host/a' AS page FROM users",
        ),
    ],
)
def test_what_goes_together_has_no_fault(source: str, revision: str, query: str) -> None:
    assert fault(source, revision, query) == ""


@pytest.mark.parametrize(
    ("source", "revision", "query", "sentence"),
    [
        ("postgresql://ada@host/db", "", "", "begins with 'postgresql://' needs the SQL query"),
        ("duckdb:", "", "  ", "begins with 'duckdb:' needs the SQL query"),
        ("duckdb:data/t.parquet", "", "SELECT 1", "'duckdb:' stands alone"),
        ("data/t.parquet", "", "SELECT 1", "only sources of SQL take a query"),
        ("dvc://r/t.csv", "", "SELECT 1", "only sources of SQL take a query"),
        ("data/t.parquet", "main", "", "only files tracked by DVC and Delta tables have one"),
        ("sqlite:///t.db", "1", "SELECT 1", "only files tracked by DVC and Delta tables have one"),
        ("sqlite://t.db", "", "SELECT 1", "begins like none that is known"),
        ("dvc:/r/t.csv", "", "", "begins like none that is known"),
    ],
)
def test_what_does_not_go_together_is_said(source: str, revision: str, query: str, sentence: str) -> None:
    assert sentence in fault(source, revision, query)


@pytest.mark.parametrize(
    ("source", "instead"),
    [
        ("postgresql://ada:pa55@host/db", "PGPASSWORD, or a line in ~/.pgpass"),
        ("postgresql://ada:p@ss/w0rd@host/db", "PGPASSWORD"),
        ("postgresql://ada:pa/55@host/db", "PGPASSWORD"),
        ("postgresql://host/db?user=ada&password=pa55", "PGPASSWORD"),
        ("dvc://https://ada:pa55@host/r.git/t.csv", "git's credential helper"),
        ("s3://key:pa55@bucket/t.parquet", "AWS_SECRET_ACCESS_KEY"),
        ("postgresql://ada:1/pa55@host/db", "PGPASSWORD"),
        ("https://pa55@host/t.csv", "environment"),
        ("dvc://https://pa55@host/r.git/t.csv", "git's credential helper"),
        ("abfss://box/t.csv?sig=pa55", "environment"),
        ("ftp://ada:pa55@host/t.csv", "FSSPEC_<PROTOCOL>_PASSWORD"),
    ],
)
def test_a_password_is_refused_with_where_it_belongs(source: str, instead: str) -> None:
    found = fault(source, "", "SELECT 1")
    assert "holds a password or token" in found
    assert instead in found
    assert "pa55" not in found


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("sig=pa55", "sig"),
        ("X-Goog-Signature=pa55&X-Goog-Credential=pa55", "x-goog-credential, x-goog-signature"),
        ("Signature=pa55&Key-Pair-Id=pa55", "key-pair-id, signature"),
        ("api_key=pa55", "api_key"),
        ("file=t.csv&apikey=pa55", "apikey"),
    ],
)
@pytest.mark.parametrize(
    "head", ["https://host/t.csv", "simplecache::https://host/t.csv", "dvc://https://host/r.git/t"]
)
def test_what_a_web_address_asks_for_is_harmless_or_refused(head: str, asked: str, named: str) -> None:
    found = fault(f"{head}?{asked}")
    assert f"asks for {named}, which may be a password or token" in found
    assert "pa55" not in found


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM 's3://ada:pa55@bucket/t.parquet'",
        "SELECT * FROM 'https://pa55@host/t.parquet'",
        "SELECT * FROM 'https://host/t.parquet?api_key=pa55'",
        "SELECT * FROM dblink('host=x user=u password=pa55', 'SELECT 1') AS t(a int)",
        "SELECT * FROM dblink('host=x PASSWORD = ''pa55'' port=1', 'SELECT 1') AS t(a int)",
    ],
)
def test_a_password_in_a_query_is_refused(query: str) -> None:
    found = fault("postgresql://ada@host/db", "", query)
    assert "data.query: it holds a password" in found
    assert "pa55" not in found
