"""A real PostgreSQL server on this machine: rows and their state from one transaction that cannot write."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import adbc_driver_postgresql.dbapi as driver
import polars as pl
import pytest

from components.data import schema
from components.data.source import take
from components.errors import DataError
from tests.flows.project import Project, changed, rows

pytestmark = pytest.mark.system

PASSWORD = "a-word-of-the-tests"
QUERY = "SELECT * FROM people"


def program(name: str) -> str:
    """The path of one of the server's programs, which Debian keeps out of the way."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")) or [Path(shutil.which(name) or name)]
    return str(found[-1])


class Server:
    """A server whose data lie in a folder of their own; it runs as an ordinary user, as it must.

    Args:
        folder: where its data are, which the user can reach.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self.identity = (
            {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
        )
        folder.chmod(0o755)
        self.data.mkdir(mode=0o700)
        if self.identity:
            os.chown(self.data, user.pw_uid, user.pw_gid)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"postgresql://ada@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Make the data folder and start to listen, on loopback only."""
        secret = self.folder / "secret"
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o644)
        words = [
            "--username=ada",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
        ]
        self.run("initdb", f"--pgdata={self.data}", "--no-sync", *words)
        options = f"-h 127.0.0.1 -p {self.port} -k {self.data} -F"
        self.run(
            "pg_ctl",
            f"--pgdata={self.data}",
            "--wait",
            f"--log={self.data}/log",
            f"--options={options}",
            "start",
        )

    def stop(self) -> None:
        """Stop listening."""
        self.run("pg_ctl", f"--pgdata={self.data}", "--wait", "--mode=immediate", "stop")

    def run(self, name: str, *words: str) -> None:
        subprocess.run(
            [program(name), *words],
            check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **self.identity,  # type: ignore[call-overload]
        )  # fmt: skip

    def execute(self, *statements: str) -> None:
        """Change the database, as its owner does."""
        with driver.connect(self.url, autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


@pytest.fixture(scope="module", autouse=True)
def password() -> Iterator[None]:
    """The password where PostgreSQL's programs look for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSWORD", PASSWORD)
        patch.setenv("PGTZ", "Asia/Tokyo")
        yield


@pytest.fixture(scope="module")
def server(password: None) -> Iterator[Server]:
    """A server with the table ``people``, as the flows' tests have it."""
    folder = Path(tempfile.mkdtemp(prefix="postgresql-", dir="/tmp"))
    made = Server(folder)
    made.start()
    try:
        with driver.connect(made.url) as connection, connection.cursor() as cursor:
            cursor.adbc_ingest(
                "people", rows().with_columns(pl.col(pl.Categorical).cast(pl.String)).to_arrow()
            )
            connection.commit()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


def test_the_state_that_was_read_is_pinned(server: Server) -> None:
    before = datetime.now(UTC)
    taken = take(server.url, query=QUERY)
    pin = dict(taken.pin)
    assert taken.table.height == rows().height
    assert [name for name, _ in taken.pin] == ["snapshot", "lsn", "read at", "server", "query"]
    assert before <= datetime.fromisoformat(pin["read at"]) <= datetime.now(UTC)
    assert pin["query"] == QUERY
    server.execute("CREATE TABLE another (a int)")
    later = dict(take(server.url, query=QUERY).pin)
    assert later["lsn"] != pin["lsn"]
    assert int(later["snapshot"].split(":")[0]) > int(pin["snapshot"].split(":")[0])


TYPES = """
SELECT g AS id, (g / 4.0)::numeric(10, 2) AS price, date '2026-01-01' + g AS day,
    timestamptz '2026-01-01 01:00:00+02' AS at, timestamptz '2026-07-01 00:00' AS told, NULL AS nothing, sum(g) OVER () AS total,
    CASE WHEN g > 0 THEN ('00000000-0000-0000-0000-0000000000' || (10 + g % 50))::uuid END AS code,
    g % 2 = 0 AS even, (g % 3)::text || 'x' AS kind, '{"a": 1}'::jsonb AS said, g::real AS weight
FROM generate_series(0, 99) AS g
"""


def test_every_type_goes_through_the_contract(server: Server) -> None:
    table = take(server.url, query=TYPES).table
    contract = schema.infer(table)
    assert contract.types == {
        "id": "integer", "price": "number", "day": "datetime", "at": "datetime", "told": "datetime", "nothing": "text",
        "total": "integer", "code": "text", "even": "boolean", "kind": "category", "said": "category",
        "weight": "number",
    }  # fmt: skip
    conforming = schema.conform(table, contract)
    assert conforming["price"].to_list()[:3] == [0.0, 0.25, 0.5]
    assert conforming["at"][0] == datetime(2025, 12, 31, 23)
    assert conforming["told"][0] == datetime(2026, 7, 1)
    assert conforming["nothing"].null_count() == 100
    assert conforming["code"].to_list()[:2] == [None, str(UUID("00000000-0000-0000-0000-000000000011"))]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("'x'::bytea", "binary"),
        ("array[1]", "list"),
        ("interval '1 day'", "interval"),
        ("inet '127.0.0.1'", "binary"),
        ("time '10:00'", "time64"),
    ],
)
def test_what_no_contract_describes_is_refused_by_name(server: Server, column: str, kind: str) -> None:
    with pytest.raises(DataError, match=rf"'photo' \({kind}"):
        take(server.url, query=f"SELECT 1 AS id, {column} AS photo")


