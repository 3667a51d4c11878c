"""What ``data.source`` names: which kind of source, and the local path in it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

Kind = Literal["files", "dvc", "delta", "duckdb", "sqlite", "postgresql"]
HEADS: dict[str, Kind] = {
    "dvc://": "dvc",
    "delta://": "delta",
    "duckdb:": "duckdb",
    "sqlite:///": "sqlite",
    "postgresql://": "postgresql",
    "postgres://": "postgresql",
}
SQL: tuple[Kind, ...] = ("duckdb", "sqlite", "postgresql")
SECRETS = {
    "password", "passwd", "pwd", "sslpassword", "token", "access_token", "secret", "sig", "x-amz-signature",
}  # fmt: skip
HARMLESS = {
    "date", "dl", "download", "file", "filename", "format", "generation", "month", "name", "path", "raw", "ref", "revision",
    "table", "version", "versionid", "year",
}  # fmt: skip
"""What may be asked of a web address: names of secrets are without number, those of files are few."""

_WEB = re.compile(r"https?://(?P<place>[^\s?#]*)\??(?P<asked>[^\s#]*)", re.IGNORECASE)
_WRITTEN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_PASSWORD = re.compile(r"\b(password|passwd|pwd|sslpassword|passfile)\s*=", re.IGNORECASE)
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[\w.-]+@[\w.-]+:")


def kind(source: str) -> Kind:
    """The kind of a source by its first letters; a folder of files may still turn out to hold a Delta table."""
    return next((kind for head, kind in HEADS.items() if source.startswith(head)), "files")


def place(source: str) -> str:
    """The source without the letters that tell its kind: a path, an address, or "" for ``duckdb:``."""
    head = next(
        (head for head, kind in HEADS.items() if kind != "postgresql" and source.startswith(head)), ""
    )
    return source.removeprefix(head)


def is_local(source: str) -> bool:
    """Whether the source lies at a path of this machine; what a query of DuckDB names does not count."""
    named = place(source)
    return bool(named) and not _REMOTE.match(named)


def moved(source: str, change: Callable[[str], str]) -> str:
    """The source with its local path changed; one without comes back as it is."""
    if not is_local(source):
        return source
    named = place(source)
    return source.removesuffix(named) + change(named)


def anchored(source: str, root: Path) -> str:
    """The source with a relative path made absolute from a folder; addresses and absolute paths as they are."""
    return moved(source, lambda path: str(root / path))


def fault(source: str, revision: str = "", query: str = "") -> str:
    """Why this is no source, or why a revision or a query does not go with it, in one sentence; "" if all is well."""
    found = kind(source)
    if secret := _secret(source):
        return secret
    if _PASSWORD.search(query) or any(_holds_secret(each) for each in _WRITTEN.findall(query)):
        return "data.query: it holds a password, which would be kept with every run; take it out"
    if found == "files" and source.startswith(("dvc:", "delta:", "sqlite:", "postgresql:", "postgres:")):
        return f"data.source: it begins like none that is known; the kinds are {', '.join(HEADS)}, a path and an fsspec URL"
    if found == "duckdb" and place(source):
        return "data.source: 'duckdb:' stands alone; data.query names the files"
    if not query.strip() and found in SQL:
        return (
            f"data.query: a source that begins with {_head(found)!r} needs the SQL query that gives the rows"
        )
    if query and found not in SQL:
        return (
            f"data.query: only sources of SQL take a query ({', '.join(_head(kind) for kind in SQL)}); "
            'files are queried with source = "duckdb:", their names standing in the query'
        )
    if revision and (found in SQL or (found == "files" and source.lower().endswith((".parquet", ".csv")))):
        return "data.revision: only files tracked by DVC and Delta tables have one; remove it, or name such a source"
    return ""


def _head(kind: Kind) -> str:
    return next(head for head, each in HEADS.items() if each == kind)


def _secret(source: str) -> str:
    """What to do instead of writing a secret into an address, or "" if none is in it."""
    if unknown := _asked_of_the_web(source) - HARMLESS:
        return (
            f"data.source: its web address asks for {', '.join(sorted(unknown))}, which may be a password or token and would be "
            f"kept with every run; what may be asked for is {', '.join(sorted(HARMLESS))}. Else have the file fetched by what "
            "knows the secret, and name the file"
        )
    if _holds_secret(source) or _holds_secret(place(source)):
        return (
            "data.source: it holds a password or token, which would be kept with every run; take it out and give it by the "
            f"environment: {_elsewhere(source)}"
        )
    return ""


def _holds_secret(address: str) -> bool:
    """Whether an address has a user with a password, a user of a web address (who is a token), or a parameter for one."""
    asked = {name.lower() for name, _ in parse_qsl(urlsplit(address).query, keep_blank_values=True)}
    # A password may hold the marks that part an address; digits before a slash are a port, where a web page follows.
    port = r"(?!\d*(/|$))" if kind(address) != "postgresql" else ""
    known = re.search(rf"://[^/@:]*:{port}.*@", address)
    token = any("@" in web["place"].partition("/")[0] for web in _WEB.finditer(address))
    return bool(known or token or asked & SECRETS or _asked_of_the_web(address) - HARMLESS)


def _asked_of_the_web(address: str) -> set[str]:
    """The names of what the web addresses in an address ask for."""
    return {
        name.lower()
        for web in _WEB.finditer(address)
        for name, _ in parse_qsl(web["asked"], keep_blank_values=True)
    }


def _elsewhere(source: str) -> str:
    if kind(source) == "postgresql":
        return "PGPASSWORD, or a line in ~/.pgpass"
    if kind(source) == "dvc":
        return "git's credential helper, and `dvc remote modify --local` for the remote"
    return "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for s3://, FSSPEC_<PROTOCOL>_PASSWORD and its kind for others"
