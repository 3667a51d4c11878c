"""A copy of the project in a folder of its own, small enough to be trained, killed, resumed and spoiled in tests."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from components.data import schema
from components.release.ledger import Entry, Ledger
from components.release.tracking import connect
from components.store import Store
from components.training.candidates import FAMILIES

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "acs_employment_ma_18_64.parquet"
COLUMNS = ["age", "education", "marital_status", "relationship", "disability", "foreign_born", "sex", "race"]
TARGET = "employed"
DATASHEET = (
    "title",
    "motivation",
    "instances",
    "collection",
    "labelling",
    "uses",
    "distribution",
    "maintenance",
)

COLLECTED = re.compile(r"Exception ignored in: <gzip on .*?I/O operation on closed file\.\n", re.DOTALL)
"""What Python 3.13.0 to 3.13.2 say as they collect an archive of Metaflow's (python/cpython, issue 129726)."""

LIMITS = {
    "D01": 0.05, "D02": 0.06, "L02": 0.95, "B01": 0.0, "B02": -0.1, "P01": 0.65, "U01": -0.1, "C01": 0.05,
    "K01": 0.15, "K02": 0.15, "F01": 0.6, "F02": 0.6, "F03": 1.0, "R01": 0.3, "R02": 0.3, "E01": 1e-6,
    "S01": 10_000.0, "S02": 50.0, "T01": 1e-9,
}  # fmt: skip

SETTINGS: dict[str, dict[str, Any]] = {
    "project": {"name": "Small", "slug": "small", "description": "Predicts who is in work, on few rows"},
    "data": {"source": "data/table.parquet", "target": TARGET, "positive": "true"},
    "split": {"salt": "small"},
    "objective": {
        "statement": "Offer coaching to people out of work",
        "kpi": "value of the coaching",
        "unit": "hundred dollars",
        "true_positive": 0.0,
        "false_positive": 0.0,
        "true_negative": 1.0,
        "false_negative": -1.0,
    },
    "documents": {
        "owner": "the testers",
        "intended_users": "The tests of this project",
        "out_of_scope": "Everything else",
        "ethical_considerations": "None of the rows decides about anybody",
    },
    "search": {"families": list(FAMILIES)[:2], "trials": 2, "folds": 2, "patience": 2, "seed": 1},
    "evaluation": {"replicates": 200, "min_slice_rows": 100, "explained_rows": 50, "seed": 2},
    "gates": {code: {"threshold": threshold} for code, threshold in LIMITS.items()},
    "fairness": {
        "sensitive": ["sex"],
        "min_group_rows": 100,
        "waived": {"race": "few rows of most groups are in so small a table"},
    },
}


def rows(count: int = 4000) -> pl.DataFrame:
    """Rows of the sample's first year, always the same ones."""
    table = pl.read_parquet(SAMPLE).filter(pl.col("year") == 2015)
    return table.sample(count, seed=1).select(*COLUMNS, TARGET)


