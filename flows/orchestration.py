"""What every flow shares: settings, readable errors, and what the orchestrator is told of each step."""

import hashlib
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metaflow import FlowMutator, FlowSpec, Run, UserStepDecorator, current
from metaflow.exception import MetaflowException
from metaflow.user_decorators.mutable_flow import MutableFlow
from metaflow.user_decorators.mutable_step import MutableStep

from components import config
from components.errors import FlowprintError
from components.store import Store

ROOT = Path(__file__).resolve().parent.parent


class Refused(MetaflowException):
    """A FlowprintError in the form that Metaflow prints without a traceback."""

    headline = "Refused"


def parse_settings(text: str) -> dict[str, Any]:
    """The validated content of config.toml, for a Metaflow Config."""
    try:
        return config.parse(text)
    except FlowprintError as error:
        raise Refused(str(error)) from None


def anchored(location: str) -> str:
    """A relative path made absolute from the project's folder; URLs and absolute paths as they are."""
    prefix, separator, path = location.rpartition("sqlite:///")
    if separator:
        return f"{prefix}{separator}{ROOT / path}"
    return location if "://" in location else str(ROOT / location)


def git_commit() -> str:
    """The commit of the project's code, with ``+`` if files differ from it; "" outside a repository."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
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


class ReadableErrors(UserStepDecorator):
    """An error that a user can act on ends a step with its message, not with a traceback."""

    def post_step(
        self, step_name: str, flow: FlowSpec, exception: Exception | None = None
    ) -> Exception | None:
        if isinstance(exception, FlowprintError):
            return Refused(str(exception))
        return exception


class Orchestrated(FlowMutator):
    """Adds to each step what config.toml says of it: threads, resources, retries, timeout; and the schedule."""

    def pre_mutate(self, mutable_flow: MutableFlow) -> None:
        settings = config.settings(dict(mutable_flow.configs)["config"].to_dict())
        remote = settings.project.orchestrator != "local"
        for name, step in mutable_flow.steps:
            step.add_decorator(ReadableErrors)
            # Sums over several threads differ in the last digit from run to run.
            threads = str(settings.compute.threads)
            step.add_decorator(
                "environment",
                deco_kwargs={"vars": {"OMP_NUM_THREADS": threads, "ORT_DISABLE_TELEMETRY": "1"}},
            )
            if remote:
                self._distribute(step, getattr(settings.compute, name, None) or settings.compute.default)
        if remote and settings.retraining.schedule:
            mutable_flow.add_decorator("schedule", deco_kwargs={"cron": settings.retraining.schedule})

    @staticmethod
    def _distribute(step: MutableStep, resources: config.Resources) -> None:
        step.add_decorator("resources", deco_kwargs={"cpu": resources.cpu, "memory": resources.memory})
        step.add_decorator("retry", deco_kwargs={"times": resources.retries, "minutes_between_retries": 1})
        step.add_decorator("timeout", deco_kwargs={"minutes": resources.minutes})


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
        """The run's pathspec; a resumed run keeps that of the run it goes on with."""
        return f"{current.flow_name}/{current.origin_run_id or current.run_id}"

    @property
    def orchestrated(self) -> bool:
        """Whether the steps run on a cluster, each on a disk of its own."""
        return self.settings.project.orchestrator != "local" and "METAFLOW_KUBERNETES_WORKLOAD" in os.environ


def bundle_files(pathspec: str) -> dict[str, bytes]:
    """The bundle that a run packaged, by path."""
    files: dict[str, bytes] = Run(pathspec, _namespace_check=False)["register"].task["bundle"].data
    return files
