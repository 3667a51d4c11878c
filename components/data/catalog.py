"""The data versions that the store keeps, as a table for the terminal."""

from collections.abc import Mapping, Sequence

from components.data.snapshot import Snapshot
from components.data.sources.pin import compact

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


def _line(kept: Snapshot, runs: Mapping[str, Sequence[str]] | None) -> list[str]:
    size = f"{kept.size_bytes / 1e6:,.1f} MB"
    place = f"{kept.source} at {compact(kept.pin)}" if kept.pin else kept.source
    line = [kept.version, f"{kept.rows:,}", str(len(kept.columns)), size, kept.created, place]
    return line if runs is None else [*line, ", ".join(runs.get(kept.version, ())) or "none"]
