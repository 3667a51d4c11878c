"""What a monitoring run looks at and leaves: the champion, its windows, their accounts, alerts and what people read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from metaflow.integrations import ArgoEvent

from components.data import source
from components.errors import ConfigError, DataError
from components.monitoring import accounts, forgetting, labels, looking, trial, webhook
from components.monitoring.accounts import Account
from components.monitoring.alerts import Alert, alerts
from components.monitoring.bins import Bins
from components.monitoring.predictions import Predictions, predictions
from components.monitoring.reference import reference_of
from components.monitoring.retraining import causes
from components.monitoring.watched import Limits, Watched
from components.monitoring.windows import Window, window_of, windows
from components.release import retraining
from components.release.ledger import Entry, Ledger
from components.store import Store
from components.training.outcomes import values_of
from components.training.target import Target
from flows.orchestration import ROOT, anchored, bundle_of, event_name

FOLDER = ROOT / "build" / "monitoring"


def champion(run: Any) -> Entry:
    """The promotion of the model that is watched.

    Raises:
        ConfigError: there is no such environment, or it has no champion.
    """
    environments = run.settings.deploy.environments
    if run.environment_ not in environments:
        raise ConfigError(f"{run.environment_!r} is no environment; config.toml has {list(environments)}.")
    found = Ledger(run.durable).champion(run.environment_)
    if found is None:
        raise ConfigError(f"{run.environment_} has no champion to watch; deploy one first (`make deploy`).")
    return found


def watched(run: Any) -> Watched:
    """The champion with what its predictions mean."""
    settings, files = run.settings, bundle_of(run.promotion)
    told = json.loads(files["lineage.json"])
    task, data = told.get("task", "binary"), settings.data
    classes = (data.positive,) if task == "binary" else tuple(told.get("classes", ()))
    target = Target(data.target, task, classes)
    value = values_of(settings.objective, target)
    return Watched(
        run.promotion.bundle_id, files, target, settings.objective.metric, value, _reference(run, files)
    )


def limits(run: Any) -> Limits:
    """What config.toml allows."""
    settings, monitoring = run.settings, run.settings.monitoring.model_dump()
    named = Limits.__dataclass_fields__.keys() & monitoring.keys()
    gates = settings.gates
    return Limits(
        **{name: monitoring[name] for name in named},
        model_age_days=settings.deploy.model_age_days,
        tolerance=gates["T01"].threshold,
        fairness={code: gates[code].threshold for code in ("F01", "F02") if code in gates},
        waived=settings.fairness.waived,
        bands=settings.fairness.bands,
        sensitive=settings.fairness.features,
        min_group_rows=settings.fairness.min_group_rows,
        replicates=settings.evaluation.replicates,
        seed=settings.evaluation.seed,
        threads=settings.compute.threads,
    )


def moment(text: str, name: str) -> datetime:
    """A time that a person gave, UTC where it names no zone.

    Raises:
        ConfigError: it is none.
    """
    try:
        given = datetime.fromisoformat(f"{text}-01-01" if len(text) == 4 else text)
    except ValueError:
        raise ConfigError(f"{name} is {text!r}; give a time in ISO 8601, such as 2026-01-31.") from None
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def due(run: Any) -> list[Window]:
    """The windows that have ended: from ``since``, by default the champion's promotion, to ``until``, by default now."""
    length = run.window or run.settings.monitoring.window
    if length not in ("hour", "day", "week", "month", "year"):
        raise ConfigError(f"{length!r} is no window; use hour, day, week, month or year.")
    since = moment(run.since or run.promotion.at, "SINCE")
    start = since if run.since else window_of(length, since).start
    return windows(length, start, moment(run.looked_at, "UNTIL"))


def served(run: Any) -> list[Account]:
    """The accounts of what was served in the due windows; those that stand are read, the others are made and kept."""
    model, allowed, store = watched(run), limits(run), run.durable
    found: list[Account] = []
    earlier = [each for each in history(run) if each.stage == "served"]
    wanted = {_id(run, window, "served"): window for window in due(run)}
    standing = {name: accounts.read(store, name) for name in wanted}
    missing = [wanted[name] for name, account in standing.items() if account is None]
    with _read(run, missing) as log:
        for name, window in wanted.items():
            if (account := standing[name]) is None:
                before = [each.rows for each in _before(window, earlier, found) if each.rows]
                account = accounts.keep(
                    store, looking.served(log, window, model, run.environment_, allowed, before)
                )
            found.append(account)
    return found


