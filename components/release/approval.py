"""A person's approval of a bundle, recorded in the ledger; the command behind `make approve`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from components.errors import FlowprintError, RefusalError
from components.release.candidates import LEAST_LETTERS, find
from components.release.ledger import Entry, Ledger, of_project


def approve(ledger: Ledger, wanted: str, *, by: str, why: str) -> Entry:
    """The entry that says who approved a bundle, and why; the same person's second approval is the first.

    Args:
        ledger: the project's.
        wanted: a bundle id, the first 8 or more letters of one, or the pathspec of a training run.
        by: the person.
        why: the reason, in a few words at least.

    Raises:
        RefusalError: the run was rejected by its gates, is not in the ledger, or nobody or no reason is named.
    """
    decided = find(ledger.entries(), wanted)
    if decided.event != "approved":
        raise RefusalError(
            f"Run {decided.run} was rejected by its gates, and no person can approve it; a gate's waiver in config.toml, "
            "with its reason, is for that."
        )
    if len(why.strip()) < LEAST_LETTERS:
        raise RefusalError(
            f"The reason is {why.strip()!r}; say in a sentence why, for whoever reads it later."
        )
    if not by:
        raise RefusalError("Nobody is named; set METAFLOW_USER or USER to who approves.")
    return ledger.append(
        event="approved by a person", run=decided.run, bundle_id=decided.bundle_id, by=by, why=why.strip(),
        once_key=f"{by} approves {decided.bundle_id}",
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Record that a person approves a run's bundle; 1 with one line if it is refused."""
    parser = argparse.ArgumentParser(prog="python -m components.release.approval", description=main.__doc__)
    parser.add_argument("run", help="a run such as TrainFlow/12, or a bundle id, or its first 8 letters")
    parser.add_argument("--reason", required=True, help="why, in a sentence")
    parser.add_argument("--config", type=Path, default=Path("config.toml"), help="names the store")
    options = parser.parse_args(arguments)
    person = os.environ.get("METAFLOW_USER") or os.environ.get("USER", "")
    try:
        entry = approve(of_project(options.config), options.run, by=person, why=options.reason)
    except FlowprintError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(
        f"Entry {entry.number}: {entry.by} approves bundle {entry.bundle_id[:12]} of {entry.run}.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
