"""What a server tells of itself: one line of JSON an event, on standard error."""

from __future__ import annotations

import json
import os
import time
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from components.errors import redacted

_STANDARD_ERROR = 2


def tell(level: str, event: str, **facts: Any) -> None:
    """Write a line: when, how grave, what happened, and its facts. Values of features never belong in it."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    said = {"at": now, "level": level, "event": event, **facts}
    line = redacted(json.dumps(said, default=str))
    # Where this goes may be a file on a full disk, which is no reason to stop serving.
    with suppress(OSError):
        os.write(_STANDARD_ERROR, f"{line}\n".encode())


class _Refusals:
    """Lets through so many lines a second, so that a flood of bad requests does not drown the others."""

    def __init__(self) -> None:
        self.second, self.lines, self.untold = 0, 0, 0


_REFUSALS = _Refusals()
MOST_REFUSALS = 20
"""Refused requests that are told one by one in a second."""


def refused(route: str, status: int, reason: str) -> None:
    """Tell that a request was refused; beyond twenty in a second, only how many."""
    second = int(time.monotonic())
    if second != _REFUSALS.second:
        if _REFUSALS.untold:
            tell("warning", "requests refused", requests=_REFUSALS.untold)
        _REFUSALS.second, _REFUSALS.lines, _REFUSALS.untold = second, 0, 0
    if _REFUSALS.lines < MOST_REFUSALS:
        _REFUSALS.lines += 1
        tell("warning", "request refused", route=route, status=status, reason=reason or "request")
    else:
        _REFUSALS.untold += 1


def failed(error: BaseException) -> dict[str, str]:
    """An error's type and where it was raised, without its text, which may hold a feature's value."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return {"error": type(error).__name__, "place": place}
