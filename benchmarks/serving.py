"""The server of a bundle beside those of MLflow, MLServer, BentoML and LitServe, and beside the limit of its own stack.

All run at the same time and are loaded in turns by wrk (`apt-get install wrk`), a moment each, so that what else the machine
does slows all of them alike.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.result import Result
from benchmarks.servers import BATCH, FOLDER, ROOT, Server, absent, servers

ROUNDS, SECONDS, WAIT_SECONDS = 7, 2, 120
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass
class Figures:
    """What was measured of a server, one value a round."""

    figures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def of(self, name: str) -> float:
        return statistics.median(self.figures[name])


def benchmarks() -> Iterator[Result]:
    if not shutil.which("wrk"):
        raise SystemExit("benchmarks.serving needs wrk; install it (apt-get install wrk).")
    measured: dict[str, Figures] = defaultdict(Figures)
    all_of_them = servers()
    with ExitStack() as stack:
        for server in all_of_them:
            process = stack.enter_context(_started(server, measured[server.name]))
            stack.callback(_remember, process.pid, measured[server.name])
        for server in all_of_them:
            _load(server, server.one, 16, "1s")
        for _ in range(ROUNDS):
            for name, connections in (("c1", 1), ("c16", 16), ("batch", 1)):
                for server in all_of_them:
                    body = server.many if name == "batch" else server.one
                    requests, milliseconds = _load(server, body, connections, f"{SECONDS}s")
                    measured[server.name].figures[name].append(requests)
                    if name == "c16":
                        measured[server.name].figures["p99"].append(milliseconds)
    missing = absent()
    yield from _results(measured, f"not installed: {', '.join(missing)}" if missing else "")


def _results(measured: dict[str, Figures], note: str) -> Iterator[Result]:
    ours, mlflow, constant = (measured[name] for name in ("ours", "mlflow", "constant"))
    peers = {name: each for name, each in measured.items() if name not in ("ours", "constant")}
    told = "; ".join(
        f"{name}: {each.of('c1'):,.0f} and {each.of('c16'):,.0f} requests/s, {each.of('batch') * BATCH:,.0f} rows/s, "
        f"p99 {each.of('p99'):.1f} ms, {each.of('memory') / 1e6:.0f} MB, ready in {each.of('start'):.1f} s"
        for name, each in measured.items()
    )
    per = "microseconds a request"
    for connections, of_mlflow, of_limit in (("c1", 50, 0.6), ("c16", 100, 0.2)):
        name = f"serve one row, {connections[1:]} connection{'s' * (connections != 'c1')}"
        mine = 1e6 / ours.of(connections)
        yield Result(
            name, mine, 1e6 / mlflow.of(connections), 1 / of_mlflow, f"mlflow models serve, {per}", "µs"
        )
        yield Result(name, mine, 1e6 / constant.of(connections), 1 / of_limit, f"a constant, {per}", "µs")
    best = max(peers, key=lambda name: peers[name].of("batch"))
    yield Result("serve 1,000 rows", 1e3 / ours.of("batch"), 1e3 / peers[best].of("batch"), 1 / 5, best, "ms")
    best = min(peers, key=lambda name: peers[name].of("p99"))
    yield Result("99 % of 16 connections' answers", ours.of("p99"), peers[best].of("p99"), 0.1, best, "ms")
    memory = [each.of("memory") / 1e6 for each in (ours, mlflow)]
    yield Result("memory of a worker (RSS)", *memory, 1 / 3, "mlflow models serve", "MB")
    start = [each.of("start") for each in (ours, mlflow)]
    yield Result("start until the first answer", *start, 1 / 3, "mlflow models serve", note=f"{told}. {note}")


@contextmanager
def _started(server: Server, found: Figures) -> Iterator[subprocess.Popen[bytes]]:
    """The server's process, once it has answered."""
    environment = os.environ | THREADS | {"PYTHONPATH": str(ROOT), "MODEL": str(FOLDER / "model.joblib")}
    environment["PATH"] = f"{Path(server.command[0]).parent}{os.pathsep}{environment['PATH']}"
    started = time.perf_counter()
    with (FOLDER / f"{server.name}.log").open("wb") as log:
        process = subprocess.Popen(
            server.command, cwd=server.folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _until_answered(server, process)
        found.figures["start"].append(time.perf_counter() - started)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _until_answered(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    body = json.dumps(server.one).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.path}", body, {"content-type": "application/json"}
    )
    while True:
        try:
            with urllib.request.urlopen(request, timeout=20):
                return
        except (urllib.error.URLError, OSError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(
                    f"{server.name} does not answer ({error}); see {FOLDER}/{server.name}.log"
                ) from None
            time.sleep(0.02)


def _load(server: Server, body: object, connections: int, seconds: str) -> tuple[float, float]:
    """Requests a second, and the 99th percentile of the latency in milliseconds."""
    (FOLDER / "body.json").write_text(json.dumps(body))
    script = FOLDER / "post.lua"
    script.write_text(
        'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
        f'wrk.body = io.open("{FOLDER / "body.json"}", "rb"):read("*a")\n'
    )
    options = ["-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "20s", "--latency", "-s", script]
    url = f"http://127.0.0.1:{server.path}"
    done = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout:
        raise SystemExit(f"{server.name} failed: {done.stdout}")
    requests = re.search(r"Requests/sec: +([0-9.]+)", done.stdout)
    tail = re.search(r"99% +([0-9.]+)(us|ms|s)", done.stdout)
    assert requests
    assert tail
    return float(requests[1]), float(tail[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[tail[2]]


def _remember(pid: int, found: Figures) -> None:
    found.figures["memory"].append(max(_memory(pid)))


def _memory(pid: int) -> Iterator[float]:
    """The resident set size of a process and of those it started, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    yield float(re.search(r"^VmRSS:\s+([0-9]+)", status, re.MULTILINE)[1]) * 1024
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _memory(int(child))