@pytest.mark.parametrize(
    "column",
    [
        "timestamptz 'infinity'",
        "timestamp '-infinity'",
        "date 'infinity'",
        "date '0044-03-15 BC'",
        "timestamp '12026-01-01'",
    ],
)
def test_times_that_no_calendar_has_are_refused_by_name(server: Server, column: str) -> None:
    query = f"SELECT g AS id, CASE WHEN g % 50 = 0 THEN {column} ELSE now() END AS until FROM generate_series(1, 200) AS g"
    with pytest.raises(
        DataError, match=r"years 1 to 9999, such as infinity: 'until' \(4 rows\); write NULLIF"
    ):
        take(server.url, query=query)


def test_infinity_that_the_query_makes_nothing_is_missing(server: Server) -> None:
    table = take(server.url, query="SELECT NULLIF(timestamptz 'infinity', 'infinity') AS until").table
    assert table["until"].to_list() == [None]


def test_money_is_refused_by_name_and_taken_as_numeric(server: Server) -> None:
    with pytest.raises(DataError, match=r"\['fee'\] as money.*write column::numeric"):
        take(server.url, query="SELECT 1 AS id, 1.50::money AS fee")
    table = take(server.url, query="SELECT 1.50::money::numeric AS fee").table
    assert schema.conform(table, schema.infer(table))["fee"].to_list() == [1.5]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 AS a;\n",
        "SELECT 1 AS a -- note",
        "SELECT 1 AS a -- note;\n;",
        "  SELECT ';' AS b, 1 AS a ; ;",
    ],
)
def test_a_query_may_end_as_queries_do(server: Server, query: str) -> None:
    taken = take(server.url, query=query)
    assert taken.table["a"].to_list() == [1]
    assert dict(taken.pin)["query"] == query


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("DELETE FROM people", "gives no columns"),
        ("DROP TABLE people", "gives no columns"),
        ("DELETE FROM people RETURNING age", "cannot answer"),
        ("WITH gone AS (DELETE FROM people RETURNING age) SELECT * FROM gone", "cannot"),
        ("COPY people TO '/tmp/people.csv'", "gives no columns"),
        ("COMMIT", "gives no columns"),
        ("SELECT 1; SELECT 2", "cannot insert multiple commands"),
        ("SELECT 1) TO PROGRAM 'id'; --", "syntax error"),
        ("SELEC 1", "syntax error at or near"),
        ("SELECT nextval('counter')", "read-only transaction"),
        ("SELECT nothing FROM people", "column .nothing. does not exist"),
    ],
)
def test_nothing_but_reading_is_answered(server: Server, query: str, sentence: str) -> None:
    server.execute("CREATE SEQUENCE IF NOT EXISTS counter")
    with pytest.raises(DataError, match=sentence):
        take(server.url, query=query)
    assert take(server.url, query="SELECT count(*) AS rows FROM people").table["rows"][0] == rows().height
    assert not Path("/tmp/people.csv").exists()


def test_a_server_that_lets_nobody_in_is_told_without_the_users_name(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "another")
    with pytest.raises(
        DataError, match=r"password authentication failed.*PGPASSWORD or ~/\.pgpass"
    ) as refused:
        take(server.url, query=QUERY)
    assert "another" not in str(refused.value)


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(DataError, match="Connection refused"):
        take("postgresql://ada@127.0.0.1:9/postgres", query=QUERY)


def test_a_run_trains_on_it_and_tells_the_state(server: Server, tmp_path: Path) -> None:
    source = {"source": server.url, "query": QUERY}
    project = Project.make(tmp_path / "project", rows(), settings=changed(data=source))
    done = project.train("run", "--fast", "true")
    assert done.code == 0, done.output
    lineage = (project.build / "bundle" / "lineage.json").read_text(encoding="utf-8")
    assert '"lsn"' in lineage
    assert f"postgresql://***@127.0.0.1:{server.port}/postgres" in lineage
    kept = [body for body in project.pickled().values() if PASSWORD.encode() in body]
    assert kept == []
    assert PASSWORD not in done.output


def test_a_table_that_has_moved_on_brings_no_lost_rows_back(server: Server, tmp_path: Path) -> None:
    server.execute("CREATE TABLE moving AS SELECT * FROM people")
    source = {"source": server.url, "query": "SELECT * FROM moving"}
    project = Project.make(tmp_path / "project", rows(), settings=changed(data=source))
    code = (
        "import sys; from pathlib import Path; from components import config; from components.data import intake, schema; "
        "from components.store import Store; data = config.load().data; taken = intake.take_in(data.source, named='moving', "
        "period=intake.Period(), contract=schema.load(Path('schema.yaml')), purpose=intake.Purpose(data.target, data.positive), "
        "max_quarantined_fraction=0.01, store=Store('store'), query=data.query, version=sys.argv[1] if sys.argv[1:] else ''); "
        "print(taken.snapshot.version, taken.snapshot.rows)"
    )
    version = project.python("-c", code).output.split()[0]
    server.execute("DELETE FROM moving WHERE age < 30")
    assert project.python("-c", code, version).output.split() == [version, str(rows().height)]
    (project.root / "store" / "snapshots" / version / "data.parquet").unlink()
    assert "restore snapshots" in project.python("-c", code, version).output
