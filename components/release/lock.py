"""The pins of requirements.lock, and which of them a set of libraries needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from components.errors import BundleError

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)")

Pins = dict[str, dict[str, str]]
"""For each distribution its pinned versions (platforms may differ), each with its lines of the lock."""


def pins(lock: str) -> Pins:
    """The pins of a lock file by canonical name; comments are left out.

    Args:
        lock: its text, as `uv pip compile --generate-hashes` writes it.
    """
    found: Pins = {}
    lines: list[str] = []
    for line in [*lock.splitlines(), ""]:
        if lines and not line.startswith((" ", "\t")):
            match = _PIN.match(lines[0])
            if match:
                versions = found.setdefault(canonicalize_name(match["name"]), {})
                versions[match["version"]] = "\n".join(lines) + "\n"
            lines = []
        if line.strip() and not line.lstrip().startswith("#"):
            lines.append(line)
    return found


def closure(names: Iterable[str]) -> tuple[str, ...]:
    """The installed distributions that the named ones need here, themselves included, sorted.

    Raises:
        BundleError: one is not installed.
    """
    found: set[str] = set()
    waiting: list[str] = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += needed(name)
    return tuple(sorted(found))


def needed(name: str) -> list[str]:
    """What an installed distribution itself asks for on this platform, without its extras.

    Raises:
        BundleError: it is not installed.
    """
    asked = [Requirement(text) for text in _found(name).get_all("Requires-Dist") or []]
    return [
        canonicalize_name(requirement.name)
        for requirement in asked
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    ]


@cache
def installed(name: str) -> metadata.PackageMetadata | None:
    """What a distribution says of itself; None if it is not installed."""
    try:
        return metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None


def _found(name: str) -> metadata.PackageMetadata:
    described = installed(name)
    if described is None:
        raise BundleError(f"{name} is not installed; make the environment from requirements.lock.")
    return described


def requirements(lock: str, names: Sequence[str]) -> str:
    """The lines of the lock, hashes included, that install the named distributions and all that they need.

    Raises:
        BundleError: one is not pinned, or is installed in another version than the lock's: what was measured
            would not be what is served.
    """
    pinned = pins(lock)
    chosen: list[str] = []
    for name in closure(names):
        versions, version = pinned.get(name, {}), _found(name)["Version"]
        if version not in versions:
            raise BundleError(
                f"{name} {version} is installed, but requirements.lock pins {', '.join(versions) or 'none'}; make the "
                "environment from the lock, or renew it (make lock)."
            )
        chosen += versions.values()
    return "".join(chosen)
