"""What a deployment does and leaves: trials, the comparison with the champion, the record, the folder that is served."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaflow.exception import MetaflowException

from components.errors import BundleError, FlowprintError, LedgerError, RefusalError
from components.release import candidates, deployment
from components.release.deployable.files import Facts, deployables, digest_of, python_of
from components.release.ledger import Entry, Event, Ledger, champions
from components.release.manifest import verify_files
from components.release.registry import Registry
from flows.orchestration import ROOT, anchored, bundle_of

if TYPE_CHECKING:
    from components.release.smoke import Smoke
    from components.reporting.cost import ServingCost
    from components.validation.gates import Check

FOLDER = ROOT / "build" / "deploy"


def registry(run: Any) -> Registry:
    """The project's, in MLflow."""
    settings = run.settings
    return Registry(anchored(settings.tracking.uri), settings.experiment, settings.model_name)


def repair(run: Any) -> str:
    """What had to be mended of the record before anything is done, in a sentence; "" if all was well.

    MLflow out of reach stops no deployment: the ledger is the truth.

    Raises:
        LedgerError: the ledger is broken.
    """
    ledger = Ledger(run.durable)
    ledger.entries()
    try:
        registry(run).check_head(ledger)
        moved = registry(run).follow(ledger, run.settings.deploy.live)
    except LedgerError:
        raise
    except FlowprintError as error:
        return f"The alias was not looked at: {error}"
    return "MLflow's alias 'champion' disagreed with the ledger and was moved." if moved else ""


def chosen(run: Any, entries: Sequence[Entry]) -> tuple[Entry, str]:
    """The decision on the bundle that is to be deployed, and the bundle that is the champion now.

    Raises:
        RefusalError: there is no such bundle, or nothing to return to.
    """
    environment = run.target.environment
    standing = champions(entries, environment)
    champion = standing[-1].bundle_id if standing else ""
    if not run.rollback:
        wanted = candidates.find(entries, run.wanted) if run.wanted else None
        return wanted or candidates.newest(entries, environment), champion
    if run.wanted:
        raise RefusalError("A rollback returns to the champion before; it takes no bundle.")
    if len(run.reason.strip()) < candidates.LEAST_LETTERS:
        raise RefusalError(
            "A rollback says why: make rollback REASON='...', a sentence for whoever reads it later."
        )
    return candidates.former(entries, environment)[0], champion


def unless_refused(run: Any, action: Callable[[Any], Any]) -> Any:
    """What the action gives; None if the deployment was refused before, or is refused by it: the flow goes on to say so."""
    if run.refusal:
        return None
    try:
        return action(run)
    except (RefusalError, BundleError) as error:
        run.refusal = str(error)
    except MetaflowException as error:
        run.refusal = f"The bundle {run.decision.bundle_id[:12]} is not in this Metaflow datastore: {error}"
    return None


def allowed(run: Any) -> None:
    """Pass if the bundle may go there, and its bytes are those that were decided on."""
    candidates.require_allowed(Ledger(run.durable).entries(), run.decision, run.target, again=run.rollback)
    bundle_of(run.decision)


def tried(run: Any) -> Smoke:
    """What the bundle's server does in a clean environment."""
    from components.release.smoke import smoke

    return smoke(bundle_of(run.decision), run.settings.serving.model_dump(mode="json"))


def passed(run: Any) -> None:
    """Pass if the server answered as the flow did, within the budget; a rollback waits for no fast moment."""
    from components.release.smoke import require_passed

    budget = float("inf") if run.rollback else run.settings.deploy.latency_milliseconds
    require_passed(run.measured, latency_milliseconds=budget)


def compared(run: Any) -> Check | None:
    """C01 against the champion of today; None where training judged it, or there is nothing to compare with."""
    from components.release.parity import answers
    from components.training.features import Columns, inputs
    from components.validation import evaluation
    from components.validation.checks.champion import not_worse_than_champion
    from components.validation.gates import Limit
    from flows.champions import scores_of, threshold_of
    from flows.rows import JudgedRun

    champion = Ledger(run.durable).champion(run.target.environment)
    if (
        not run.target.live
        or run.rollback
        or champion is None
        or champion.bundle_id == run.decision.bundle_id
    ):
        return None
    before = JudgedRun(run.decision.details.get("pathspec") or run.decision.run, run.durable)
    known = before.evaluation.champion
    if known is not None and known.champion == champion.bundle_id:
        return None
    holdout, files = before.part("holdout"), bundle_of(run.decision)
    columns = Columns.of_kinds(json.loads(files["program.json"])["inputs"])
    data = before.settings.data
    comparison = evaluation.compare(
        scores_of(champion, before, holdout),
        holdout.y,
        answers(files, inputs(holdout.rows, columns)),
        before.evaluation.metric,
        threshold_of(json.loads(files["lineage.json"])),
        {"sample_weight": holdout.weight, "groups": holdout.groups(data.group)},
    )
    gate = run.settings.gates.get("C01")
    return not_worse_than_champion(comparison, Limit(**gate.model_dump()) if gate else Limit(None))


