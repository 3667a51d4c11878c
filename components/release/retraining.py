"""Requests for another training: which are open, who answers them, and when no more is tried; all of it in the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from components.errors import RefusalError
from components.release.ledger import PRODUCTION, Entry, Event, champions

REQUESTED: Event = "retraining requested"
BEGUN: Event = "retraining begun"
ENDED: Event = "retraining ended"

Outcome = Literal["promoted", "rejected", "refused", "failed"]
"""What became of a retraining: its model is the champion; the gates or the deployment refused it; or it broke off."""


@dataclass(frozen=True)
class Tried:
    """How the requests of an environment stand.

    Attributes:
        open: the newest request that nobody has answered; it answers those before it.
        failures: how many retrainings ended without a new champion since the last that gave one, or since a person asked.
        begun: the entry of whoever works on the open request, or None.
    """

    open: Entry | None
    failures: int
    begun: Entry | None


def tried(entries: Sequence[Entry], environment: str) -> Tried:
    """How the requests of an environment stand.

    A request is answered by the end of a retraining that was begun after it, or by the rejection of a run that an event
    started. One that was made about a champion of
    the past is answered by its successor.
    """
    of_it = [
        entry
        for entry in entries
        if entry.event == "rejected" or entry.details.get("environment", PRODUCTION) == environment
    ]
    standing = champions(entries, environment)
    champion = standing[-1].bundle_id if standing else ""
    requested: Entry | None = None
    begun: Entry | None = None
    failures, asked = 0, set[str]()
    for entry in of_it:
        if entry.event == REQUESTED:
            requested = entry
            asked.add(entry.hash)
            failures = 0 if entry.details.get("by_a_person") else failures
        elif entry.event == BEGUN:
            begun = entry
        elif entry.event == "promoted":
            failures = 0
        elif entry.event == "rejected" and begun is None and entry.details.get("cause") in asked:
            # An event started this training; nobody waits for its end.
            failures += 1
            requested = None
        elif entry.event == ENDED:
            failures = 0 if entry.details["outcome"] == "promoted" else failures + 1
            begun = None
            if requested and requested.number <= entry.details["request_number"]:
                requested = None
    if requested and requested.bundle_id != champion:
        requested = None
    return Tried(requested, failures, begun)


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
    if now.failures >= most_failures:
        raise RefusalError(
            f"{now.failures} retrainings of {environment} in a row gave no new champion (retraining.most_failures is "
            f"{most_failures}): a person is to look why. Then: make retrain REASON='what was found, and changed'."
        )
    if now.begun is not None:
        begun = now.begun
        raise RefusalError(
            f"{begun.by} answers a request since {begun.at[:16]} (entry {begun.number}, process "
            f"{begun.details['process']} on {begun.details['host']}). If that ended, wait until "
            f"retraining.patience_hours have passed."
        )


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
