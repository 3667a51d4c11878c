"""Which runs used which data version; the command behind `make versions`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from components.config import load
from components.data.catalog import listing
from components.data.snapshot import versions
from components.errors import FlowprintError
from components.release.ledger import Entry, Ledger
from components.store import Store


def runs_by_version(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """The decided runs of each data version, in the order of their decisions."""
    runs: dict[str, list[str]] = {}
    for entry in entries:
        if version := entry.details.get("data_version"):
            runs.setdefault(str(version), []).append(f"{entry.run} ({entry.event})")
    return runs


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the data versions with the runs that used them; 1 with one line if the store cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m components.release.usage", description=main.__doc__)
    parser.add_argument("--config", type=Path, default=Path("config.toml"), help="names the store")
    try:
        store = Store(load(parser.parse_args(arguments).config).store.root)
        sys.stdout.write(listing(versions(store), runs_by_version(Ledger(store).entries())))
    except (FlowprintError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
