"""What MLflow is told of a run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from components.errors import redacted

if TYPE_CHECKING:
    from mlflow.entities import Dataset

    from components.training.search import SearchResult
    from components.validation.metrics import Estimate

_TYPES = {"boolean": "boolean", "integer": "long", "number": "double", "datetime": "datetime"}


@dataclass(frozen=True)
class DataInput:
    """The data that a run read: its name, content version, source, rows, and the contract's type of each column.

    The pin says what exactly was read, in short; "" where a source keeps no versions.
    """

    name: str
    version: str
    source: str
    rows: int
    columns: Mapping[str, str]
    pin: str = ""

    def to_mlflow(self) -> "Dataset":
        """MLflow's description of the data, with the content version as its digest; no row is read for it."""
        from mlflow.entities import Dataset

        scheme, _, _ = self.source.rpartition("://")
        web = scheme.startswith("http")
        columns = [
            {"type": _TYPES.get(kind, "string"), "name": name, "required": False}
            for name, kind in self.columns.items()
        ]
        return Dataset(
            self.name,
            self.version,
            "http" if web else scheme or "local",
            json.dumps(
                {"url" if web else "uri": redacted(self.source)} | ({"pin": self.pin} if self.pin else {})
            ),
            json.dumps({"mlflow_colspec": columns}),
            json.dumps({"num_rows": self.rows}),
        )


@dataclass(frozen=True)
class RunRecord:
    """What MLflow is told of a run.

    Attributes:
        origin_run: Pathspec of the run that was started first; resuming keeps it.
        pathspec: Pathspec of the run that speaks.
        by: Who started it.
        outcome: The decision.
        bundle_id: SHA-256 of the bundle's manifest.json.
        holdout_id: Names the held-out rows.
        git_commit: The code's commit, or "" outside a repository.
        data: The data that was read.
        params: The winner's parameters.
        metrics: Metrics, each with its interval.
        searches: The families searched, with their trials.
        summary: Markdown that MLflow shows at the head of the run.
    """

    origin_run: str
    pathspec: str
    by: str
    outcome: Literal["approved", "rejected"]
    bundle_id: str
    holdout_id: str
    git_commit: str
    data: DataInput
    params: Mapping[str, Any]
    metrics: "Mapping[str, Estimate]"
    searches: "Sequence[SearchResult]"
    summary: str

    @property
    def lineage(self) -> dict[str, str]:
        """Tags that lead from MLflow back to the run, its data, code and bundle."""
        return {
            "metaflow.pathspec": self.pathspec,
            "data_version": self.data.version,
            **({"data_pin": self.data.pin} if self.data.pin else {}),
            "holdout_id": self.holdout_id,
            "git_commit": self.git_commit,
            "bundle_id": self.bundle_id,
            "decision": self.outcome,
        }

    @property
    def tags(self) -> dict[str, str]:
        """The lineage, and what MLflow shows of every run."""
        return {
            **self.lineage,
            "metaflow.origin_run": self.origin_run,
            "mlflow.user": self.by,
            "mlflow.source.name": self.origin_run.partition("/")[0],
            "mlflow.source.git.commit": self.git_commit,
            "mlflow.note.content": self.summary,
        }
