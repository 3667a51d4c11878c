"""Which bundle was the champion of an environment, and from when until when, by the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from components.release.ledger import PRODUCTION, Entry, champions


@dataclass(frozen=True)
class Tenure:
    """A time in which one bundle was the champion.

    Attributes:
        promotion: of that bundle.
        since: when it became the champion, by a promotion or a rollback.
        until: when another took its place, or it was taken away; None for the champion of now.
    """

    promotion: Entry
    since: datetime
    until: datetime | None = None


def tenures(entries: Sequence[Entry], environment: str = PRODUCTION) -> list[Tenure]:
    """Every tenure of an environment, oldest first."""
    found: list[Tenure] = []
    moves = [
        entry
        for entry in entries
        if entry.event in ("promoted", "rolled back")
        and entry.details.get("environment", PRODUCTION) == environment
    ]
    for place, entry in enumerate(moves):
        standing, at = champions(moves[: place + 1], environment), datetime.fromisoformat(entry.at)
        bundle_id = standing[-1].bundle_id if standing else ""
        if found and found[-1].until is None:
            if found[-1].promotion.bundle_id == bundle_id:
                continue
            found[-1] = replace(found[-1], until=at)
        if standing:
            found.append(Tenure(standing[-1], at))
    return found
