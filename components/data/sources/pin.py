"""Pins: what exactly was read of a source, so that it can be told, and found again where the source keeps it."""

from collections.abc import Mapping

Pin = tuple[tuple[str, str], ...]
"""Names and values, the most telling first: ``(("git commit", "3f2a..."), ("md5 data/table.csv", "c40e..."))``."""

COMMIT, DELTA, QUERY, VERSION, ETAG = "git commit", "delta version", "query", "version id", "etag"
_SHOWN = 14


def pin(facts: Mapping[str, str]) -> Pin:
    """The facts that are known, in their order."""
    return tuple((name, value) for name, value in facts.items() if value)


def fact(pin: Pin, name: str) -> str:
    """The value that a pin has under a name, or ""."""
    return dict(pin).get(name, "")


def compact(pin: Pin) -> str:
    """The most telling fact, shortened, and how many more there are; "" without a pin."""
    if not pin:
        return ""
    name, value = pin[0]
    value = " ".join(value.split())
    shown = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..."
    return f"{name} {shown}" + (f" (+{len(pin) - 1})" if len(pin) > 1 else "")
