"""The windows in which a bundle was the champion, for the whole of them or for a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from components.monitoring.accounts import Account
from components.monitoring.arrivals import unjudged
from components.monitoring.windows import Length, Window, window_of, windows
from components.release.tenures import Tenure

PART = "the model was the champion for a part of the window"


def tenured(
    length: Length, tenures: Sequence[Tenure], until: datetime, kept: datetime | None = None
) -> list[Window]:
    """The windows that have ended in which one of the tenures was, each once, oldest first.

    Args:
        length: of each window.
        tenures: of one bundle.
        until: windows that end after it are left out.
        kept: of tenures that are over, windows that begin before it are left out: their predictions are kept no longer.
    """
    found: dict[datetime, Window] = {}
    for each in tenures:
        last = min(window_of(length, each.until).end, until) if each.until else until
        least = kept if each.until and kept else window_of(length, each.since).start
        for window in windows(length, window_of(length, each.since).start, last):
            if window.start >= least and window.start < _end(each):
                found[window.start] = window
    return [found[start] for start in sorted(found)]


def within(window: Window, tenures: Sequence[Tenure]) -> list[Tenure]:
    """The tenures of which at least a part lies in the window."""
    return [each for each in tenures if each.since < window.end and _end(each) > window.start]


def judged_in_part(account: Account, window: Window, tenures: Sequence[Tenure]) -> Account:
    """The account, where the model was not the champion all the time without a judgement of what only whole windows tell.

    How many rows there are says nothing then, and that the last ones came early neither, if others took its place. That
    there are none at all does, if it was the champion at the end.

    Args:
        account: of what was served in the window.
        window: which one.
        tenures: of the account's bundle. A window in which none of them was is judged as a whole one: its rows were scored
            in batches, or the log is a copy.
    """
    there = within(window, tenures)
    stayed = [each for each in there if _end(each) >= window.end]
    if not there or any(each.since <= window.start for each in stayed):
        return account
    kinds = ([] if stayed else ["freshness"]) + ([] if stayed and not account.rows else ["volume"])
    return replace(account, findings=tuple(unjudged(account.findings, kinds, PART)))


def _end(tenure: Tenure) -> datetime:
    return tenure.until or datetime.max.replace(tzinfo=UTC)
