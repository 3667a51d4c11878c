"""Rows that a SQL query gives over Parquet and CSV files, by DuckDB."""

from __future__ import annotations

import contextlib
import glob
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from components.data.sources.extra import library
from components.data.sources.pin import QUERY, Pin, pin
from components.data.sources.rows import frame
from components.errors import DataError

if TYPE_CHECKING:
    from types import ModuleType

_BATCH_ROWS = 100_000
_OPTIONS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}


def read(query: str, root: Path) -> tuple[pl.LazyFrame, Pin]:
    """The rows of a query, and the SHA-256 of each file that it names.

    DuckDB may read the files that texts in the query name, and no other; it writes nothing and fetches nothing.

    Args:
        query: One SELECT; its files stand in it by name or pattern, as in ``SELECT * FROM 'data/*.parquet'``.
        root: The folder that relative names start from.

    Raises:
        ConfigError: If DuckDB is not installed.
        DataError: If it is no single SELECT, or fails, or names no file, or a file changed meanwhile.
    """
    duckdb = library("duckdb", "duckdb", "A source of DuckDB")
    require_select(duckdb, query)
    # DuckDB allows a file by its name from the current folder alone.
    with contextlib.chdir(root):
        named = _named(duckdb, query)
        paths = sorted({path for paths in named.values() for path in paths})
        seen = [_state(path) for path in paths]
        facts = {f"sha256 {path}": _sha256(path) for path in paths}
        try:
            table = _rows(duckdb, query, [*named, *paths])
        except duckdb.Error as error:
            raise _failed(error, paths) from None
        if seen != [_state(path) for path in paths]:
            raise DataError(
                "A file that the query names changed while it was read; run again when nobody writes it."
            )
    return table.lazy(), pin({**facts, QUERY: query})


def _rows(duckdb: ModuleType, query: str, allowed: Sequence[str]) -> pl.DataFrame:
    """The rows of a query; where it fails, with the cause.

    Of several threads the one that fails interrupts the others, and now and then theirs is the error that is told: one thread alone tells why.
    """
    try:
        with _connected(duckdb, allowed) as connection:
            return frame(connection.execute(query).to_arrow_reader(_BATCH_ROWS), "duckdb:")
    except (duckdb.Error, DataError) as error:
        if "INTERRUPT" not in str(error):
            raise
    with _connected(duckdb, allowed, {"threads": "1"}) as connection:
        return frame(connection.execute(query).to_arrow_reader(_BATCH_ROWS), "duckdb:")


def require_select(duckdb: ModuleType, query: str) -> None:
    """Pass if the text is one statement that only reads.

    Raises:
        DataError: It says what was found.
    """
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        raise _failed(error, []) from None
    kinds = [str(statement.type).rpartition(".")[2] for statement in statements]
    if kinds != ["SELECT"]:
        raise DataError(
            f"data.query holds {' and '.join(kinds) or 'no statement'}; it must be one SELECT, which reads and changes nothing."
        )


def _named(duckdb: ModuleType, query: str) -> dict[str, list[str]]:
    """The texts in a query that name files of this machine, and the files that each names.

    A pattern without a dot or slash, such as ``'*'``, is compared with more often than read.
    """
    written = query.encode()
    starts = [start for start, kind in duckdb.tokenize(query) if kind == duckdb.token_type.string_const]
    texts = (_text(written[start:].decode()) for start in starts if written[start : start + 1] == b"'")
    # Unlike this one, Path.glob takes no absolute patterns.
    found = {
        text: glob.glob(text, recursive=True)  # noqa: PTH207
        for text in texts
        if "." in text or "/" in text or not glob.has_magic(text)
    }
    named = {text: [path for path in paths if Path(path).is_file()] for text, paths in found.items()}
    return {text: paths for text, paths in named.items() if paths}


def _text(query: str) -> str:
    """The text that begins a query, without its quotes."""
    end = 1
    while (end := query.index("'", end)) + 1 < len(query) and query[end + 1] == "'":
        end += 2
    return query[1:end].replace("''", "'")


@contextlib.contextmanager
def _connected(duckdb: ModuleType, allowed: Sequence[str], further: Mapping[str, str] | None = None) -> Any:
    """A connection to nothing but the allowed files, with further options; times are in UTC, wherever it runs."""
    with duckdb.connect(":memory:", config={**_OPTIONS, **(further or {})}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET allowed_paths = [{', '.join(map(_quoted, allowed))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _failed(error: Exception, paths: Sequence[str]) -> DataError:
    reason = " ".join(str(error).split())
    known = (
        f"the files that it names and that are there: {', '.join(paths)}"
        if paths
        else "it names no file that is there"
    )
    return DataError(
        f"DuckDB cannot answer data.query: {reason}; {known}. Names are relative to config.toml."
    )


def _state(path: str) -> tuple[int, int, int]:
    state = Path(path).stat()
    return state.st_ino, state.st_size, state.st_mtime_ns


def _sha256(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
