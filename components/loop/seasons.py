"""What happens in every period: traffic, monitoring, late labels, and what follows from them."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from components.loop.clients import Background
from components.loop.timeline import Status
from components.loop.world import BrokenOffError, Lived, Result, World
from components.monitoring.accounts import Stage
from components.release import retraining
from components.release.ledger import champions

LATE = 0.5
"""The share of `monitoring.label_delay_days` after which labels arrive."""
SETTLED_REQUESTS = 50
"""Sent after a new champion was seen to answer."""
HELD_BACK = 0.3
"""The share of the requests that the model before keeps in the A/B test."""


def send(world: World, lived: Lived) -> Result:
    """Ask about every row of the period that was not asked about yet."""
    before = world.clients.count.requests, world.clients.count.rows, world.clients.count.failed
    rows = lived.period.rows.slice(lived.sent)
    lived.answered += world.clients.send(rows, lived.name, first=lived.sent)
    lived.sent = lived.period.rows.height
    count = world.clients.count
    requests, sent, failed = (
        now - then for now, then in zip((count.requests, count.rows, count.failed), before, strict=True)
    )
    said = f"{sent:,} rows in {requests:,} requests over 4 connections, {failed} failed."
    return Result("failed" if failed else "good", said, (world.link("server log", world.server.log),))


def monitor(world: World, lived: Lived, stage: Stage) -> Result:
    """Look at the period, before its labels or after, and keep the report of that moment."""
    world.flushed(lived)
    window = lived.period.window
    until = window.end
    if stage == "labelled":
        until += timedelta(days=world.settings.monitoring.label_delay_days)
    heard = len(world.hearing.heard)
    done = world.copy.run(
        "monitor",
        SINCE=f"{window.start:%Y-%m-%d}",
        UNTIL=f"{until:%Y-%m-%dT%H:%M:%S}",
        WINDOW=world.length,
        K="1",
    )
    account = world.account(lived, stage)
    if account is None:
        raise BrokenOffError(f"The monitor left no account of {lived.name}: {done.refusal} ({done.log})")
    page = world.kept(
        world.copy.root / "build" / "monitoring" / f"{world.copy.live}.html",
        f"monitor-{lived.name}-{stage}.html",
    )
    loud = [finding for finding in account.findings if finding.alarm]
    told = [f"{account.rows:,} rows."]
    told += [
        f"{finding.kind} {finding.subject}".strip().capitalize() + f": {finding.reason}" for finding in loud
    ]
    told += [
        finding.reason for finding in account.findings if finding.kind == "experiment" and not finding.alarm
    ]
    if not loud:
        told.append("Quiet.")
    if new := len(world.hearing.heard) - heard:
        told.append(f"The webhook was told {new} {'alert' if new == 1 else 'alerts'}.")
    return Result(
        "alarm" if loud else "good",
        " ".join(told),
        world.evidence(done, world.link("monitoring report", page)),
    )


def label(world: World, lived: Lived) -> Result:
    """Deliver the labels when half of the time that they are waited for is over, and look again once they are due."""
    target, delay = world.settings.data.target, timedelta(days=world.settings.monitoring.label_delay_days)
    ids = [
        (f"{each.request_id}:{row}", each.first + row) for each in lived.answered for row in range(each.rows)
    ]
    labels = pl.DataFrame(
        {
            "prediction_id": [name for name, _ in ids],
            "y_true": lived.period.rows[target].gather([row for _, row in ids]),
            "observed_at": [lived.period.window.end + LATE * delay] * len(ids),
        }
    )
    folder = world.copy.root / "store" / "labels"
    folder.mkdir(parents=True, exist_ok=True)
    labels.write_parquet(folder / f"{lived.name}.parquet")
    world.known = pl.concat([world.known, lived.period.rows])
    world.copy.know(world.known)
    return monitor(world, lived, "labelled")


def retrain(world: World, lived: Lived, following: Lived, *, first: bool) -> Result:
    """Answer the monitor's request, or a person's where none was made, while rows of the next period are asked about."""
    before = world.champion()
    now = retraining.tried(world.copy.ledger.entries(), world.copy.live)
    asked, most = now.open, world.settings.retraining.most_failures
    stopped = bool(asked and retraining.stopped(now, world.copy.live, most))
    if asked is None and not first:
        return Result(
            "skipped", f"No alert of {lived.name} asks for another training, and nothing is trained."
        )
    reason = {} if asked else {"REASON": f"The labels of {lived.name} are there, and nothing alarmed"}
    rows = following.period.rows.slice(0, following.period.rows.height // 2)
    with Background(world.clients, rows, following.name) as background:
        done = world.copy.run("retrain", **reason)
        after = world.champion()
        taken = world.server.until("champion", after.bundle_id)
        background.go_on(SETTLED_REQUESTS)
    following.answered += [
        each for each in background.answered if each.request_id.startswith(f"{following.name}-")
    ]
    following.sent = max((each.first + each.rows for each in following.answered), default=0)
    decisions = [entry for entry in world.news() if entry.event in ("approved", "rejected")]
    for decision in decisions:
        world.name(decision)
    reports = [world.report(decision) for decision in decisions]
    why = f"Asked for by {asked.why}" if asked else "A person asked."
    count = background.count
    meanwhile = f" Meanwhile {count.requests:,} requests, {count.failed} failed."
    if done.code or after.bundle_id == before.bundle_id:
        said = f"{why} The champion goes on: {done.last}{meanwhile}"
        status = unchanged(done.code, stopped=stopped, failed_requests=count.failed)
        return Result(status, said, world.evidence(done, *reports))
    world.promise("a new champion took over under traffic with no failed request", taken and not count.failed)
    said = f"{why} {world.called(after.bundle_id)} passed every gate, was compared with {world.called(before.bundle_id)} and took over.{meanwhile}"
    return Result("good" if taken and not count.failed else "failed", said, world.evidence(done, *reports))


def unchanged(code: int, *, stopped: bool, failed_requests: int) -> Status:
    """How a retraining that gave no new champion is told.

    Args:
        code: by which `make retrain` ended.
        stopped: whether so many had failed before that a person was called, and nothing was tried.
        failed_requests: meanwhile.
    """
    return "failed" if failed_requests or (code and not stopped) else "blocked"


def split(world: World) -> Result:
    """Let the champion before answer a share of the requests, so that what retraining gave is measured."""
    standing = champions(world.copy.ledger.entries(), world.copy.live)
    if len(standing) < 2:
        return Result("skipped", "There was but one champion so far, and nothing to compare it with.")
    former = standing[-2]
    done = world.copy.run(
        "deploy",
        MODE="split",
        SHARE=str(HELD_BACK),
        BUNDLE=former.bundle_id[:12],
        REASON="What retraining gave is to be measured",
    )
    if done.code:
        return Result(
            "blocked",
            f"{world.called(former.bundle_id)} may not stand beside the champion: {done.refusal}",
            world.evidence(done),
        )
    there = world.server.until("challenger", former.bundle_id)
    said = (
        f"{world.called(former.bundle_id)} answers {HELD_BACK:.0%} of the requests, the champion the others."
    )
    return Result("good" if there else "failed", said, world.evidence(done))
