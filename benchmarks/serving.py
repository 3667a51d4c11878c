"""The server of a bundle beside those of MLflow, MLServer, BentoML and LitServe, and beside the limit of its own stack.

All serve the same gradient boosting of the sample: ours its bundle, with checks, log and metrics on; the others its
scikit-learn pipeline. One worker and one thread each, one server at a time, loaded by wrk (`apt-get install wrk`).
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from benchmarks.result import Result
from benchmarks.tables import SAMPLE
from components.data import schema
from components.release.bundle import Parts, pack
from components.release.export import predictions, program
from components.release.reference import reference
from components.training.candidates import FAMILIES, build
from components.training.features import inputs, select
from components.training.predictor import Predictor

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "serving"
PEERS = Path(__file__).parent / "peers"
ROUNDS, SECONDS, WAIT_SECONDS = 3, 3, 120
BATCH = 1000
PACKAGES = {
    "mlserver": ("mlserver==1.7.1", "mlserver-sklearn==1.7.1"),
    "bentoml": ("bentoml", "joblib"),
    "litserve": ("litserve", "joblib"),
}
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Server:
    """How a server is started, and what it is asked: one row and a thousand."""

    name: str
    command: tuple[str, ...]
    path: str
    one: object
    many: object
    folder: Path = ROOT


@dataclass
class Figures:
    """What was measured of a server, one value a round."""

    figures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def of(self, name: str) -> float:
        return statistics.median(self.figures[name])


def benchmarks() -> Iterator[Result]:
    if not shutil.which("wrk"):
        raise SystemExit("benchmarks.serving needs wrk; install it (apt-get install wrk).")
    FOLDER.mkdir(parents=True, exist_ok=True)
    bodies = _models()
    absent = [name for name in PACKAGES if not _installed(name)]
    measured: dict[str, Figures] = defaultdict(Figures)
    for _ in range(ROUNDS):
        for server in _servers(bodies, absent):
            _measure(server, measured[server.name])
    note = f"not installed: {', '.join(absent)}" if absent else ""
    yield from _results(measured, note)


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
    yield Result("memory of a worker (PSS)", *memory, 1 / 3, "mlflow models serve", "MB")
    start = [each.of("start") for each in (ours, mlflow)]
    yield Result("start until the first answer", *start, 1 / 3, "mlflow models serve", note=f"{told}. {note}")


def _models() -> dict[str, object]:
    """The bundle and the pipeline, made anew; and the rows that are asked about, as JSON has them."""
    import joblib
    import mlflow.sklearn

    table = pl.read_parquet(SAMPLE).filter(pl.col("year") == 2015)
    contract = schema.infer(table)
    columns = select(contract.types, target="employed", excluded=["year", "sex", "race", "disability"])
    frame = table.to_pandas()
    X, y = inputs(frame, columns), frame.employed.to_numpy(int)
    family = FAMILIES["gradient_boosting"]
    predictor = Predictor(build(family, family.default, columns, 0)).fit(X[:30_000], y[:30_000])
    said = predictions(predictor, X)
    for name in ("bundle", "mlflow"):
        shutil.rmtree(FOLDER / name, ignore_errors=True)
    parts = Parts(
        name="job_coaching",
        program=program(predictor, columns, X.head(1000)),
        smoke=frame[list(columns.names)].assign(**said).head(40),
        contract=schema.to_json(contract, columns.names, ["sex", "race", "disability"]),
        reference=reference(X, said),
        decision={"outcome": "approved", "run": "TrainFlow/1", "checks": []},
        documents={},
        lineage={},
        lock=(ROOT / "requirements.lock").read_text(encoding="utf-8"),
        created="2026-01-02T03:04:05+00:00",
    )
    pack(FOLDER / "bundle", parts)
    joblib.dump(predictor.pipeline, FOLDER / "model.joblib")
    mlflow.sklearn.save_model(
        predictor.pipeline, FOLDER / "mlflow", serialization_format="cloudpickle", pip_requirements=[]
    )
    plain: dict[str, object] = json.loads(X.head(BATCH).to_json(orient="split", index=False))
    return plain


def _installed(name: str) -> bool:
    """Whether the peer's own environment is there, made with today's versions if it was not."""
    folder = FOLDER / "environments" / name
    if (folder / "whole").exists():
        return True
    uv, python = Path(sys.executable).with_name("uv"), folder / "bin" / "python"
    likewise = ["scikit-learn", "pandas", "numpy", "scipy"]
    versions = [f"{each}=={_version(each)}" for each in likewise]
    made = subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=False)
    packages = [*PACKAGES[name], *versions]
    done = subprocess.run(
        [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *packages], check=False
    )
    if made.returncode or done.returncode:
        return False
    (folder / "whole").touch()
    return True


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


def _servers(rows: dict[str, object], absent: list[str]) -> Iterator[Server]:
    port = str(_free_port())
    split = {"dataframe_split": _first(rows)}, {"dataframe_split": rows}
    plain = _first(rows), rows
    bundle = ("--bundle", str(FOLDER / "bundle"), "--log-folder", str(FOLDER / "predictions"), "--port", port)
    yield Server("ours", (sys.executable, "-m", "components.serving", *bundle), f"{port}/invocations", *split)
    asgi = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "critical")
    served = (sys.executable, "-m", "uvicorn", "benchmarks.peers.constant:app", "--port", port, *asgi)
    yield Server("constant", (*served, "--no-server-header", "--no-date-header"), f"{port}/", *split)
    of_mlflow = (
        "models",
        "serve",
        "--model-uri",
        str(FOLDER / "mlflow"),
        "--env-manager",
        "local",
        "--port",
        port,
    )
    yield Server("mlflow", (sys.executable, "-m", "mlflow", *of_mlflow), f"{port}/invocations", *split)
    bins = {name: FOLDER / "environments" / name / "bin" for name in PACKAGES if name not in absent}
    if "mlserver" in bins:
        command = (str(bins["mlserver"] / "mlserver"), "start", str(_mlserver(port)))
        asked = _tensors(plain[0]), _tensors(plain[1])
        yield Server("MLServer", command, f"{port}/v2/models/model/infer", *asked)
    if "bentoml" in bins:
        command = (str(bins["bentoml"] / "bentoml"), "serve", "bentoml_service:Service", "--port", port)
        yield Server("BentoML", command, f"{port}/predict", *plain, folder=PEERS)
    if "litserve" in bins:
        command = (str(bins["litserve"] / "python"), "litserve_server.py", port)
        yield Server("LitServe", command, f"{port}/predict", *plain, folder=PEERS)


def _first(rows: dict[str, object]) -> dict[str, object]:
    return {**rows, "data": rows["data"][:1]}


def _mlserver(port: str) -> Path:
    """A folder with MLServer's settings."""
    folder = FOLDER / "mlserver"
    folder.mkdir(exist_ok=True)
    others = {"grpc_port": _free_port(), "metrics_port": _free_port()}
    settings = {"http_port": int(port), **others, "parallel_workers": 0, "debug": False}
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {
        "name": "model",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(FOLDER / "model.joblib"), "content_type": "pd"},
    }
    (folder / "model-settings.json").write_text(json.dumps(model))
    return folder


