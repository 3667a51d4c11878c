"""Runs and models in MLflow: one MLflow run for each Metaflow run, a model version for each approved one."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import BundleError, FlowprintError
from components.release.ledger import Ledger
from components.release.run_record import RunRecord
from components.release.tracking import again_if_raced, connect, explained, sqlite_path, unless_exists

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

    from components.training.search import SearchResult

_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
_NESTED_TRIALS = 200
_METRICS_AT_ONCE = 800


@dataclass(frozen=True)
class TrackedRun:
    """Where MLflow keeps a run; ``model_version`` is "" unless the run was approved."""

    mlflow_run_id: str
    experiment_id: str
    model_name: str
    model_version: str


class Registry:
    """One project's experiment and registered model in MLflow.

    Args:
        uri: Tracking URI, such as ``sqlite:///mlflow.db`` or ``https://mlflow.example``.
        experiment: Name of the experiment.
        model_name: Name of the registered model.
    """

    def __init__(self, uri: str, experiment: str, model_name: str) -> None:
        self.uri, self.experiment, self.model_name = uri, experiment, model_name

    def open(self, record: RunRecord) -> str:
        """The id of the MLflow run that is to keep the record, made if there is none.

        Raises:
            FlowprintError: MLflow refused or was not reached, or it keeps another decision of this run.
        """
        with explained():
            return str(self._run(record).info.run_id)

    def record(self, record: RunRecord, *, bundle: Path, artifacts: Sequence[Path] = ()) -> TrackedRun:
        """Where MLflow keeps the run, after all of it was logged; recording it again changes nothing.

        Args:
            record: What is to be logged.
            bundle: The bundle's folder, a valid MLflow model. A copy of it beside the run becomes a model
                version with the alias ``challenger``, if and only if the run was approved.
            artifacts: Files to keep with the run.

        Raises:
            BundleError: The bundle of an approved run is no MLflow model, or not the one that was approved.
            FlowprintError: MLflow refused or was not reached, or it keeps another decision of this run.
        """
        approved = record.outcome == "approved"
        if approved:
            _check_bundle(bundle, record.bundle_id)
        with explained():
            run = self._run(record)
            run_id = run.info.run_id
            if run.info.status != "FINISHED":
                self._log(run, record)
                self._log_trials(run, record.searches)
                for artifact in artifacts:
                    self._client.log_artifact(run_id, str(artifact))
            version = self._register(run, record, bundle) if approved else ""
            if run.info.status != "FINISHED":
                self._client.set_terminated(run_id)
        return TrackedRun(run_id, run.info.experiment_id, self.model_name, version)

    def set_champion(self, bundle_id: str) -> str:
        """The version that bears the alias ``champion`` from now on: that of the bundle; none for "".

        Raises:
            FlowprintError: No version has this bundle.
        """
        with explained():
            version = self._version(bundle_id) if bundle_id else ""
            if bundle_id and not version:
                raise FlowprintError(
                    f"MLflow: no version of {self.model_name!r} has the bundle {bundle_id[:12]}; run its training "
                    "flow's last step again (resume)."
                )
            if version:
                self._client.set_registered_model_alias(self.model_name, "champion", version)
            elif "champion" in self._aliases():
                self._client.delete_registered_model_alias(self.model_name, "champion")
        return version

    def champion(self) -> str:
        """The bundle of the version that bears the alias ``champion``; "" if none does."""
        path = sqlite_path(self.uri)
        if path and not path.exists():
            return ""
        with explained():
            version = self._aliases().get("champion", "")
            found = self._client.get_model_version(self.model_name, version) if version else None
        return str(found.tags.get("bundle_id", "")) if found else ""

    def follow(self, ledger: Ledger, environment: str) -> bool:
        """Whether the alias ``champion`` had to be moved to where the ledger has it.

        The ledger is asked again after each move: of two that move it at once, the last one leaves it right.

        Raises:
            FlowprintError: MLflow refused or was not reached, or has no version of the champion.
        """
        moved = False
        while True:
            entry = ledger.champion(environment)
            wanted = entry.bundle_id if entry else ""
            if self.champion() == wanted:
                return moved
            self.set_champion(wanted)
            moved = True

    def keep_head(self, ledger: Ledger) -> int:
        """The number of the ledger's newest entry, whose hash the experiment's tag ``ledger_head`` now keeps.

        Raises:
            LedgerError: The ledger no longer holds the head that was kept before.
        """
        kept, entries = self.check_head(ledger), ledger.entries()
        with explained():
            while entries and kept < entries[-1].number:
                head = f"{entries[-1].number}:{entries[-1].hash}"
                self._client.set_experiment_tag(self._experiment_id, "ledger_head", head)
                kept, _ = self._kept_head()
        return kept

    def check_head(self, ledger: Ledger) -> int:
        """The number of the ledger's entry whose hash MLflow keeps; 0 if it keeps none.

        Raises:
            LedgerError: The entry is gone or has another hash: the ledger was cut off or written anew.
        """
        path = sqlite_path(self.uri)
        if path and not path.exists():
            return 0
        with explained():
            number, head = self._kept_head()
        ledger.check_head(number, head)
        return number

    @cached_property
    def _client(self) -> "MlflowClient":
        return connect(self.uri)

    @cached_property
    def _experiment_id(self) -> str:
        """The experiment, made when first used; beside a SQLite file its artifacts lie in ``mlruns``."""
        found = self._client.get_experiment_by_name(self.experiment)
        if found is None:
            path = sqlite_path(self.uri)
            artifacts = (path.resolve().parent / "mlruns" / self.experiment).as_uri() if path else None
            with unless_exists():
                self._client.create_experiment(self.experiment, artifact_location=artifacts)
            found = self._client.get_experiment_by_name(self.experiment)
        return str(found.experiment_id)

    def _run(self, record: RunRecord) -> "Run":
        """The run of this origin, made if there is none."""
        found = self._runs_of(record.origin_run)
        if not found:
            made = self._client.create_run(
                self._experiment_id, tags=record.tags, run_name=record.origin_run
            ).info.run_id
            # Of two attempts at the same moment the one that started first stays.
            found = self._runs_of(record.origin_run)
            if found[0].info.run_id != made:
                self._client.delete_run(made)
        run, bundle_id = found[0], found[0].data.tags["bundle_id"]
        if run.info.status == "FINISHED" and bundle_id != record.bundle_id:
            raise FlowprintError(
                f"MLflow keeps {record.origin_run} with the bundle {bundle_id[:12]}, and now it has "
                f"{record.bundle_id[:12]}: what was recorded stands; start a new run."
            )
        return run

    def _runs_of(self, origin_run: str) -> list["Run"]:
        runs = self._client.search_runs([self._experiment_id], f"tags.`metaflow.origin_run` = '{origin_run}'")
        return sorted(runs, key=lambda run: (run.info.start_time, run.info.run_id))

    def _log(self, run: "Run", record: RunRecord) -> None:
        """Parameters, metrics with their bounds, each family's best score by trial, and the data."""
        from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag

        # The run's own start as the time of every value: logged twice, it is one value.
        now = run.info.start_time
        numbers = {
            f"{name}{end}": number
            for name, estimate in record.metrics.items()
            for end, number in (("", estimate.value), (".low", estimate.low), (".high", estimate.high))
        }
        metrics = [Metric(name, float(number), now, 0) for name, number in numbers.items()]
        for result in record.searches:
            scores = [_mean(trial.fold_scores) for trial in result.trials if trial.state == "complete"]
            best = accumulate(scores, max)
            metrics += [Metric(f"best_score.{result.family}", s, now, step) for step, s in enumerate(best)]
        params = [Param(name, str(value)) for name, value in record.params.items()]
        tags = [RunTag(name, value) for name, value in record.tags.items()]
        self._client.log_batch(run.info.run_id, params=params, tags=tags)
        for start in range(0, len(metrics), _METRICS_AT_ONCE):
            self._client.log_batch(run.info.run_id, metrics=metrics[start : start + _METRICS_AT_ONCE])
        tag = InputTag("mlflow.data.context", "training")
        inputs = [DatasetInput(record.data.to_mlflow(), [tag])]
        # MLflow looks whether it knows the data before it adds them: two runs on the same data may both not find them.
        again_if_raced(lambda: self._client.log_inputs(run.info.run_id, datasets=inputs))

    def _log_trials(self, run: "Run", searches: "Sequence[SearchResult]") -> None:
        """A nested run for each of the best trials, so that MLflow's table and plots can compare them."""
        from mlflow.entities import Metric, Param

        client, parent, start = self._client, run.info.run_id, run.info.start_time
        nested = client.search_runs([self._experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'")
        there = {child.info.run_name: child.info for child in nested}
        trials = [(result.family, trial) for result in searches for trial in result.trials]
        for family, trial in sorted(trials, key=lambda item: -_mean(item[1].fold_scores))[:_NESTED_TRIALS]:
            name = f"{family} {trial.number}"
            tags = {"mlflow.parentRunId": parent, "family": family, "trial_state": trial.state}
            child = there.get(name) or client.create_run(self._experiment_id, start, tags, name).info
            metrics = [
                Metric("fold_score", score, start, fold) for fold, score in enumerate(trial.fold_scores)
            ]
            if trial.state == "complete":  # the mean of fewer folds would not compare
                metrics.append(Metric("score", _mean(trial.fold_scores), start, 0))
            params = [Param(key, str(value)) for key, value in trial.params.items()]
            client.log_batch(child.run_id, metrics, params)
            client.set_terminated(child.run_id, _STATUS[trial.state], start + round(1000 * trial.seconds))

    def _register(self, run: "Run", record: RunRecord, bundle: Path) -> str:
        """The version of the bundle; made, with the alias ``challenger``, if there is none."""
        version = self._version(record.bundle_id)
        if not version:
            with unless_exists():
                self._client.create_registered_model(self.model_name)
            self._client.log_artifacts(run.info.run_id, str(bundle), "bundle")
            version = self._client.create_model_version(
                self.model_name,
                f"{run.info.artifact_uri}/bundle",
                run.info.run_id,
                tags=record.lineage,
                description=record.summary,
            ).version
        if int(self._aliases().get("challenger", 0)) < int(version):
            self._client.set_registered_model_alias(self.model_name, "challenger", version)
        return str(version)

    def _version(self, bundle_id: str) -> str:
        query = f"name = '{self.model_name}' and tags.bundle_id = '{bundle_id}'"
        return next((str(found.version) for found in self._client.search_model_versions(query)), "")

    def _aliases(self) -> dict[str, str]:
        found = self._client.search_registered_models(f"name = '{self.model_name}'")
        return dict(found[0].aliases) if found else {}

    def _kept_head(self) -> tuple[int, str]:
        experiment = self._client.get_experiment_by_name(self.experiment)
        number, _, head = (experiment.tags if experiment else {}).get("ledger_head", "0:").partition(":")
        return int(number), head


def _check_bundle(bundle: Path, bundle_id: str) -> None:
    if not (bundle / "MLmodel").is_file():
        raise BundleError(f"{bundle.name}/MLmodel: missing; the bundle is no MLflow model. Pack it again.")
    found = hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest()
    if found != bundle_id:
        raise BundleError(
            f"{bundle.name}/manifest.json: its hash is {found[:12]}, but {bundle_id[:12]} was approved; "
            "pack the approved run again."
        )


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores) if scores else float("-inf")
