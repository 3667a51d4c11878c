"""The data versions that the store keeps, as a table for the terminal."""

import argparse
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from components.data.snapshot import Snapshot, versions
from components.errors import FlowprintError
from components.store import Store

_HEAD = ("version", "rows", "columns", "size", "taken", "source")
_TO_THE_RIGHT = ("rows", "columns", "size")


def listing(snapshots: Sequence[Snapshot], runs: Mapping[str, Sequence[str]] | None = None) -> str:
    """The snapshots as text, one a line below the head.

    Args:
        snapshots: As :func:`components.data.snapshot.versions` gives them.
        runs: The runs that used each version, by version; None leaves them out.
    """
    if not snapshots:
        return "No data version is kept yet; `make train` takes the first.\n"
    head = [*_HEAD, *(["runs"] if runs is not None else [])]
    lines = [head, *(_line(kept, runs) for kept in snapshots)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(
            cell.rjust(width) if name in _TO_THE_RIGHT else cell.ljust(width)
            for name, cell, width in zip(head, line, widths, strict=True)
        ).rstrip()
        + "\n"
        for line in lines
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the versions; the exit code is 1 if the store cannot be read."""
    parser = argparse.ArgumentParser(description="List the data versions that the store keeps.")
    parser.add_argument("--store", help="folder or URL; by default the root that config.toml names")
    root = parser.parse_args(arguments).store
    try:
        sys.stdout.write(listing(versions(Store(root or _configured_root()))))
    except (FlowprintError, OSError, KeyError, tomllib.TOMLDecodeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _configured_root() -> str:
    with Path("config.toml").open("rb") as file:
        return str(tomllib.load(file)["store"]["root"])


def _line(kept: Snapshot, runs: Mapping[str, Sequence[str]] | None) -> list[str]:
    size = f"{kept.size_bytes / 1e6:,.1f} MB"
    line = [kept.version, f"{kept.rows:,}", str(len(kept.columns)), size, kept.created, kept.source]
    return line if runs is None else [*line, ", ".join(runs.get(kept.version, ())) or "none"]


if __name__ == "__main__":
    sys.exit(main())
