"""The windows of time in which a model is watched: whole hours, days, weeks, months or years in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from components.errors import ConfigError

Length = Literal["hour", "day", "week", "month", "year"]
MOST_WINDOWS = 10_000


@dataclass(frozen=True)
class Window:
    """A span of time.

    Attributes:
        label: such as 2016, 2016-03, 2016-W09, 2016-03-04 or 2016-03-04T13.
        start: its first moment, UTC.
        end: the first moment after it, UTC.
    """

    label: str
    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()


def windows(length: Length, since: datetime, until: datetime) -> list[Window]:
    """The whole windows from ``since`` on that have ended by ``until``, oldest first.

    Args:
        length: of each.
        since: windows that begin before it are left out.
        until: windows that end after it are left out.

    Raises:
        ConfigError: they would be too many.
    """
    return list(_each(length, since, until))


def window_of(length: Length, moment: datetime) -> Window:
    """The window in which a moment is."""
    start = _start(length, moment.astimezone(UTC))
    return Window(_label(length, start), start, _next(length, start))


def _each(length: Length, since: datetime, until: datetime) -> Iterator[Window]:
    window = window_of(length, since)
    if window.start < since:
        window = window_of(length, window.end)
    for _ in range(MOST_WINDOWS):
        if window.end > until:
            return
        yield window
        window = window_of(length, window.end)
    raise ConfigError(
        f"From {since:%Y-%m-%d} on there are more than {MOST_WINDOWS:,} windows of one {length}; name a later SINCE."
    )


def _start(length: Length, moment: datetime) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if length == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    if length == "week":
        return day - timedelta(days=day.weekday())
    if length == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if length == "year" else day


def _next(length: Length, start: datetime) -> datetime:
    if length == "year":
        return start.replace(year=start.year + 1)
    if length == "month":
        return (start + timedelta(days=32)).replace(day=1)
    return start + {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}[length]


def _label(length: Length, start: datetime) -> str:
    if length == "week":
        year, week, _ = start.isocalendar()
        return f"{year}-W{week:02d}"
    form = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}[length]
    return start.strftime(form)