def changed(**sections: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings, with keys of the named sections added or replaced."""
    return SETTINGS | {name: SETTINGS.get(name, {}) | dict(keys) for name, keys in sections.items()}


def toml(settings: Mapping[str, Mapping[str, Any]]) -> str:
    """Settings as the text of a config.toml."""
    sections = (
        "\n".join([f"[{name}]", *(f"{key} = {_inline(value)}" for key, value in keys.items())])
        for name, keys in settings.items()
    )
    return "\n\n".join(sections) + "\n"


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_inline(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    output: str


class Project:
    """A project's folder.

    Args:
        root: where it is, or will be.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def make(
        cls,
        root: Path,
        table: pl.DataFrame | None = None,
        settings: Mapping[str, Mapping[str, Any]] = SETTINGS,
    ) -> "Project":
        """A project of this code, with a table, its contract, and settings."""
        table = rows() if table is None else table
        for folder in ("flows", "components"):
            shutil.copytree(ROOT / folder, root / folder)
        for folder in ("data", "metaflow"):
            (root / folder).mkdir()
        shutil.copy(ROOT / "requirements.lock", root)
        table.write_parquet(root / "data" / "table.parquet")
        schema.save(schema.infer(table), root / "schema.yaml")
        statements = (f"{name} = {json.dumps(f'The {name} of a small table')}\n" for name in DATASHEET)
        (root / "data" / "datasheet.toml").write_text("".join(statements), encoding="utf-8")
        (root / "config.toml").write_text(toml(settings), encoding="utf-8")
        return cls(root)

    @property
    def environment(self) -> dict[str, str]:
        """Nobody's Metaflow settings count, and nobody's store is written to."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("METAFLOW", "MLFLOW")) and name != "PYTHONDONTWRITEBYTECODE"
        }
        return inherited | {
            "PYTHONPATH": str(self.root),
            "METAFLOW_USER": "tester",
            "METAFLOW_HOME": str(self.root / "metaflow"),
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(self.root),
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    def start(self, *words: str, flow: str = "train", **environment: str) -> "subprocess.Popen[str]":
        """A flow, by default `flows/train.py`, with these words, as it runs; the environment is added to its own."""
        return subprocess.Popen(
            [sys.executable, f"flows/{flow}.py", "--no-pylint", *words],
            cwd=self.root,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def train(self, *words: str) -> Done:
        """How `flows/train.py` ended; by default it runs the flow."""
        with self.start(*(words or ("run",))) as process:
            output = process.communicate()[0]
        return Done(process.returncode, COLLECTED.sub("", output))

    def deploy(self, *words: str, resumed: str = "") -> Done:
        """How `flows/deploy.py` ended with these words after `run`, or as a resumed run."""
        how = ("resume", "--origin-run-id", resumed) if resumed else ("run",)
        with self.start(*how, *words, flow="deploy") as process:
            output = process.communicate()[0]
        return Done(process.returncode, COLLECTED.sub("", output))

    def monitor(self, *words: str, resumed: str = "", **environment: str) -> Done:
        """How `flows/monitor.py` ended with these words after `run`, or as a resumed run."""
        how = ("resume", "--origin-run-id", resumed) if resumed else ("run",)
        with self.start(*how, *words, flow="monitor", **environment) as process:
            output = process.communicate()[0]
        return Done(process.returncode, COLLECTED.sub("", output))

    def score(self, *words: str, resumed: str = "") -> Done:
        """How `flows/score.py` ended with these words after `run`, or as a resumed run."""
        how = ("resume", "--origin-run-id", resumed) if resumed else ("run",)
        with self.start(*how, *words, flow="score") as process:
            output = process.communicate()[0]
        return Done(process.returncode, COLLECTED.sub("", output))

    def python(self, *words: str, **environment: str) -> Done:
        """How Python ended, in the project's folder; the environment is added to the project's own."""
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.root,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout + done.stderr)

    def run(self, run_id: str = "", flow: str = "TrainFlow") -> Any:
        """A run, by default the newest, through the Metaflow client."""
        import metaflow

        metaflow.metadata(f"local@{self.root}")
        metaflow.namespace(None)
        return metaflow.Run(f"{flow}/{run_id}") if run_id else metaflow.Flow(flow).latest_run

    def artifact(self, name: str, step: str = "end", run_id: str = "") -> Any:
        """What a step of a run, by default the newest, left under a name."""
        return self.run(run_id)[step].task[name].data

    def pickled(self) -> dict[str, bytes]:
        """Every artifact of the newest run's steps as it was stored, by step and name."""
        blobs = self.root / ".metaflow" / "TrainFlow" / "data"
        return {
            f"{step.id}.{artifact.id}": gzip.decompress(
                (blobs / artifact.sha[:2] / artifact.sha).read_bytes()
            )
            for step in self.run()
            for task in step
            for artifact in task
        }

    @property
    def build(self) -> Path:
        """What the newest run wrote where people look."""
        return (self.root / "build" / "latest").resolve()

    @property
    def decision(self) -> dict[str, Any]:
        """decision.json of the newest run."""
        found: dict[str, Any] = json.loads((self.build / "decision.json").read_text(encoding="utf-8"))
        return found

    @property
    def store(self) -> Store:
        """The store of what must last."""
        return Store(str(self.root / "store"))

    @property
    def ledger(self) -> list[Entry]:
        """The ledger's decisions, after the chain was verified; entries about waivers left out."""
        entries = Ledger(self.store).entries()
        return [entry for entry in entries if entry.event in ("approved", "rejected")]

    @property
    def deployments(self) -> list[Entry]:
        """What the ledger has of promotions, refusals and rollbacks."""
        entries = Ledger(self.store).entries()
        return [entry for entry in entries if entry.event in ("promoted", "refused", "rolled back")]

    @property
    def alias(self) -> str:
        """The bundle of the version that MLflow calls the champion; "" if there is none."""
        found = self.mlflow.search_registered_models("name = 'small'")[0].aliases.get("champion")
        return str(self.mlflow.get_model_version("small", found).tags["bundle_id"]) if found else ""

    def served(self, environment: str = "production") -> dict[str, Any]:
        """deployment.json of an environment."""
        path = self.root / "build" / "deploy" / environment / "deployment.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    @property
    def mlflow(self) -> Any:
        """A client of the project's MLflow."""
        return connect(f"sqlite:///{self.root / 'mlflow.db'}")

    def mlflow_runs(self) -> list[Any]:
        """The flow runs that MLflow keeps, trials left out."""
        experiment = self.mlflow.get_experiment_by_name("small")
        found = self.mlflow.search_runs([experiment.experiment_id])
        return [run for run in found if "mlflow.parentRunId" not in run.data.tags]


def comparable(decision: Mapping[str, Any]) -> dict[str, Any]:
    """A decision without what differs between two runs of the same: ids, times and latency."""
    checks = [
        {"code": "S01", "status": check["status"]} if check["code"] == "S01" else check
        for check in decision["checks"]
    ]
    return {**decision, "run": "", "bundle_id": "", "checks": checks}


def failed(decision: Mapping[str, Any]) -> list[str]:
    """The codes of the gates that blocked."""
    return [check["code"] for check in decision["checks"] if check["status"] == "failed"]
