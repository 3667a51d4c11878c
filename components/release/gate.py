"""Whether the newest run was approved, as the ledger has it; the command behind `make gate`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.errors import FlowprintError, LedgerError
from components.release.ledger import of_project


def main(arguments: Sequence[str] | None = None) -> int:
    """Say how the newest run was decided, or another by its decision.json; 0 if the ledger has it approved, else 1."""
    parser = argparse.ArgumentParser(prog="python -m components.release.gate", description=main.__doc__)
    parser.add_argument("decision", nargs="?", type=Path, default=Path("build/latest/decision.json"))
    parser.add_argument("--config", type=Path, default=Path("config.toml"), help="names the store")
    options = parser.parse_args(arguments)
    try:
        told = read(options.decision)
        recorded = of_project(options.config).decision(told["run"])
        if recorded is None:
            raise LedgerError(f"The ledger has no decision on run {told['run']}; `make train` records one.")
        facts = {"outcome": recorded.event, "bundle_id": recorded.bundle_id}
        if differing := [key for key, value in facts.items() if told[key] != value]:
            raise LedgerError(
                f"{options.decision} has another {' and '.join(differing)} than entry {recorded.number} of the ledger "
                f"({recorded.event}): it was edited. The ledger counts."
            )
    except FlowprintError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    blocked = ", ".join(
        f"{check['code']} {check['title']}" for check in told["checks"] if check["status"] == "failed"
    )
    sys.stdout.write(f"{recorded.event}, run {recorded.run}{f': blocked by {blocked}' if blocked else ''}\n")
    return 0 if recorded.event == "approved" else 1


def read(path: Path) -> dict[str, Any]:
    """What a decision.json says.

    Raises:
        FlowprintError: there is none, or it is no decision.
    """
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {key: told[key] for key in ("outcome", "run", "bundle_id", "checks")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FlowprintError(
            f"{path}: no decision to read ({type(error).__name__}); `make train` writes one."
        ) from error


if __name__ == "__main__":
    sys.exit(main())
