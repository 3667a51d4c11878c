"""What every flow shares: settings, readable errors, and what the orchestrator is told of each step."""

import hashlib
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metaflow import FlowMutator, FlowSpec, Run, UserStepDecorator, current
from metaflow.exception import MetaflowException
from metaflow.meta_files import read_info_file
from metaflow.user_decorators.mutable_flow import MutableFlow
from metaflow.user_decorators.mutable_step import MutableStep

from components import address, config, sections
from components.errors import BundleError, ConfigError, FlowprintError
from components.release.ledger import Entry
from components.release.manifest import verify_files
from components.release.tracking import refuse_sqlite
from components.store import Store
from components.training.candidates import FAMILIES

ROOT = Path(__file__).resolve().parent.parent
REMOTE = {"argo-workflows": "kubernetes", "step-functions": "batch"}
"""The decorator by which an orchestrator's steps run elsewhere."""


class Refused(MetaflowException):
    """A FlowprintError in the form that Metaflow prints without a traceback."""

    headline = "Refused"


def parse_settings(text: str) -> dict[str, Any]:
    """The validated content of config.toml, for a Metaflow Config."""
    try:
        content = config.parse(text)
        require_known(config.settings(content))
        return content
    except FlowprintError as error:
        raise Refused(str(error)) from None


def require_known(settings: config.Settings) -> None:
    """Pass if every family that is to be searched exists, and so does the metric that decides.

    Raises:
        ConfigError: it names those that do not, and those that do.
    """
    from components.training.scoring import SCORERS

    if unknown := [name for name in settings.search.families if name not in FAMILIES]:
        raise ConfigError(
            f"config.toml: search.families names {unknown}; the families in components/training/candidates.py are "
            f"{', '.join(FAMILIES)}."
        )
    metric, task = settings.objective.metric, settings.data.task
    if metric not in SCORERS[task]:
        raise ConfigError(
            f"config.toml: objective.metric is {metric!r}; for the task {task!r} it must be one of "
            f"{', '.join(SCORERS[task])}."
        )


def anchored(location: str) -> str:
    """A relative path made absolute from the project's folder; URLs and absolute paths as they are."""
    return address.anchored(location, ROOT)


def git_commit() -> str:
    """The commit of the project's code, with ``+`` if files differ from it; "" outside a repository of its own.

    A step on a cluster has no repository, but a package that says of which commit it was made.
    """
    if package := read_info_file():
        return str(package.get("commit_sha", "")) + "+" * bool(package.get("has_uncommitted_changes"))

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        if git("rev-parse", "--show-toplevel") != str(ROOT):
            return ""
        commit = git("rev-parse", "HEAD")
        return f"{commit}+" if commit and git("status", "--porcelain", "--untracked-files=no") else commit
    except FileNotFoundError:
        return ""


def sha256(text: str) -> str:
    """The SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def now() -> str:
    """The time, UTC in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def author() -> str:
    """Who runs this, for the records."""
    return str(getattr(current, "username", "") or os.environ.get("METAFLOW_USER", "unknown"))


def on_cluster() -> bool:
    """Whether this process is a step on Kubernetes or AWS Batch, with a disk of its own."""
    return "METAFLOW_KUBERNETES_WORKLOAD" in os.environ or "AWS_BATCH_JOB_ID" in os.environ


def require_shared(settings: config.Settings) -> None:
    """Pass if what steps hand to each other, and to people, lies where every machine of a cluster reaches it.

    Raises:
        ConfigError: source or store is a path within the project, or the tracking store is a file.
    """
    for key, place in {"data.source": settings.data.source, "store.root": settings.store.root}.items():
        if address.is_local(place) and not Path(address.place(place)).is_absolute():
            raise ConfigError(
                f"config.toml: {key} is {place!r}, a path in the project's folder, which the steps on a cluster "
                "do not have; name an address, such as 's3://bucket/prefix'."
            )
    for name in re.findall(r"'([^']+\.(?:parquet|csv))'", settings.data.query):
        if settings.data.source == "duckdb:" and address.is_local(name) and not Path(name).is_absolute():
            raise ConfigError(
                f"config.toml: data.query names {name!r}, a path in the project's folder, which the steps on a cluster do "
                "not have; name a path that is mounted there."
            )
    refuse_sqlite(settings.tracking.uri, orchestrated=True)


class ReadableErrors(UserStepDecorator):
    """An error that a user can act on ends a step with its message, not with a traceback."""

    def post_step(
        self, step_name: str, flow: FlowSpec, exception: Exception | None = None
    ) -> Exception | None:
        if isinstance(exception, FlowprintError):
            return Refused(str(exception))
        return exception


