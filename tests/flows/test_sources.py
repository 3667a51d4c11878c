"""A run on a source that is no file: the configuration alone suffices, and what exactly was read is in every record."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from components.data import snapshot
from tests.flows.project import Project, changed, rows

QUERY = "SELECT * FROM 'data/parts/*.parquet' WHERE age >= 18"


@pytest.fixture(scope="module")
def queried(tmp_path_factory):
    """A project whose one run, a fast one, read two files by a query of DuckDB. Not to be changed."""
    source = {"source": "duckdb:", "query": QUERY}
    project = Project.make(tmp_path_factory.mktemp("queried") / "project", settings=changed(data=source))
    (project.root / "data" / "table.parquet").unlink()
    (project.root / "data" / "parts").mkdir()
    for number, part in enumerate((rows()[:1500], rows()[1500:])):
        part.write_parquet(project.root / "data" / "parts" / f"{number}.parquet")
    done = project.train("run", "--fast", "true")
    assert done.code == 0, done.output
    return project


PINNED = ["sha256 data/parts/0.parquet", "sha256 data/parts/1.parquet", "query"]


def test_the_rows_are_those_of_the_query(queried):
    assert queried.decision["data_version"] == snapshot.content_version(rows())


def test_the_bundle_tells_what_was_read(queried):
    lineage = json.loads((queried.build / "bundle" / "lineage.json").read_text(encoding="utf-8"))
    assert lineage["source"] == "duckdb:"
    assert sorted(lineage["pin"]) == sorted(PINNED)
    assert lineage["pin"]["query"] == QUERY


def test_the_report_tells_what_was_read(queried):
    page = (queried.build / "report.html").read_text(encoding="utf-8")
    assert all(f"pin {name}" in page for name in PINNED)


def test_mlflow_tells_what_was_read(queried):
    (run,) = queried.mlflow_runs()
    assert run.data.tags["data_pin"].startswith("sha256 data/parts/0.parquet ")
    assert run.data.tags["data_pin"].endswith("(+2)")
    assert run.inputs.dataset_inputs[0].dataset.source_type == "local"


def test_the_store_tells_what_was_read(queried):
    (kept,) = snapshot.versions(queried.store)
    assert [name for name, _ in kept.pin] == PINNED


def test_no_record_holds_a_path_of_this_machine(queried):
    place = str(queried.root).encode()
    included = ("contract_text", "datasheet_text", "lock")  # Metaflow says of which file it included them.
    found = [
        name for name, body in queried.pickled().items() if place in body and not name.endswith(included)
    ]
    assert found == []
    assert [name for name in queried.store.names("") if place in queried.store.read(name)] == []


def test_the_versions_are_listed_with_what_was_read(queried):
    done = queried.python("-m", "components.release.usage")
    assert "duckdb: at sha256 data/parts/0.parquet " in done.output


def test_a_version_whose_rows_are_lost_comes_back_from_its_source_or_not_at_all(queried, tmp_path):
    version = queried.decision["data_version"]
    project = Project.make(tmp_path / "project")
    shutil.copytree(queried.root / "store" / "snapshots", project.root / "store" / "snapshots")
    (project.root / "store" / "snapshots" / version / "data.parquet").unlink()
    refused = project.train("run", "--fast", "true", "--data-version", version)
    assert refused.code != 0
    assert f"The store has lost the rows of the data version {version}" in refused.output
    shutil.copytree(queried.root / "data" / "parts", project.root / "data" / "parts")
    done = project.train("run", "--fast", "true", "--data-version", version)
    assert done.code == 0, done.output
    assert project.decision["data_version"] == version
    lineage = json.loads((project.build / "bundle" / "lineage.json").read_text(encoding="utf-8"))
    assert (lineage["source"], sorted(lineage["pin"])) == ("duckdb:", sorted(PINNED))


def test_an_adopted_query_trains(idle):
    with closing(sqlite3.connect(idle.root / "data" / "people.db")) as connection, connection:
        table = rows()
        connection.execute(f"CREATE TABLE people ({', '.join(table.columns)})")
        marks = ", ".join("?" * table.width)
        connection.executemany(f"INSERT INTO people VALUES ({marks})", table.rows())
    words = ["sqlite:///data/people.db", "employed", "--query", "SELECT * FROM people", "--sensitive", "sex"]
    adopted = idle.python("-m", "components.data.adopt", *words)
    assert adopted.code == 0, adopted.output
    done = idle.train("run", "--fast", "true")
    assert done.code == 0, done.output
    lineage = json.loads((idle.build / "bundle" / "lineage.json").read_text(encoding="utf-8"))
    assert lineage["source"] == "sqlite:///data/people.db"
    assert sorted(lineage["pin"]) == ["query", "sha256 people.db"]
