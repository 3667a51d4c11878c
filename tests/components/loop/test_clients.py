"""Clients of a real server: every row is sent once, what fails is counted, and background traffic goes on until it is told."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep

import polars as pl
import pytest

from components.loop.clients import Background, Clients, sendable
from components.serving import prediction_log
from tests.components import packed

ROOT = Path(__file__).resolve().parents[3]
INPUTS = ["age", "education", "marital_status", "relationship"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Where a server of a small bundle answers, and the folder of its log."""
    folder = tmp_path_factory.mktemp("clients")
    packed.deployed(folder / "production")
    ready, log = folder / "ready.json", folder / "predictions"
    words = [
        sys.executable,
        "-m",
        "components.serving",
        "--deployment",
        str(folder / "production"),
        "--port",
        "0",
    ]
    process = subprocess.Popen(
        [*words, "--ready-file", str(ready), "--log-folder", str(log)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    end = monotonic() + 60
    while not ready.is_file() and monotonic() < end:
        sleep(0.02)
    told = json.loads(ready.read_text())
    yield told["host"], told["port"], log, process
    process.terminate()
    process.wait(30)


@pytest.fixture
def clients(server):
    return Clients(server[0], server[1], INPUTS)


@pytest.fixture(scope="module")
def people():
    return pl.read_parquet(ROOT / "data" / "acs_employment_ma_18_64.parquet").sample(600, seed=1)


def test_every_row_is_sent_once_and_answered(clients, people):
    answered = clients.send(people, "once")
    assert (clients.count.rows, clients.count.failed) == (600, 0)
    rows = sorted(row for each in answered for row in range(each.first, each.first + each.rows))
    assert rows == list(range(600))
    assert len({each.rows for each in answered}) > 3


def test_the_rest_of_a_period_is_sent_under_its_own_numbers(clients, people):
    answered = clients.send(people.slice(500), "rest", first=500)
    assert min(each.first for each in answered) == 500
    assert "rest-500" in {each.request_id for each in answered}
    assert clients.count.rows == 100


def test_a_request_that_is_refused_is_counted_with_the_reason(clients, people):
    bad = people.with_columns(age=pl.lit(5000))
    assert clients.send(bad.head(10), "bad", connections=1) == []
    assert clients.count.failed == clients.count.requests > 0
    assert "422" in next(iter(clients.count.why))


def test_a_server_that_is_gone_is_counted_too(people):
    gone = Clients("127.0.0.1", 9, INPUTS)
    assert gone.send(people.head(3), "gone", connections=1) == []
    assert gone.count.failed == gone.count.requests == 2
    assert "refused" in next(iter(gone.count.why)).lower()


def test_background_traffic_goes_on_until_the_context_ends(clients, people):
    with Background(clients, people.head(12), "background") as background:
        background.go_on(20)
    assert background.count.requests >= 20
    assert background.count.failed == 0
    named = {each.request_id.rpartition("-")[0] for each in background.answered}
    assert {"background", "background-again1"} <= named
    before = clients.count.requests
    assert clients.count.requests == before


def test_what_was_answered_is_in_the_log(server, clients, people):
    answered = clients.send(people.head(40), "logged")
    end = monotonic() + 20
    while monotonic() < end:
        kept = prediction_log.read(server[2])[0]
        if kept.height and kept.filter(pl.col("prediction_id").str.starts_with("logged-")).height == 40:
            break
        sleep(0.05)
    ids = set(kept["prediction_id"].to_list())
    assert {f"{each.request_id}:{row}" for each in answered for row in range(each.rows)} <= ids


def test_rows_are_sent_as_json_has_them():
    table = pl.DataFrame(
        {"day": [datetime(2026, 1, 2, 3, 4)], "kind": pl.Series(["a"], dtype=pl.Categorical)}
    )
    assert sendable(table, ["kind", "day"]).rows() == [("a", "2026-01-02T03:04:00.000000")]
