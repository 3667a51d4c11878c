"""What a server tells of itself: one line of JSON an event, on standard error."""

from __future__ import annotations

import json
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from components.errors import redacted


def tell(level: str, event: str, **facts: Any) -> None:
    """Write a line: when, how grave, what happened, and its facts. Values of features never belong in it."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    said = {"at": now, "level": level, "event": event, **facts}
    line = redacted(json.dumps(said, default=str))
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def failed(error: BaseException) -> dict[str, str]:
    """An error's type and where it was raised, without its text, which may hold a feature's value."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return {"error": type(error).__name__, "place": place}
