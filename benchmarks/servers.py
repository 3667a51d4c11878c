"""The servers that are measured beside one another: the same gradient boosting of the sample, one worker and one thread each.

Ours serves its bundle, with checks, log and metrics on; the others the scikit-learn pipeline.
"""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import polars as pl

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
BATCH = 1000
PACKAGES = {
    "mlserver": ("mlserver==1.7.1", "mlserver-sklearn==1.7.1"),
    "bentoml": ("bentoml", "joblib"),
    "litserve": ("litserve", "joblib"),
}


@dataclass(frozen=True)
class Server:
    """How a server is started, and what it is asked: one row and a thousand."""

    name: str
    command: tuple[str, ...]
    path: str
    one: object
    many: object
    folder: Path = ROOT


def servers() -> list[Server]:
    """All that can be started here, after their models were made anew and their environments where they were not there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = _models()
    return list(_servers(rows, absent()))


def absent() -> list[str]:
    """The peers whose environment cannot be made."""
    return [name for name in PACKAGES if not _installed(name)]


def _servers(rows: dict[str, object], absent: list[str]) -> Iterator[Server]:
    split = {"dataframe_split": _first(rows)}, {"dataframe_split": rows}
    plain = _first(rows), rows
    port = _free_port()
    bundle = ("--bundle", str(FOLDER / "bundle"), "--log-folder", str(FOLDER / "predictions"), "--port", port)
    yield Server("ours", (sys.executable, "-m", "components.serving", *bundle), f"{port}/invocations", *split)
    port = _free_port()
    asgi = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "critical")
    served = (sys.executable, "-m", "uvicorn", "benchmarks.peers.constant:app", "--port", port, *asgi)
    yield Server("constant", (*served, "--no-server-header", "--no-date-header"), f"{port}/", *split)
    port = _free_port()
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
        port = _free_port()
        command = (str(bins["mlserver"] / "mlserver"), "start", str(_mlserver(port)))
        asked = _tensors(plain[0]), _tensors(plain[1])
        yield Server("MLServer", command, f"{port}/v2/models/model/infer", *asked)
    if "bentoml" in bins:
        port = _free_port()
        command = (str(bins["bentoml"] / "bentoml"), "serve", "bentoml_service:Service", "--port", port)
        yield Server("BentoML", command, f"{port}/predict", *plain, folder=PEERS)
    if "litserve" in bins:
        port = _free_port()
        command = (str(bins["litserve"] / "python"), "litserve_server.py", port)
        yield Server("LitServe", command, f"{port}/predict", *plain, folder=PEERS)


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
    versions = [f"{each}=={version(each)}" for each in likewise]
    made = subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=False)
    packages = [*PACKAGES[name], *versions]
    done = subprocess.run(
        [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *packages], check=False
    )
    if made.returncode or done.returncode:
        return False
    (folder / "whole").touch()
    return True


def _first(rows: dict[str, object]) -> dict[str, object]:
    return {**rows, "data": rows["data"][:1]}


def _mlserver(port: str) -> Path:
    """A folder with MLServer's settings."""
    folder = FOLDER / "mlserver"
    folder.mkdir(exist_ok=True)
    others = {"grpc_port": int(_free_port()), "metrics_port": int(_free_port())}
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


def _free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])
