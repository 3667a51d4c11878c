"""The folder from which an environment is served, made from what the ledger says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaflow.exception import MetaflowException

from components.errors import BundleError
from components.release import deployment
from components.release.candidates import challenger
from components.release.deployable.files import Facts, deployables, digest_of, python_of
from components.release.ledger import Entry, Ledger, champions
from components.release.manifest import verify_files
from flows.orchestration import ROOT, bundle_of

FOLDER = ROOT / "build" / "deploy"
WINDOW_DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 31.0, "year": 366.0}


def settle(run: Any) -> str:
    """The environment's folder in the project, which now serves what the ledger names; "" without a champion.

    The ledger is asked again after the folder was written: of two deployments the last one leaves it right. A refused
    deployment mends a folder that a crash left behind, and changes nothing else.
    """
    folder: Path = FOLDER / run.target.environment
    done = deployment.served(folder) if run.refusal else None
    while (named := _Named.by(run)) and (wanted := named.pointer(_served_settings(run, done))) != done:
        _write(run, folder, named, wanted)
        done = wanted
    return folder.relative_to(ROOT).as_posix() if done else ""


@dataclass(frozen=True)
class _Named:
    """What the ledger says of an environment.

    Attributes:
        environment: its name.
        standing: the promotions that still stand, the champion's last.
        beside: the entry that set a challenger beside it.
    """

    environment: str
    standing: Sequence[Entry]
    beside: Entry | None

    @classmethod
    def by(cls, run: Any) -> _Named | None:
        """As the ledger is now; None without a champion."""
        entries, environment = Ledger(run.durable).entries(), run.target.environment
        standing = champions(entries, environment)
        return cls(environment, standing, challenger(entries, environment)) if standing else None

    def pointer(self, serving: Mapping[str, Any]) -> deployment.Pointer:
        """What the server is to read."""
        return deployment.Pointer(
            self.environment, self.standing[-1].bundle_id, serving, **_tried(self.beside)
        )


def _served_settings(run: Any, found: deployment.Pointer | None) -> Mapping[str, Any]:
    """The server's settings; a refused deployment leaves those that it finds."""
    if run.refusal and found:
        return found.serving
    settings: Mapping[str, Any] = run.settings.serving.handed_on
    return settings


def _write(run: Any, folder: Path, named: _Named, pointer: deployment.Pointer) -> None:
    standing, beside = named.standing, named.beside
    bundles = {pointer.champion: bundle_of(standing[-1]), **_before(standing)}
    bundles |= {beside.bundle_id: bundle_of(beside)} if beside else {}
    deployment.write(folder, pointer, bundles, deployables(facts(run, bundles[pointer.champion])))


def _tried(beside: Entry | None) -> dict[str, Any]:
    """What the pointer says of the challenger."""
    if beside is None:
        return {}
    return {
        "challenger": beside.bundle_id,
        **{name: beside.details[name] for name in ("mode", "share", "sticky")},
    }


def _before(standing: Sequence[Entry]) -> dict[str, dict[str, bytes]]:
    """The bundle to which a rollback would return, where it is in reach."""
    try:
        return {entry.bundle_id: bundle_of(entry) for entry in standing[-2:-1]}
    except (MetaflowException, BundleError):
        return {}


def facts(run: Any, files: Mapping[str, bytes]) -> Facts:
    """What the deployable files are written from."""
    settings, deploy = run.settings, run.settings.deploy
    return Facts(
        name=settings.project.slug.replace("_", "-"),
        environment=run.target.environment,
        image=deploy.image,
        bundle_id=verify_files(files).bundle_id,
        python=python_of(files),
        serving=settings.serving.model_dump(mode="json"),
        latency_seconds=deploy.latency_milliseconds / 1000,
        model_age_days=deploy.model_age_days,
        digest=digest_of(FOLDER / run.target.environment),
        cores=run.cost.replicas if run.cost else 1,
        window_days=WINDOW_DAYS[settings.monitoring.window],
    )
