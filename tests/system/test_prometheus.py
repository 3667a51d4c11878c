"""A real Prometheus scrapes the real server; a real Alertmanager tells a webhook; the dashboard's queries find data."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.release import deployment
from components.release.manifest import MANIFEST, verify_files, write_manifest
from components.serving.settings import ServingSettings
from tests.components import packed

pytestmark = pytest.mark.system

SECONDS = 120.0
JOB = "job-coaching-production"
SETTINGS = ServingSettings(workers=2, log_window_seconds=0.2, max_rows=1000)


def until(holds: Callable[[], Any], what: str) -> Any:
    """What the condition gives once it holds."""
    deadline = time.monotonic() + SECONDS
    while not (found := holds()):
        assert time.monotonic() < deadline, what
        threading.Event().wait(0.1)
    return found


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def asked(url: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of an answer; 0 while nobody listens."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=10
        ) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


@dataclass
class Webhook:
    """What was posted to it."""

    port: int = 0
    alerts: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hook.alerts.extend(content["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield hook
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass(frozen=True)
class Watched:
    """A server, and the Prometheus that watches it."""

    folder: Path
    server: str
    prometheus: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What Prometheus finds now."""
        words = urllib.parse.urlencode({"query": expression})
        status, answer = asked(f"{self.prometheus}/api/v1/query?{words}")
        assert status == 200, answer.decode()
        found: list[dict[str, Any]] = json.loads(answer)["data"]["result"]
        return found

    def predict(self, *changes: dict[str, Any]) -> int:
        """The status of a request for predictions of the recorded rows, changed or not."""
        columns = {**json.loads(packed.bundle()["smoke.json"])["inputs"]}
        for change in changes:
            columns |= {name: [value] * len(columns[name]) for name, value in change.items()}
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        body = {"dataframe_split": {"columns": list(columns), "data": rows}}
        return asked(f"{self.server}/invocations", json.dumps(body).encode())[0]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts programs, which end with the module."""
    running: list[subprocess.Popen[bytes]] = []
    said = (tmp_path_factory.mktemp("said") / "said.txt").open("wb")

    def start(*words: str) -> subprocess.Popen[bytes]:
        running.append(subprocess.Popen(words, stdout=said, stderr=said, cwd=packed.ROOT))
        return running[-1]

    yield start
    for process in reversed(running):
        process.terminate()
        process.wait(30)
    said.close()


@pytest.fixture(scope="module")
def watched(
    started: Callable[..., subprocess.Popen[bytes]],
    webhook: Webhook,
    tmp_path_factory: pytest.TempPathFactory,
) -> Watched:
    """The server with a challenger in its shadow, Prometheus and Alertmanager, with the rules that ship."""
    folder = tmp_path_factory.mktemp("watched")
    with_shadow(folder / "production")
    ready = folder / "ready.json"
    started(
        sys.executable, "-m", "components.serving", "--deployment", str(folder / "production"), "--port", "0",
        "--log-folder", str(folder / "log"), "--ready-file", str(ready),
    )  # fmt: skip
    told = until(
        lambda: ready.exists() and len(json.loads(ready.read_text())["workers"]) == 2 and ready, "server"
    )
    server = f"127.0.0.1:{json.loads(told.read_text())['port']}"
    manager, port = f"127.0.0.1:{free_port()}", free_port()
    (folder / "alertmanager.yaml").write_text(yaml.safe_dump(routing(webhook.port)))
    started(
        "prometheus-alertmanager", f"--config.file={folder}/alertmanager.yaml", f"--storage.path={folder}/manager",
        f"--web.listen-address={manager}", "--cluster.listen-address=",
    )  # fmt: skip
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(scraping(folder, server, manager)))
    started(
        "prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/series",
        f"--web.listen-address=127.0.0.1:{port}",
    )  # fmt: skip
    until(lambda: asked(f"http://{manager}/-/ready")[0] == 200, "Alertmanager is not ready")
    until(lambda: asked(f"http://127.0.0.1:{port}/-/ready")[0] == 200, "Prometheus is not ready")
    return Watched(folder, f"http://{server}", f"http://127.0.0.1:{port}")


def with_shadow(folder: Path) -> None:
    """The deployment, with a second bundle beside the champion that sees what it sees."""
    champion = packed.deployed(folder, SETTINGS)
    files = {name: content for name, content in packed.bundle().items() if name != MANIFEST}
    files["documents/model_card.md"] = b"# Another model card\n"
    files[MANIFEST] = write_manifest(files)
    challenger = verify_files(files).bundle_id
    pointer = deployment.Pointer(folder.name, champion, vars(SETTINGS), challenger, "shadow")
    deployment.write(folder, pointer, {champion: packed.bundle(), challenger: files}, {})


def routing(port: int) -> dict[str, Any]:
    return {
        "route": {"receiver": "hook", "group_wait": "0s", "group_interval": "1s", "group_by": ["alertname"]},
        "receivers": [{"name": "hook", "webhook_configs": [{"url": f"http://127.0.0.1:{port}/"}]}],
    }


def scraping(folder: Path, server: str, manager: str) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [f"{folder}/production/prometheus/rules.yaml"],
        "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": [server]}]}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
    }


@pytest.fixture(scope="module")
def busy(watched: Watched) -> Watched:
    """The server with all kinds of traffic, which Prometheus has seen grow."""

    def seen() -> bool:
        assert watched.predict() == 200
        assert watched.predict({"age": 7_000}) in (400, 422)
        rows = {"dataframe_split": {"columns": ["age"], "data": [[1]] * (SETTINGS.max_rows + 1)}}
        assert asked(f"{watched.server}/invocations", json.dumps(rows).encode())[0] in (400, 413, 422)
        counted = watched.query('sum(increase(serving_requests_total{route="/invocations"}[1m]))')
        return bool(counted) and float(counted[0]["value"][1]) > 0

    until(seen, "Prometheus sees no traffic")
    return watched


def test_prometheus_scrapes_what_the_server_counts(busy: Watched) -> None:
    statuses = {
        each["metric"]["status"] for each in busy.query('serving_requests_total{route="/invocations"}')
    }
    assert "200" in statuses
    assert len(statuses) > 1
    assert busy.query(f'up{{job="{JOB}"}}')[0]["value"][1] == "1"


def test_every_query_of_the_dashboard_finds_data(busy: Watched) -> None:
    dashboard = json.loads((busy.folder / "production" / "grafana" / "dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(queries) >= 15
    empty = set(queries)

    def filled() -> bool:
        busy.predict()
        busy.predict({"age": 7_000})
        for query in tuple(empty):
            if busy.query(query.replace("$job", JOB).replace("$__rate_interval", "1m")):
                empty.discard(query)
        return not empty

    until(filled, f"without data: {empty}")


def test_every_metric_of_the_rules_is_one_that_the_server_has(busy: Watched) -> None:
    groups = yaml.safe_load((busy.folder / "production" / "prometheus" / "rules.yaml").read_text())["groups"]
    named = {
        word
        for rule in groups[0]["rules"]
        for word in "".join(
            letter if letter.isalnum() or letter == "_" else " " for letter in rule["expr"]
        ).split()
        if word.startswith("serving_")
    }
    assert len(named) >= 12
    assert {name for name in named if not busy.query(name)} == set()


def test_an_alert_arrives_at_the_webhook_and_is_taken_back(busy: Watched, webhook: Webhook) -> None:
    log = busy.folder / "log"

    def told(status: str) -> dict[str, Any] | None:
        busy.predict()
        found = [
            each for each in webhook.alerts
            if (each["labels"]["alertname"], each["status"]) == ("LogFailing", status)
        ]  # fmt: skip
        return found[0] if found else None

    log.rename(busy.folder / "moved")
    shutil.rmtree(busy.folder / "moved")
    log.write_text("where the log's folder was")
    try:
        alert = until(lambda: told("firing"), "no alert arrives")
    finally:
        log.unlink()
    assert alert["labels"] == {"alertname": "LogFailing", "job": JOB, "severity": "critical"}
    assert "predictions are not being logged" in alert["annotations"]["summary"]
    assert busy.predict() == 200  # an alert, not an outage
    until(lambda: told("resolved"), "the alert is not taken back")
    assert list(log.rglob("*")), "what waited is not written"
