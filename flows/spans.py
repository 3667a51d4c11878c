"""The windows that a monitoring run looks at: those that have ended in which a model was the champion, and those that were asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from components.errors import ConfigError
from components.monitoring.tenured import tenured
from components.monitoring.windows import Length, Window, windows
from components.release.ledger import Entry, Ledger
from components.release.tenures import Tenure, tenures

MOST_PAST = 3
"""So many times of earlier champions are looked at when their labels come late."""


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


def looked_at(until: str, now: datetime) -> datetime:
    """The moment as of which windows are looked at: ``until``, but never one to come, of which nothing can be known yet."""
    return min(moment(until, "UNTIL"), now) if until else now


def ended_by(run: Any, now: datetime) -> datetime:
    """The last moment at which a window may have ended, if what was predicted in it is to be in the log by now."""
    settled = now - timedelta(minutes=run.settings.monitoring.settle_minutes)
    return min(looked_at(run.until, now), settled)


def due(run: Any) -> list[Window]:
    """The windows that have ended, until now or ``until``: from ``since`` on; by default those in which the champion was it."""
    length, until = length_of(run), moment(run.ended_by, "UNTIL")
    if run.since:
        return windows(length, moment(run.since, "SINCE"), until)
    return tenured(length, times(run, run.promotion), until, _kept_since(run))


def length_of(run: Any) -> Length:
    """Of the windows.

    Raises:
        ConfigError: there are none of that length.
    """
    length: Length = run.window or run.settings.monitoring.window
    if length not in get_args(Length):
        raise ConfigError(f"{length!r} is no window; use hour, day, week, month or year.")
    return length


def past(run: Any) -> list[Tenure]:
    """The newest times in which others than the champion were it, the newest first."""
    ended = [
        each
        for each in reversed(tenures(Ledger(run.durable).entries(), run.environment_))
        if each.until and each.promotion.bundle_id != run.promotion.bundle_id
    ]
    return ended[:MOST_PAST]


def last_windows(run: Any, tenure: Tenure) -> list[Window]:
    """The windows of a tenure whose labels were not due when it ended; those that were asked for, where SINCE tells."""
    if run.since or tenure.until is None:
        return due(run)
    undue = tenure.until - timedelta(days=run.settings.monitoring.label_delay_days)
    last = replace(tenure, since=max(tenure.since, undue))
    return tenured(length_of(run), [last], moment(run.ended_by, "UNTIL"), _kept_since(run))


def times(run: Any, promotion: Entry) -> list[Tenure]:
    """Every time in which the bundle of a promotion was the champion here."""
    known = tenures(Ledger(run.durable).entries(), run.environment_)
    return [each for each in known if each.promotion.bundle_id == promotion.bundle_id]


def _kept_since(run: Any) -> datetime | None:
    """The first moment of which the store's log surely has all; None where it keeps all, or another log is watched."""
    days = 0 if run.log else run.settings.serving.log_days
    return datetime.now(UTC) - timedelta(days=days) if days else None
