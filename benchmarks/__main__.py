"""Runs every benchmark side by side with its peer, prints the table and writes build/bench.json."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

MODULES = ("generation", "data", "search", "fairness", "flow")
OUTPUT = Path("build/bench.json")


def main(names: list[str]) -> int:
    results: list[dict[str, Any]] = []
    for name in names or MODULES:
        results += importlib.import_module(f"benchmarks.{name}").benchmarks()
        print(line(results[-1]), flush=True)
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print("\n".join(line(result) for result in results))
    return 0 if all(result["holds"] for result in results) else 1


def line(result: dict[str, Any]) -> str:
    """One benchmark in one line: ours, the peer's, the ratio against its goal."""
    verdict = "holds" if result["holds"] else "MISSED"
    return (
        f"{result['name']:<46} {result['ours']:>9.3g} {result['unit']:<3} {result['peer_name']:<44}"
        f" {result['peer']:>9.3g}  ratio {result['ratio']:>7.3g}  goal {result['goal']:<6g} {verdict}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