class Orchestrated(FlowMutator):
    """Adds to each step what config.toml says of it: threads, resources, retries, timeout."""

    def pre_mutate(self, mutable_flow: MutableFlow) -> None:
        settings = config.settings(dict(mutable_flow.configs)["config"].to_dict())
        orchestrator = settings.project.orchestrator
        remote = orchestrator != "local"
        deploying = remote and orchestrator in sys.argv
        if deploying:
            self._refuse_unshared(settings)
        for name, step in mutable_flow.steps:
            step.add_decorator(ReadableErrors)
            # Sums over several threads differ in the last digit from run to run.
            threads = str(settings.compute.threads)
            step.add_decorator(
                "environment",
                deco_kwargs={"vars": {"OMP_NUM_THREADS": threads, "ORT_DISABLE_TELEMETRY": "1"}},
            )
            if remote:
                resources = getattr(settings.compute, name, None) or settings.compute.default
                self._distribute(step, resources)
                if deploying or on_cluster():
                    container = self._container(resources, settings.compute.image)
                    step.add_decorator(REMOTE[orchestrator], deco_kwargs=container)

    @staticmethod
    def _refuse_unshared(settings: config.Settings) -> None:
        try:
            require_shared(settings)
        except ConfigError as error:
            raise Refused(str(error)) from None

    @staticmethod
    def _distribute(step: MutableStep, resources: sections.Resources) -> None:
        step.add_decorator("resources", deco_kwargs={"cpu": resources.cpu, "memory": resources.memory})
        step.add_decorator("retry", deco_kwargs={"times": resources.retries, "minutes_between_retries": 1})
        step.add_decorator("timeout", deco_kwargs={"minutes": resources.minutes})

    @staticmethod
    def _container(resources: sections.Resources, image: str) -> dict[str, Any]:
        # Without memory here Kubernetes would be asked for Metaflow's own 4096 MB where the step needs less.
        asked: dict[str, Any] = {"cpu": resources.cpu, "memory": resources.memory}
        return asked | ({"image": image} if image else {})


class Scheduled(FlowMutator):
    """Adds the schedule that a section of config.toml names, where an orchestrator keeps one."""

    def init(self, section: str) -> None:
        self._section = section

    def pre_mutate(self, mutable_flow: MutableFlow) -> None:
        settings = config.settings(dict(mutable_flow.configs)["config"].to_dict())
        schedule = getattr(settings, self._section).schedule
        if settings.project.orchestrator != "local" and schedule:
            mutable_flow.add_decorator("schedule", deco_kwargs={"cron": schedule})


def event_name(settings: config.Settings) -> str:
    """The event by which a monitor asks for another training."""
    return f"{settings.project.slug}.retraining"


class StartedBy(FlowMutator):
    """Lets a flow be started by what happens, where config.toml says so: by a request of a monitor, or the end of a flow."""

    def init(self, upstream: str = "") -> None:
        self._upstream = upstream

    def pre_mutate(self, mutable_flow: MutableFlow) -> None:
        settings = config.settings(dict(mutable_flow.configs)["config"].to_dict())
        if not settings.retraining.events:
            return
        if self._upstream:
            mutable_flow.add_decorator("trigger_on_finish", deco_kwargs={"flow": self._upstream})
            return
        event = {"name": event_name(settings), "parameters": {"cause": "cause", "until": "until"}}
        mutable_flow.add_decorator("trigger", deco_kwargs={"event": event})


class ConfiguredFlow(FlowSpec):
    """A flow that reads config.toml through its Config named ``config``."""

    @property
    def settings(self) -> config.Settings:
        """config.toml, typed."""
        return config.settings(self.config.to_dict())

    @property
    def durable(self) -> Store:
        """The store of what must last."""
        return Store(anchored(self.settings.store.root))

    @property
    def origin(self) -> str:
        """The pathspec of the run that took the data in; it stays, however often that run is resumed."""
        return f"{current.flow_name}/{self.first_run}"


def judged(pathspec: str, name: str) -> Any:
    """An artifact of the step in which a run was judged."""
    return Run(pathspec, _namespace_check=False)["judge"].task[name].data


def bundle_of(entry: Entry) -> dict[str, bytes]:
    """The files of the bundle that an entry of the ledger names, from the Metaflow datastore, verified.

    Raises:
        BundleError: they are another bundle's, or were altered.
        MetaflowException: this datastore does not have them.
    """
    pathspec = entry.details.get("pathspec") or entry.run
    try:
        files: dict[str, bytes] = judged(pathspec, "bundle")
    except MetaflowException:
        raise
    except Exception as error:  # what was altered may break the archive, the pickle, or its reader
        raise BundleError(
            f"The bundle {entry.bundle_id[:12]} of {pathspec} cannot be read from the Metaflow datastore: {error!r}."
        ) from error
    verify_files(files, entry.bundle_id)
    return files
