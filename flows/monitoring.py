"""What a monitoring run looks at and leaves: the champion, its windows, their accounts, and what people read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from metaflow.exception import MetaflowException

from components.data import source
from components.errors import BundleError, ConfigError, DataError, redacted
from components.monitoring import accounts, forgetting, labels, looking, strangers, trial
from components.monitoring.accounts import Account
from components.monitoring.bins import Bins
from components.monitoring.places import fetched
from components.monitoring.predictions import Predictions, predictions
from components.monitoring.reference import reference_of
from components.monitoring.tenured import judged_in_part, within
from components.monitoring.terms import terms_of
from components.monitoring.watched import Limits, Watched
from components.monitoring.windows import Window
from components.release.ledger import Entry, Ledger
from components.store import Store
from flows import formers, spans
from flows.orchestration import ROOT, anchored, bundle_of
from flows.terms import terms

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


def watched(run: Any, promotion: Entry) -> Watched:
    """A champion with what its predictions mean."""
    files = bundle_of(promotion)
    kept = terms_of(files, terms(run.settings))
    target = kept.target(run.settings.data.target, json.loads(files["lineage.json"]))
    return Watched(
        promotion.bundle_id, files, target, kept.metric, kept.value(target), _reference(run, files), kept.group, kept.weight
    )  # fmt: skip


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


def named(run: Any) -> dict[str, str]:
    """The log and the reference as accounts name them: relative to the project where they are in it, "" for the usual ones."""
    log = "" if _log(run) == run.durable.url("predictions") else _log(run)
    reference = anchored(run.reference) if run.reference else ""
    shown = {"log": log, "reference": reference}
    return {name: redacted(place.removeprefix(f"{ROOT}/")) for name, place in shown.items()}


def served(run: Any, promotion: Entry, due: Sequence[Window]) -> list[Account]:
    """The accounts of what a champion served in windows; those that stand are read, the others are made and kept.

    A window in which it was not the champion, and in which nothing of it was predicted, has none.
    """
    store = run.durable
    found: list[Account] = []
    wanted = {_id(run, promotion, window, "served"): window for window in due}
    standing = {name: accounts.read(store, name) for name in wanted}
    missing = [wanted[name] for name, account in standing.items() if account is None]
    if not missing:
        return [account for account in standing.values() if account is not None]
    model, allowed, times = watched(run, promotion), limits(run), spans.times(run, promotion)
    earlier = [each for each in history(run, promotion) if each.stage == "served"]
    with _read(run, missing) as log:
        run.future = max(run.future, log.faults.future)
        for name, window in wanted.items():
            if (account := standing[name]) is None:
                before = [each.rows for each in _before(window, earlier, found) if each.rows]
                account = looking.served(log, window, model, run.environment_, allowed, before)
                if not (account.rows or account.details["refused"] or within(window, times)):
                    continue
                account = judged_in_part(account, window, times).of(**named(run))
                account = accounts.keep(store, account)
            found.append(account)
    return found


def labelled(run: Any, promotion: Entry, windows: Sequence[Window]) -> list[Account]:
    """The accounts of what came true in those of a champion's windows whose labels are due; none where no labels are given.

    As of what was served, a window in which it was not the champion and predicted nothing has none.
    """
    allowed, store = limits(run), run.durable
    found: list[Account] = []
    delay = timedelta(days=run.settings.monitoring.label_delay_days)
    given = _labels(run)
    if given is None:
        return []
    ended = spans.moment(run.ended_by, "UNTIL")
    earlier = [each for each in history(run, promotion) if each.stage == "labelled"]
    wanted = {_id(run, promotion, each, "labelled"): each for each in windows if each.end + delay <= ended}
    standing = {name: accounts.read(store, name) for name in wanted}
    missing = [wanted[name] for name, account in standing.items() if account is None]
    if not missing:
        return [account for account in standing.values() if account is not None]
    model, before_it = watched(run, promotion), formers.formers(run, promotion)
    times = spans.times(run, promotion)
    # A label observed in a window may be for a prediction of one that ended up to the delay before.
    longest = max(window.end - window.start for window in missing)
    # One for an id that is used again may come until the deadline too.
    with _read(run, missing, earlier=delay + longest, later=delay) as log:
        strange = _strangers(run, given.frame, log, missing)
        for name, window in wanted.items():
            if (account := standing[name]) is None:
                deadline, rows = window.end + delay, log.within(window.start, window.end, model.bundle_id)
                settled = labels.settled(given.frame, until=deadline, of=rows)
                observed = labels.observed(given.frame, *strange, window.start, window.end)
                known = log.within(window.start - delay, deadline, "")
                joined = labels.joined(rows, settled, observed, known)
                if not (joined.predicted or within(window, times)):
                    continue
                before = [each.details["trials"] for each in _before(window, earlier, found)]
                account = looking.labelled(
                    joined, window, model, run.environment_, allowed,
                    trials=trial.trial(log, given.frame, deadline, window, model), before=before, formers=before_it,
                )  # fmt: skip
                account = accounts.keep(store, account.of(**named(run)))
            found.append(account)
    return found


def before(run: Any) -> list[Account]:
    """What came true of the predictions of the newest champions before this one, whose labels come due after they were replaced.

    Windows that ended with their tenure, or shortly before, were never looked at as what was served: those that alarm are
    among the accounts, too. Of one whose bundle cannot be had any more the run says so in ``passed_over``.
    """
    found: list[Account] = []
    run.passed_over = []
    for tenure in spans.past(run):
        last = spans.last_windows(run, tenure)
        try:
            found += [each for each in served(run, tenure.promotion, last) if each.loud]
            found += [each for each in labelled(run, tenure.promotion, last) if each.details["predicted"]]
        except (BundleError, MetaflowException) as error:
            run.passed_over.append(f"{tenure.promotion.bundle_id[:12]}: {error}")
    return found


def history(run: Any, promotion: Entry) -> list[Account]:
    """All accounts of a champion by these windows, of this log, by time."""
    return accounts.history(
        run.durable, run.environment_, promotion.bundle_id, spans.length_of(run), **named(run)
    )


def publish(run: Any, suffix: str, text: str) -> Path:
    """Put a file where people and collectors look, and into the store; one for each environment and log."""
    name = "-".join(filter(None, (run.environment_, accounts.watch_id(named(run)["log"])))) + suffix
    FOLDER.mkdir(parents=True, exist_ok=True)
    Store(str(FOLDER)).write(name, text.encode())
    # A step on a cluster has no disk that lasts.
    run.durable.write(f"{accounts.FOLDER}/{name}", text.encode())
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


def _id(run: Any, promotion: Entry, window: Window, stage: accounts.Stage) -> str:
    return accounts.window_id(run.environment_, window, promotion.bundle_id, stage, **named(run))


@contextmanager
def _read(
    run: Any, missing: Sequence[Window], earlier: timedelta = timedelta(), later: timedelta = timedelta()
) -> Iterator[Predictions]:
    """The predictions of the windows that are to be looked at; nothing is read where there are none."""
    if not missing:
        yield Predictions.none()
        return
    since, until = missing[0].start - earlier, missing[-1].end + later
    with (
        fetched(_log(run), since.date()) as folder,
        predictions(folder, since, until, datetime.now(UTC)) as found,
    ):
        yield found


def _strangers(
    run: Any, given: pl.LazyFrame, log: Predictions, missing: Sequence[Window]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The labels that came in the windows for none of the predictions that were read, and those of them that no log has."""
    if not missing:
        return pl.DataFrame(), pl.DataFrame()
    found = labels.strange(given, log.rows, missing[0].start, missing[-1].end)
    logs = [_log(run), *(run.durable.url(name) for name in ("predictions", "scores"))]
    return found, strangers.unknown(found, logs)


def _log(run: Any) -> str:
    """Where the predictions are that are watched."""
    return anchored(run.log).rstrip("/") if run.log else str(run.durable.url("predictions"))


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
