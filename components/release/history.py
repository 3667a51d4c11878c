"""Every decision that was made, and whether the record of them is whole; the command behind `make ledger`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from components import config
from components.errors import FlowprintError
from components.release.ledger import Entry, Ledger, of_project
from components.release.registry import Registry
from components.store import Store


def table(entries: Sequence[Entry]) -> str:
    """The entries as text for a terminal, one a line under a heading."""
    rows = [["no.", "when (UTC)", "event", "bundle", "run", "by", "why"]]
    for entry in entries:
        when = entry.at[:16].replace("T", " ")
        cells = [str(entry.number), when, entry.event, entry.bundle_id[:12], entry.run, entry.by, entry.why]
        rows.append([_printable(cell) or "-" for cell in cells])
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    padded = ([cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)] for row in rows)
    return "\n".join("  ".join(row) for row in padded)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the ledger after verifying it; 0 if it is whole, 1 with one line that says what is not."""
    parser = argparse.ArgumentParser(prog="python -m components.release.history", description=main.__doc__)
    parser.add_argument("--config", type=Path, default=Path("config.toml"), help="names the store and MLflow")
    parser.add_argument("--root", help="a store to verify on its own, without the head that MLflow keeps")
    options = parser.parse_args(arguments)
    try:
        if options.root:
            entries, note = Ledger(Store(options.root)).entries(), "Its head was not compared with MLflow's."
        else:
            entries, note = _compared(options.config)
    except FlowprintError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    whole = f"{len(entries)} entries; the chain is whole. {note}"
    sys.stdout.write(f"{table(entries)}\n\n{whole}\n" if entries else "The ledger is empty.\n")
    return 0


def _compared(path: Path) -> tuple[list[Entry], str]:
    settings, ledger = config.load(path), of_project(path)
    entries = ledger.entries()
    registry = Registry(settings.tracking.uri, settings.experiment, settings.model_name)
    kept = registry.check_head(ledger)
    said = f"MLflow's head is entry {kept}." if kept else "MLflow keeps no head of it."
    if registry.follow(ledger, settings.deploy.live):
        said += " MLflow's alias 'champion' disagreed with the ledger and was moved."
    return entries, said


def _printable(text: str) -> str:
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


if __name__ == "__main__":
    raise SystemExit(main())