def _tensors(rows: dict[str, object]) -> dict[str, object]:
    made = []
    for name, values in zip(rows["columns"], zip(*rows["data"], strict=True), strict=True):
        text = isinstance(values[0], str)
        tensor = {"name": name, "shape": [len(values), 1], "datatype": "BYTES" if text else "FP64"}
        made.append({**tensor, "data": values, "parameters": {"content_type": "str"} if text else {}})
    outputs = [{"name": "predict_proba"}]
    return {"parameters": {"content_type": "pd"}, "inputs": made, "outputs": outputs}


def _measure(server: Server, found: Figures) -> None:
    """Start the server, load it, and end it."""
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
        for name, body, connections in (
            ("c1", server.one, 1),
            ("c16", server.one, 16),
            ("batch", server.many, 1),
        ):
            requests, milliseconds = _load(server, body, connections)
            found.figures[name].append(requests)
            if name == "c16":
                found.figures["p99"].append(milliseconds)
        found.figures["memory"].append(max(_memory(process.pid)))
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


def _load(server: Server, body: object, connections: int) -> tuple[float, float]:
    """Requests a second, and the 99th percentile of the latency in milliseconds."""
    (FOLDER / "body.json").write_text(json.dumps(body))
    script = FOLDER / "post.lua"
    script.write_text(
        'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
        f'wrk.body = io.open("{FOLDER / "body.json"}", "rb"):read("*a")\n'
    )
    options = ["-t1", f"-c{connections}", f"-d{SECONDS}s", "--timeout", "20s", "--latency", "-s", script]
    url = f"http://127.0.0.1:{server.path}"
    subprocess.run(["wrk", *options[:2], "-d1s", *options[3:], url], capture_output=True, check=True)
    done = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout:
        raise SystemExit(f"{server.name} failed: {done.stdout}")
    requests = re.search(r"Requests/sec: +([0-9.]+)", done.stdout)
    tail = re.search(r"99% +([0-9.]+)(us|ms|s)", done.stdout)
    assert requests
    assert tail
    return float(requests[1]), float(tail[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[tail[2]]


def _memory(pid: int) -> Iterator[float]:
    """The proportional set size of a process and of those it started, in bytes."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    yield float(re.search(r"^Pss: +([0-9]+)", rollup, re.MULTILINE)[1]) * 1024
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _memory(int(child))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