def not_worse(run: Any) -> None:
    """Pass if C01 did not fail."""
    if run.check is not None and run.check.status == "failed":
        raise RefusalError(f"C01 {run.check.title}: {run.check.reason}")


def record(run: Any, by: str) -> str:
    """What the ledger has of this deployment, an event; "" if the bundle stood there already.

    A champion is made only if the one before is still the one that was compared with. If another deployment was
    first, this one is refused.
    """
    ledger, decision, to = Ledger(run.durable), run.decision, run.target
    if told := ledger.recorded(run.origin):
        run.refusal = told.why if told.event == "refused" else ""
        return told.event
    if not run.rollback and run.champion == decision.bundle_id:
        unless_refused(run, stands)
        if not run.refusal:
            return ""
    details = {
        "environment": to.environment,
        "pathspec": decision.details.get("pathspec") or decision.run,
        "deployment": run.origin,
        "before": run.champion,
    }

    def may(entries: Sequence[Entry]) -> None:
        candidates.require_allowed(entries, decision, to, again=run.rollback)
        candidates.require_champion(entries, run.champion, to.environment)

    def append(run: Any) -> Entry:
        event: Event = "rolled back" if run.rollback else "promoted"
        about = candidates.find(ledger.entries(), run.champion) if run.rollback else decision
        return ledger.append(
            event=event, run=about.run, bundle_id=about.bundle_id, by=by, why=why(run),
            details={**details, "to": decision.bundle_id}, once_key=run.origin, given=may,
        )  # fmt: skip

    if done := unless_refused(run, append):
        return str(done.event)
    return ledger.append(
        event="refused", run=decision.run, bundle_id=decision.bundle_id, by=by, why=run.refusal, details=details,
        once_key=run.origin,
    ).event  # fmt: skip


def stands(run: Any) -> None:
    """Pass if the champion is still the one that was found at the start."""
    candidates.require_champion(Ledger(run.durable).entries(), run.champion, run.target.environment)


def why(run: Any) -> str:
    """The reason of a promotion or a rollback, in a sentence or two."""
    said = f"{run.reason.strip()} " if run.reason.strip() else ""
    if run.rollback:
        return said.strip()
    parity = run.measured.parity
    smoke = f"Its server repeated {parity.rows} recorded rows to {parity.max_abs_difference:.1g}."
    return said + smoke + (f" {run.check.code} {run.check.status}: {run.check.reason}" if run.check else "")


def settle(run: Any) -> str:
    """The environment's folder in the project, which now serves the champion that the ledger names; "" without one.

    The ledger is asked again after the folder was written: of two deployments the last one leaves it right. A refused
    deployment mends a folder that a crash left behind, and changes nothing else.
    """
    folder: Path = FOLDER / run.target.environment
    ledger = Ledger(run.durable)
    done = deployment.served(folder) if run.refusal else ""
    while (standing := champions(ledger.entries(), run.target.environment)) and standing[
        -1
    ].bundle_id != done:
        done = standing[-1].bundle_id
        bundles = {done: bundle_of(standing[-1]), **_before(standing)}
        serving = run.settings.serving.model_dump(mode="json")
        pointer = deployment.Pointer(run.target.environment, done, serving)
        deployment.write(folder, pointer, bundles, deployables(facts(run, bundles[done])))
    return folder.relative_to(ROOT).as_posix() if done else ""


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


def costs(run: Any) -> ServingCost | None:
    """What serving takes at the configured rate, by what the server itself took in the trial."""
    from components.release.parity import Latency
    from components.reporting.cost import serving_cost

    if run.measured is None:
        return None
    milliseconds, batch = run.measured.core_seconds_per_1000, run.measured.batch_core_seconds_per_1000
    latency = Latency(
        milliseconds, milliseconds, 1000 / batch if batch else 0.0, (milliseconds, milliseconds)
    )
    return serving_cost(latency, run.settings.serving.requests_per_second)


def follow(run: Any) -> None:
    """Let MLflow name the ledger's champion, and keep the ledger's head there.

    Raises:
        FlowprintError: MLflow is out of reach; what is served is in place, and the next deployment mends the alias.
    """
    ledger = Ledger(run.durable)
    if run.target.live:
        registry(run).follow(ledger, run.target.environment)
    registry(run).keep_head(ledger)
