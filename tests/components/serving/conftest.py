"""Bundles of the three tasks and servers of them, made once a session."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from components.data import schema
from components.release.bundle import Parts, pack
from components.release.export import program
from components.release.reference import reference
from components.training.candidates import FAMILIES, build
from components.training.features import Columns, inputs
from components.training.predictor import Predictor

ROOT = Path(__file__).parents[3]
COLUMNS = Columns(("age", "education", "foreign_born"), ("marital_status", "relationship"))
ROW = {
    "age": 40, "education": 16, "foreign_born": False, "marital_status": "married", "relationship": "householder",
}  # fmt: skip


def parts_of(table: pl.DataFrame, columns: Columns = COLUMNS) -> Parts:
    """What goes into a bundle of two classes."""
    people = table.to_pandas()
    X, y = inputs(people, columns), people.employed.to_numpy(int)
    predictor = Predictor(build(FAMILIES["linear"], {"C": 1.0}, columns, 0), slope=0.9, threshold=0.6).fit(
        X, y
    )
    y_score, y_pred = predictor.score_positive(X), predictor.predict(X)
    return Parts(
        name="job_coaching",
        program=program(predictor, columns, X),
        smoke=people[list(columns.names)].assign(y_score=y_score, y_pred=y_pred).head(40),
        contract=schema.to_json(schema.infer(table), columns.names, optional=("sex", "race")),
        reference=reference(X, {"y_score": y_score, "y_pred": y_pred}),
        decision={
            "outcome": "approved",
            "run": "TrainFlow/12",
            "data_version": "d0123",
            "bundle_id": "",
            "checks": [],
        },
        documents={"model_card.md": "# Model card\n"},
        lineage={"run": "TrainFlow/12"},
        lock=(ROOT / "requirements.lock").read_text(),
        created="2026-01-02T03:04:05+00:00",
    )


@pytest.fixture(scope="session")
def people() -> pl.DataFrame:
    return pl.read_parquet(ROOT / "data" / "acs_employment_ma_18_64.parquet").sample(1500, seed=4)


@pytest.fixture(scope="session")
def parts(people: pl.DataFrame) -> Parts:
    return parts_of(people)


@pytest.fixture(scope="session")
def bundle(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "bundle"
    pack(folder, parts)
    return folder


@dataclass
class Served:
    """A running server: where it answers, its process, and where it logs."""

    port: int
    process: subprocess.Popen[bytes]
    log_folder: Path
    errors: Path

    def connect(self, timeout: float = 20) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, HTTPResponse]:
        """Status, content (JSON where it is JSON) and the answer; keyword names of headers have _ for -."""
        connection = self.connect()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes | str):
            body, named = json.dumps(body), {"content-type": "application/json", **named}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        try:
            return answer.status, json.loads(content), answer
        except ValueError:
            return answer.status, content, answer

    def post(self, body: Any, **headers: str) -> tuple[int, Any]:
        status, content, _ = self.ask("POST", "/invocations", body, **headers)
        return status, content

    @property
    def workers(self) -> dict[str, int]:
        """The processes of the workers that are ready, by their numbers."""
        workers: dict[str, int] = json.loads((self.errors.parent / "ready.json").read_text())["workers"]
        return workers

    def kill(self, number: int) -> int:
        """The process of a worker, which was killed."""
        process = self.workers[str(number)]
        os.kill(process, signal.SIGKILL)
        return process

    @property
    def told(self) -> list[dict[str, Any]]:
        """What it wrote on standard error."""
        return [json.loads(line) for line in self.errors.read_text().splitlines()]


@contextmanager
def serving(words: list[str], folder: Path, environment: dict[str, str] | None = None) -> Iterator[Served]:
    """A server that is ready; it is told to end, and must."""
    ready, errors = folder / "ready.json", folder / "stderr.txt"
    command = [sys.executable, "-m", "components.serving", *words, "--port", "0"]
    command += ["--log-folder", str(folder / "predictions"), "--ready-file", str(ready)]
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            command, cwd=ROOT, stderr=stderr, env=os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {})
        )
    try:
        until(
            lambda: (
                (ready.exists() and json.loads(ready.read_text())["workers"]) or process.poll() is not None
            )
        )
        assert process.poll() is None, errors.read_text()
        yield Served(json.loads(ready.read_text())["port"], process, folder / "predictions", errors)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Wait for the condition, at most so long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def deployed(bundle: Path, folder: Path, **settings: Any) -> list[str]:
    """The server's words for a deployment of a bundle with these settings."""
    from components.serving.pointer import Pointer
    from components.serving.settings import ServingSettings

    bundle_id = hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest()
    (folder / "bundles").mkdir(parents=True)
    (folder / "bundles" / bundle_id).symlink_to(bundle)
    made = ServingSettings.from_json({"drain_seconds": 0.0, **settings})
    (folder / "deployment.json").write_bytes(Pointer("test", bundle_id, settings=made).to_bytes())
    return ["--deployment", str(folder)]


@pytest.fixture(scope="session")
def server(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("server")
    with serving(deployed(bundle, folder / "deployment"), folder) as served:
        yield served


@pytest.fixture(scope="session")
def rows(people: pl.DataFrame) -> pd.DataFrame:
    """Forty rows as the table has them."""
    return people.to_pandas()[list(COLUMNS.names)].head(40)
