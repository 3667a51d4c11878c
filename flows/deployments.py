"""What a deployment does and leaves: trials, the comparison with the champion, the record, the folder that is served."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from metaflow.exception import MetaflowException

from components.errors import ApprovalError, BundleError, FlowprintError, LedgerError, RefusalError
from components.release import candidates
from components.release.ledger import Entry, Event, Ledger, champions
from components.release.registry import Registry
from components.serving.compatibility import Interface, apart, differences
from components.serving.contract import Rules
from components.serving.own_code import ARCHIVE, require_one_process
from flows.orchestration import anchored, bundle_of

if TYPE_CHECKING:
    from components.release.smoke import Smoke
    from components.reporting.cost import ServingCost
    from components.validation.gates import Check

_IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""MLflow's own patience is minutes for each question."""


def registry(run: Any) -> Registry:
    """The project's, in MLflow, which is given seconds to answer: a deployment goes on without it and is mended later."""
    for name, value in _IMPATIENT.items():
        os.environ.setdefault(name, value)
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
    if run.mode == candidates.OFF:
        return candidates.ended(entries, environment), champion
    if not run.rollback:
        wanted = candidates.find(entries, run.wanted) if run.wanted else None
        return wanted or candidates.newest(entries, environment), champion
    if run.wanted or run.mode:
        raise RefusalError("A rollback returns to the champion before; it takes no bundle and no mode.")
    if len(run.reason.strip()) < candidates.LEAST_LETTERS:
        raise RefusalError(
            f"A rollback says why, in a sentence for whoever reads it later: make rollback REASON='...'; found {run.reason!r}."
        )
    return candidates.former(entries, environment)[0], champion


def unless_refused(run: Any, action: Callable[[Any], Any]) -> Any:
    """What the action gives; None if the deployment was refused before, or is refused by it: the flow goes on to say so."""
    if run.refusal:
        return None
    try:
        return action(run)
    except (RefusalError, BundleError) as error:
        run.refusal, run.awaits_approval = str(error), isinstance(error, ApprovalError)
    except MetaflowException as error:
        run.refusal = f"The bundle {run.decision.bundle_id[:12]} is not in this Metaflow datastore: {error}"
    return None


def allowed(run: Any) -> None:
    """Pass if the bundle may go there, and its bytes are those that were decided on; whatever stands there may be ended."""
    run.columns_changed = ""
    entries = Ledger(run.durable).entries()
    may(run, entries)
    if run.mode == candidates.OFF:
        return
    files = bundle_of(run.decision)
    contract = json.loads(files["contract.json"])
    columns = [rule["name"] for part in ("features", "optional") for rule in contract[part]]
    if run.sticky and run.sticky not in columns:
        raise RefusalError(
            f"{run.sticky!r} is no input of the bundle, by whose value rows could be parted: {', '.join(columns)}."
        )
    standing = champions(entries, run.target.environment)
    if standing and standing[-1].bundle_id != run.decision.bundle_id:
        run.columns_changed = columns_changed(run.mode, standing[-1], files)


def columns_changed(mode: str, champion: Entry, files: Mapping[str, bytes]) -> str:
    """What clients must send otherwise, or are answered otherwise, than by the champion; "" if nothing is known of it.

    Raises:
        RefusalError: the bundle can, for that, not stand beside the champion.
    """
    try:
        before = bundle_of(champion)
        ours = _interface(before)
    except (MetaflowException, BundleError) as error:
        if not mode:  # the way to a champion that works is open
            return ""
        raise RefusalError(
            f"The champion, beside which the bundle is to stand, cannot be read: {error}"
        ) from error
    if mode:
        require_one_process(before[ARCHIVE], files[ARCHIVE])
    if told := apart(mode, ours, _interface(files)):
        raise RefusalError(told)
    return differences(ours, _interface(files))


def _interface(files: Mapping[str, bytes]) -> Interface:
    rules = Rules.from_json(json.loads(files["contract.json"]))
    return Interface.of(rules, json.loads(files["smoke.json"])["predictions"])


def may(run: Any, entries: Sequence[Entry]) -> None:
    """Pass if the bundle may go there, as the ledger is now.

    Raises:
        RefusalError: it may not, or another deployment was first.
    """
    environment = run.target.environment
    candidates.require_champion(entries, run.champion, environment)
    if run.mode:
        candidates.require_same_beside(entries, run.beside, environment)
    if run.mode == candidates.OFF:
        return
    decides = not run.rollback and run.mode in ("", "split")
    candidates.require_allowed(entries, run.decision, run.target, again=not decides)
    if run.mode:
        candidates.require_beside(entries, run.decision, environment)


def tried(run: Any) -> Smoke | None:
    """What the bundle's server does in a clean environment; None where it is only to be ended."""
    from components.release.smoke import smoke

    if run.mode == candidates.OFF:
        return None
    return smoke(bundle_of(run.decision), run.settings.serving.handed_on)


def passed(run: Any) -> None:
    """Pass if the server answered as the flow did, within the budget; a rollback waits for no fast moment."""
    from components.release.smoke import require_passed

    budget = float("inf") if run.rollback else run.settings.deploy.latency_milliseconds
    if run.measured is not None:
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
        or run.mode not in ("", "split")
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
    if not run.rollback and not run.mode and run.champion == decision.bundle_id:
        unless_refused(run, stands)
        if not run.refusal:
            return ""
    details = {
        "environment": to.environment,
        "pathspec": decision.details.get("pathspec") or decision.run,
        "deployment": run.origin,
        "before": run.champion,
        "settings": {
            name: getattr(run.settings, name).model_dump(mode="json") for name in ("deploy", "serving")
        },
    }

    def append(run: Any) -> Entry:
        event: Event = "rolled back" if run.rollback else "set beside" if run.mode else "promoted"
        about = candidates.find(ledger.entries(), run.champion) if run.rollback else decision
        return ledger.append(
            event=event, run=about.run, bundle_id=about.bundle_id, by=by, why=why(run),
            details={**details, **beside(run)}, once_key=run.origin, given=partial(may, run),
        )  # fmt: skip

    if done := unless_refused(run, append):
        return str(done.event)
    return ledger.append(
        event="refused", run=decision.run, bundle_id=decision.bundle_id, by=by, why=run.refusal,
        details={**details, "awaits_approval": run.awaits_approval}, once_key=run.origin,
    ).event  # fmt: skip


def beside(run: Any) -> dict[str, Any]:
    """What the ledger keeps of a trial beside the champion, or of the way that a rollback went."""
    if not run.mode:
        return {"to": run.decision.bundle_id}
    return {"mode": run.mode, "share": run.share if run.mode == "split" else 0.0, "sticky": run.sticky}


def stands(run: Any) -> None:
    """Pass if the champion is still the one that was found at the start."""
    candidates.require_champion(Ledger(run.durable).entries(), run.champion, run.target.environment)


def why(run: Any) -> str:
    """The reason of a promotion or a rollback, in a sentence or two."""
    said = f"{run.reason.strip()} " if run.reason.strip() else ""
    if run.rollback:
        return said.strip()
    if run.measured is None:
        return f"{said}It no longer stands beside the champion."
    parity = run.measured.parity
    smoke = f"Its server repeated {parity.rows} recorded rows to {parity.max_abs_difference:.1g}."
    judged = f" {run.check.code} {run.check.status}: {run.check.reason}" if run.check else ""
    changed = run.columns_changed
    contract = f" Its contract is not that of the champion before: {changed}." if changed else ""
    return said + smoke + judged + contract


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
