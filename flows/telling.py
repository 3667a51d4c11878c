"""What a monitoring run tells: alerts, to the ledger and the webhook, and requests for another training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from metaflow.exception import MetaflowException
from metaflow.integrations import ArgoEvent

from components.errors import RefusalError
from components.monitoring import accounts, webhook
from components.monitoring.accounts import Account
from components.monitoring.alerts import Alert, alerts
from components.monitoring.retraining import causes
from components.release import retraining
from components.release.ledger import Entry, Ledger
from components.store import Store
from flows import monitoring, spans
from flows.orchestration import event_name

ON_ARGO = "ARGO_WORKFLOW_TEMPLATE"
"""The variable that Metaflow sets in the pods of a deployed workflow."""


def told(run: Any, known: Sequence[Account]) -> list[Alert]:
    """Every alert that the history gives, of both stages."""
    rules = run.settings.monitoring
    rule = {"k": run.k or rules.k, "n": max(rules.n, run.k), "cooldown": rules.cooldown}
    if run.k == 1:
        rule["n"] = 1
    found = [
        alert
        for stage in ("served", "labelled")
        for alert in alerts([each.judged for each in known if each.stage == stage], **rule)
    ]
    ended = {each.window_id: each.end for each in known}
    return sorted(found, key=lambda alert: ended[alert.window_id])


def known(run: Any) -> list[Account]:
    """Every account that alerts are made from: of the champion, and of those before it of which there is something to tell."""
    former = {each.promotion.bundle_id: each.promotion for each in spans.past(run)}
    bundles = dict.fromkeys(account.bundle_id for account in run.before)
    late = [each for bundle_id in bundles for each in monitoring.history(run, former[bundle_id])]
    return [*run.accounts, *late]


def news(run: Any, given: Sequence[tuple[Entry, Alert]]) -> list[tuple[Entry, Alert]]:
    """The alerts that rest on an account of which nobody was told yet.

    Of the others people know what the rules of then had to say: another K, or other rules, tell nothing of the past.
    """
    every = known(run)
    fresh = {(each.bundle_id, each.stage, each.label) for each in accounts.untold(run.durable, every)}
    stages = {each.window_id: (each.bundle_id, each.stage) for each in every}
    return [
        (promotion, alert)
        for promotion, alert in given
        if any((*stages[alert.window_id], label) in fresh for label in alert.windows)
    ]


def told_of_those_before(run: Any) -> list[tuple[Entry, Alert]]:
    """The alerts about champions that were replaced, each with the promotion; they ask for no training.

    They are of late labels, and of what was served in the last windows.
    """
    promotions = {each.promotion.bundle_id: each.promotion for each in spans.past(run)}
    last = {account.window_id for account in run.before if account.stage == "served"}
    found: list[tuple[Entry, Alert]] = []
    for bundle_id in dict.fromkeys(account.bundle_id for account in run.before):
        every = monitoring.history(run, promotions[bundle_id])
        labelled = {account.window_id for account in every if account.stage == "labelled"}
        for alert in told(run, every):
            if alert.window_id in labelled | last:
                reason = f"{alert.reason} It is about {bundle_id[:12]}, a champion before."
                found.append((promotions[bundle_id], replace(alert, reason=reason)))
    return found


def record(run: Any, given: Sequence[tuple[Entry, Alert]], by: str) -> int:
    """How many alerts, each with the promotion of its model, are new to the ledger; each is there once."""
    ledger = Ledger(run.durable)
    there = {entry.details.get("once_key") for entry in ledger.entries()}
    new = [(promotion, alert) for promotion, alert in given if alert.alert_id not in there]
    for promotion, alert in new:
        ledger.append(
            event="alerted", run=promotion.run, bundle_id=promotion.bundle_id, by=by, why=alert.reason,
            details={**alert.to_json(), "environment": run.environment_}, once_key=alert.alert_id,
        )  # fmt: skip
    return len(new)


def require_webhook() -> None:
    """Pass if there is no webhook, or its address is one.

    Raises:
        ConfigError: alerts could not be sent there.
    """
    if url := os.environ.get(webhook.VARIABLE, ""):
        webhook.require_address(url)


def sent(run: Any, given: Sequence[Alert]) -> str:
    """What became of the alerts that the ledger has at the webhook, in a sentence that does not tell its address."""
    url = os.environ.get(webhook.VARIABLE, "")
    if not url:
        return f"no webhook: {webhook.VARIABLE} is not set"
    there = {entry.details.get("once_key") for entry in Ledger(run.durable).entries()}
    taken, failed = webhook.deliver([each for each in given if each.alert_id in there], url, run.durable)
    why = f"; {len(failed)} were not and are sent again next time: {'; '.join(failed[:3])}" if failed else ""
    return f"{taken} taken by the webhook{why}"


def ask(run: Any, given: Sequence[Alert], known: Sequence[Account], by: str) -> int:
    """How many requests for another training are new to the ledger; one a window, however often it is looked at."""
    ledger = Ledger(run.durable)
    there = {entry.details.get("once_key") for entry in ledger.entries()}
    ends = {account.window_id: account.end for account in known}
    new = [cause for cause in causes(given, ends, run.settings.retraining.on) if cause.cause_id not in there]
    for cause in new:
        ledger.append(
            event="retraining requested", run=run.promotion.run, bundle_id=run.promotion.bundle_id, by=by, why=cause.reason,
            details={
                "environment": run.environment_, "window": cause.label, "end": cause.end, "alerts": list(cause.alerts),
            },
            once_key=cause.cause_id,
        )  # fmt: skip
    return len(new)


def answer(run: Any, by: str) -> str:
    """What becomes of the open request here, in a sentence; "" if nobody asks, or `make retrain` is to answer.

    On Argo Workflows an event starts TrainFlow, and the ledger has who answers, so that nobody else does. Where so many
    failed that nothing more is tried, a person is called.
    """
    ledger, rules, environment = Ledger(run.durable), run.settings.retraining, run.environment_
    retraining.end_if_gone(ledger, environment, patience_hours=rules.patience_hours, by=by)
    now = retraining.tried(ledger.entries(), environment)
    if now.open is None:
        return ""
    if why := retraining.stopped(now, environment, rules.most_failures):
        call_a_person(run.durable, now.open, environment, why, by=by)
        return f"Nothing more is tried. {why}"
    if now.begun is not None or not rules.events or not os.environ.get(ON_ARGO):
        return ""
    return _start_training(run, ledger, now.open, by)


def _start_training(run: Any, ledger: Ledger, request: Entry, by: str) -> str:
    rules = run.settings.retraining
    try:
        begun = retraining.begin(
            ledger, request, run.environment_, most_failures=rules.most_failures, by=by, event_of="Argo Workflows"
        )  # fmt: skip
    except RefusalError as error:
        return str(error)
    until = retraining.last_day(request) if run.settings.data.time else ""
    event = ArgoEvent(event_name(run.settings))
    try:
        event.publish(payload={"cause": request.hash, "until": until}, ignore_errors=False)
    except MetaflowException as error:
        retraining.end(ledger, begun, "failed", f"The event was not taken: {error}", by=by)
        return (
            f"The event that starts TrainFlow was not taken, and is sent again by the next monitor: {error}"
        )
    return f"An event starts TrainFlow for the request of entry {request.number}."


def call_a_person(store: Store, request: Entry, environment: str, why: str, *, by: str) -> None:
    """Let the ledger and the webhook tell, once, that no more is tried."""
    alert = Alert(
        f"{environment} retraining stopped at entry {request.number}", "", environment, "retraining", "", "critical",
        (), why,
    )  # fmt: skip
    Ledger(store).append(
        event="alerted", run=request.run, bundle_id=request.bundle_id, by=by, why=why,
        details={**alert.to_json(), "environment": environment}, once_key=alert.alert_id,
    )  # fmt: skip
    if url := os.environ.get(webhook.VARIABLE, ""):
        webhook.deliver([alert], url, store)