def labelled(run: Any) -> list[Account]:
    """The accounts of what came true in the windows whose labels are due; none where no labels are given."""
    model, allowed, store = watched(run), limits(run), run.durable
    found: list[Account] = []
    delay = timedelta(days=run.settings.monitoring.label_delay_days)
    given = _labels(run)
    if given is None:
        return []
    looked, earlier = moment(run.looked_at, "UNTIL"), [e for e in history(run) if e.stage == "labelled"]
    wanted = {_id(run, each, "labelled"): each for each in due(run) if each.end + delay <= looked}
    standing = {name: accounts.read(store, name) for name in wanted}
    missing = [wanted[name] for name, account in standing.items() if account is None]
    with _read(run, missing, earlier=delay) as log:
        for name, window in wanted.items():
            if (account := standing[name]) is None:
                settled = labels.settled(given.frame, until=window.end + delay)
                rows = log.within(window.start, window.end, model.bundle_id)
                unknown = (
                    0 if log.empty else labels.unknown_ids(given.frame, log.rows, window.start, window.end)
                )
                joined = labels.joined(rows, settled, unknown=unknown)
                before = [each.details["trials"] for each in _before(window, earlier, found)]
                account = accounts.keep(
                    store,
                    looking.labelled(
                        joined, window, model, run.environment_, allowed,
                        trials=trial.trial(log, settled, window, model), before=before,
                    ),
                )  # fmt: skip
            found.append(account)
    return found


def history(run: Any) -> list[Account]:
    """All accounts of this champion, by time."""
    return accounts.history(run.durable, run.environment_, run.promotion.bundle_id)


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


def record(run: Any, given: Sequence[Alert], by: str) -> int:
    """How many alerts are new to the ledger; each is there once, however many monitors look."""
    ledger, bundle_id = Ledger(run.durable), run.promotion.bundle_id
    there = {entry.details.get("once_key") for entry in ledger.entries()}
    new = [alert for alert in given if alert.alert_id not in there]
    for alert in new:
        ledger.append(
            event="alerted", run=run.promotion.run, bundle_id=bundle_id, by=by, why=alert.reason,
            details={**alert.to_json(), "environment": run.environment_}, once_key=alert.alert_id,
        )  # fmt: skip
    return len(new)


def sent(run: Any, given: Sequence[Alert]) -> str:
    """What became of the alerts at the webhook, in a sentence that does not tell its address."""
    url = os.environ.get(webhook.VARIABLE, "")
    if not url:
        return f"no webhook: {webhook.VARIABLE} is not set"
    taken, failed = webhook.deliver(given, url, run.durable)
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
    if new and run.settings.retraining.events:
        _start_training(run, ledger)
    return len(new)


def _start_training(run: Any, ledger: Ledger) -> None:
    """Let the newest request start TrainFlow, unless a person is to look first; outside of Argo Workflows nothing happens."""
    now = retraining.tried(ledger.entries(), run.environment_)
    if now.open is not None and now.failures < run.settings.retraining.most_failures:
        until = retraining.last_day(now.open) if run.settings.data.time else ""
        payload = {"cause": now.open.hash, "until": until}
        ArgoEvent(event_name(run.settings)).safe_publish(payload=payload, ignore_errors=False)


def publish(run: Any, name: str, text: str) -> Path:
    """Put a file where people and collectors look, whole or not at all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    Store(str(FOLDER)).write(name, text.encode())
    return (FOLDER / name).relative_to(ROOT)


def expired(run: Any, by: str) -> list[str]:
    """The days that the store's log no longer keeps, and that were removed; a log that was named is left as it is."""
    if run.log or "://" in run.durable.root:
        return []
    log, today = Path(run.durable.url("predictions")), datetime.now(UTC).date()
    return forgetting.expire(log, run.settings.serving.log_days, today, Ledger(run.durable), by=by)


def _before(window: Window, *accounts: Sequence[Account]) -> list[Account]:
    """The accounts of windows that were over when this one began, each once, by time."""
    known = {each.window_id: each for several in accounts for each in several}
    over = [each for each in known.values() if each.end <= window.start.isoformat()]
    return sorted(over, key=lambda each: each.end)


def _id(run: Any, window: Window, stage: accounts.Stage) -> str:
    return accounts.window_id(run.environment_, window, run.promotion.bundle_id, stage)


@contextmanager
def _read(run: Any, missing: Sequence[Window], earlier: timedelta = timedelta()) -> Iterator[Predictions]:
    """The predictions of the windows that are to be looked at; nothing is read where there are none."""
    import polars as pl

    if not missing:
        yield Predictions(pl.LazyFrame(), 0, 0, 0)
        return
    folder = Path(anchored(run.log)) if run.log else Path(run.durable.url("predictions"))
    since, until = missing[0].start - earlier, missing[-1].end
    with predictions(folder, since, until, datetime.now(UTC)) as found:
        yield found


def _reference(run: Any, files: Mapping[str, bytes]) -> dict[str, Bins]:
    """The columns of the table that is to be the reference instead of the bundle's; none where none was named."""
    if not run.reference:
        return {}
    told = json.loads(files["reference.json"])["features"]
    rows = source.take(anchored(run.reference)).frame
    names = [name for name in rows.collect_schema().names() if name in told]
    if not names:
        raise DataError(f"{run.reference} has none of the model's columns: {', '.join(told)}.")
    texts = [name for name in names if told[name]["kind"] == "text"]
    return reference_of(rows, names=names, texts=texts, threads=run.settings.compute.threads)


def _labels(run: Any) -> source.Taken | None:
    """The labels that were named, else those of the store; None where there are none."""
    if run.labels:
        return source.take(anchored(run.labels))
    try:
        return source.take(run.durable.url("labels")) if run.durable.names("labels") else None
    except DataError:
        if run.durable.names("labels"):
            raise
        return None
