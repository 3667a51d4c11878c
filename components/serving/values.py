"""Single values read as the contract's types, as `components.data.reading` reads whole columns in training.

A test holds the two together. They differ where ISO 8601 ends: spaces within a date, leap seconds and years of other
than four digits are no dates here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

TRUE, FALSE = ("true", "t", "yes", "y", "1", "on"), ("false", "f", "no", "n", "0", "off")
NO_VALUE = ("", "nan", "null", "none", "na", "n/a")
SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

LEAST_INTEGER, MOST_INTEGER = -(2**63), 2**63 - 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = 253_402_300_800.0
"""The year 10000 in seconds since 1970."""

_WORDS: dict[str, bool] = {**dict.fromkeys(TRUE, True), **dict.fromkeys(FALSE, False)}
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?inf(?:inity)?", re.IGNORECASE
)
_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[T ]([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.([0-9]+))?(Z|[+-][0-9]{2}:?[0-9]{2})?)?)?"
)


def known(value: Any, *, textual: bool) -> Any:
    """The value, or None for every form of a missing one.

    Args:
        value: as JSON, CSV or a tensor had it.
        textual: whether a text is wanted; otherwise words such as `NA` are missing values too.
    """
    if isinstance(value, str):
        if textual:
            return value or None
        value = value.strip(SPACES)
        return None if value.lower() in NO_VALUE else value
    return None if isinstance(value, float) and value != value else value


def boolean(value: Any) -> bool | None:
    """A truth value; None if it is none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _WORDS.get(value.lower())
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def integer(value: Any) -> int | None:
    """A whole number of 64 bits; None if it is none."""
    if isinstance(value, str):
        value = int(value) if _WHOLE.fullmatch(value) else number(value)
    if isinstance(value, float) and value.is_integer():
        # A double of 2**63 is one more than the most.
        return int(value) if LEAST_INTEGER <= value < 2.0**63 else None
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and LEAST_INTEGER <= value <= MOST_INTEGER else None


def number(value: Any) -> float | None:
    """A double, perhaps an infinite one; None if it is none."""
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def text(value: Any) -> str | None:
    """A text, also of a truth value or a whole number; None if it is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    whole = integer(value)
    return None if whole is None else str(whole)


def moment(value: Any) -> float | None:
    """A time as seconds since 1970 in UTC, from ISO 8601 text; None if it is none."""
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    fraction, zone = found.groups()[6:]
    microsecond = int((fraction or "")[:6].ljust(6, "0"))
    try:
        when = datetime(year, month, day, hour, minute, second, microsecond, _zone(zone or "Z"))
    except ValueError:
        return None
    whole, rest = divmod((when - EPOCH) // timedelta(microseconds=1), 1_000_000)
    seconds = whole + rest / 1e6
    return seconds if abs(seconds) < LATEST else None


def _zone(written: str) -> timezone:
    if written == "Z":
        return UTC
    hours, minutes = int(written[1:3]), int(written[-2:])
    if minutes > 59:
        raise ValueError("no offset")
    return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if written[0] == "-" else 1))


READERS: dict[str, Callable[[Any], Any]] = {
    "boolean": boolean,
    "integer": integer,
    "number": number,
    "category": text,
    "text": text,
    "datetime": moment,
}
