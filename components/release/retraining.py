"""Requests for another training: which are open, who answers them, and when no more is tried; all of it in the ledger."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Literal

from components.errors import RefusalError
from components.release.ledger import PRODUCTION, Entry, Event, Ledger, champions

REQUESTED: Event = "retraining requested"
BEGUN: Event = "retraining begun"
ENDED: Event = "retraining ended"

AWAITS: Final = "awaits approval"
Outcome = Literal["promoted", "rejected", "refused", "failed", "awaits approval"]
"""What became of a retraining: its model is the champion; the gates or the deployment refused it; it broke off; or a person
is still to approve what the gates approved."""


@dataclass(frozen=True)
class Tried:
    """How the requests of an environment stand.

    Attributes:
        open: the newest request that nobody has answered; it answers those before it.
        failures: how many retrainings ended without a new champion since the last that gave one, or since a person asked; one
            that waits for a person's approval is none.
        begun: the entry of whoever works on the open request, or None.
    """

    open: Entry | None
    failures: int
    begun: Entry | None


def tried(entries: Sequence[Entry], environment: str) -> Tried:
    """How the requests of an environment stand.

    Where a process trains, it says itself what became of it. Where an event started the training nobody waits for its end:
    the rejection of the run that the request caused ends it, and so does the refusal or the promotion of its bundle. A
    retraining that broke off leaves its request open, to be tried again; every other end answers it, also that a person is to
    approve the model. A request about a champion of the past is answered by its successor, and one about an older window than a
    request before it by that one.
    """
    of_it = [
        entry
        for entry in entries
        if entry.event in ("approved", "rejected")
        or entry.details.get("environment", PRODUCTION) == environment
    ]
    standing = champions(entries, environment)
    champion = standing[-1].bundle_id if standing else ""
    requested: Entry | None = None
    begun: Entry | None = None
    failures, asked, approved, newest = 0, set[str](), dict[str, str](), dict[str, str]()
    for entry in of_it:
        cause = _caused_by_an_event(entry, begun, asked, approved)
        if entry.event == REQUESTED:
            asked.add(entry.hash)
            end = str(entry.details.get("end", ""))
            if not end or end >= newest.get(entry.bundle_id, ""):
                requested = entry
                newest[entry.bundle_id] = end or newest.get(entry.bundle_id, "")
            failures = 0 if entry.details.get("by_a_person") else failures
        elif entry.event == BEGUN:
            begun = entry
        elif entry.event == "approved" and entry.details.get("cause") in asked:
            approved[entry.bundle_id] = entry.details["cause"]
        elif entry.event == "promoted":
            failures = 0
        elif entry.event == ENDED:
            outcome = entry.details["outcome"]
            failures = 0 if outcome == "promoted" else failures + (outcome != AWAITS)
            begun = None
            if requested and outcome != "failed" and requested.number <= entry.details["request_number"]:
                requested = None
        if cause and entry.event in ("rejected", "refused"):
            failures += not entry.details.get("awaits_approval", False)
            requested = requested if requested and requested.hash != cause else None
        if cause and begun and begun.details.get("cause") == cause:
            begun = None
        if cause:
            approved.pop(entry.bundle_id, None)
    if requested and requested.bundle_id != champion:
        requested = None
    return Tried(requested, failures, begun)


def _caused_by_an_event(entry: Entry, begun: Entry | None, asked: set[str], approved: dict[str, str]) -> str:
    """The request whose training, started by an event, ends with this entry; "" if none does."""
    if begun is not None and not begun.details.get("event"):
        return ""
    if entry.event == "rejected" and entry.details.get("cause") in asked:
        return str(entry.details["cause"])
    return approved.get(entry.bundle_id, "") if entry.event in ("refused", "promoted") else ""


def require_may_begin(
    entries: Sequence[Entry], request: Entry, environment: str, *, most_failures: int
) -> None:
    """Pass if somebody may begin to answer a request, as the ledger is now.

    Raises:
        RefusalError: it was answered, others work on it, or too many retrainings failed.
    """
    now = tried(entries, environment)
    if now.open is None or now.open.number != request.number:
        raise RefusalError(f"The request of entry {request.number} was answered, or a newer one was made.")
    if why := stopped(now, environment, most_failures):
        raise RefusalError(why)
    if now.begun is not None:
        begun = now.begun
        by = "an event" if begun.details.get("event") else f"process {begun.details['process']}"
        raise RefusalError(
            f"{begun.by} answers a request since {begun.at[:16]} (entry {begun.number}, {by} on {begun.details['host']}). "
            "If that ended, wait until retraining.patience_hours have passed."
        )


def stopped(now: Tried, environment: str, most_failures: int) -> str:
    """Why nothing more is tried, for the person who is to look; "" if it is."""
    if now.failures < most_failures:
        return ""
    return (
        f"{now.failures} retrainings of {environment} in a row gave no new champion (retraining.most_failures is "
        f"{most_failures}): a person is to look why. Then: make retrain REASON='what was found, and changed'."
    )


def begin(
    ledger: Ledger, request: Entry, environment: str, *, most_failures: int, by: str, event_of: str = ""
) -> Entry:
    """The entry that says who answers a request; while it stands nobody else does.

    Args:
        ledger: of the project.
        request: the open one.
        environment: where the champion is served.
        most_failures: after which nothing more is tried.
        by: who begins.
        event_of: the orchestrator that an event lets train; "" where this process does.

    Raises:
        RefusalError: others work on it, or too many retrainings failed.
    """
    may = partial(require_may_begin, request=request, environment=environment, most_failures=most_failures)
    who = {"host": event_of or socket.gethostname(), "process": 0 if event_of else os.getpid()}
    details = {"environment": environment, "request_number": request.number, "cause": request.hash, **who}
    return ledger.append(
        event=BEGUN, run=request.run, bundle_id=request.bundle_id, by=by, why=request.why,
        details={**details, "event": bool(event_of)}, given=may,
    )  # fmt: skip


def end(ledger: Ledger, begun: Entry, outcome: Outcome, why: str, *, by: str) -> None:
    """Let the ledger tell what became of a retraining, once."""
    ledger.append(
        event=ENDED, run=begun.run, bundle_id=begun.bundle_id, by=by, why=why,
        details={**begun.details, "outcome": outcome}, once_key=f"end of entry {begun.number}",
    )  # fmt: skip


def end_if_gone(ledger: Ledger, environment: str, *, patience_hours: float, by: str) -> None:
    """Let what was begun count as failed, if whoever began is gone or has taken too long."""
    begun = tried(ledger.entries(), environment).begun
    if begun is not None and has_ended(
        begun,
        host=socket.gethostname(),
        running=_runs(int(begun.details["process"])),
        now=datetime.now(UTC),
        patience_hours=patience_hours,
    ):
        why = "It did not end in time." if begun.details.get("event") else "Whoever began it is gone."
        end(ledger, begun, "failed", why, by=by)


def last_day(request: Entry) -> str:
    """The last day of the window that asked, UTC in ISO 8601; "" where a person asked."""
    if not request.details["end"]:
        return ""
    return (datetime.fromisoformat(request.details["end"]) - timedelta(seconds=1)).date().isoformat()


def has_ended(begun: Entry, *, host: str, running: bool, now: datetime, patience_hours: float) -> bool:
    """Whether whoever began is gone: a process of this machine that no longer runs, or one that took too long.

    Args:
        begun: the entry of the beginning.
        host: this machine.
        running: whether this machine has a process of that number.
        now: the time.
        patience_hours: after which a beginning counts as given up.
    """
    if begun.details["host"] == host and not running:
        return True
    return (now - datetime.fromisoformat(begun.at)).total_seconds() > 3600 * patience_hours


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
