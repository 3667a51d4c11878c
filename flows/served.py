"""The folder from which an environment is served, made from what the ledger says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def settle(run: Any) -> str:
    """The environment's folder in the project, which now serves what the ledger names; "" without a champion.

    The ledger is asked again after the folder was written: of two deployments the last one leaves it right. A refused
    deployment mends a folder that a crash left behind, and changes nothing else.
    """
    folder: Path = FOLDER / run.target.environment
    done = deployment.served(folder) if run.refusal else ("", "")
    while (wanted := _named(run))[0] and wanted != done:
        _write(run, folder)
        done = wanted
    return folder.relative_to(ROOT).as_posix() if done[0] else ""


def _named(run: Any) -> tuple[str, str]:
    """The champion and the challenger, as the ledger has them."""
    entries, environment = Ledger(run.durable).entries(), run.target.environment
    standing, beside = champions(entries, environment), challenger(entries, environment)
    return standing[-1].bundle_id if standing else "", beside.bundle_id if beside else ""


def _write(run: Any, folder: Path) -> None:
    entries, environment = Ledger(run.durable).entries(), run.target.environment
    standing, beside = champions(entries, environment), challenger(entries, environment)
    champion = standing[-1].bundle_id
    pointer = deployment.Pointer(
        environment, champion, run.settings.serving.model_dump(mode="json"), **_tried(beside)
    )
    bundles = {champion: bundle_of(standing[-1]), **_before(standing)}
    bundles |= {beside.bundle_id: bundle_of(beside)} if beside else {}
    deployment.write(folder, pointer, bundles, deployables(facts(run, bundles[champion])))


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
        replicas=run.cost.replicas if run.cost else 1,
    )
