"""Runs the benchmarks beside their peers, prints a line for each and writes them to build/.

python -m benchmarks            # all but memory
python -m benchmarks data flow  # some
python -m benchmarks memory     # adopting, taking in and the flow on 5 million rows, which takes long
"""

import importlib
import json
import os
import sys
from pathlib import Path

from benchmarks.result import Result

MODULES = ("generation", "data", "adopt", "search", "fairness", "flow", "serving", "batch_scoring", "drift")
FOLDER = Path("build")


def main(names: list[str]) -> int:
    results: list[Result] = []
    for name in names or MODULES:
        for result in importlib.import_module(f"benchmarks.{name}").benchmarks():
            print(result.line, flush=True)
            results.append(result)
    FOLDER.mkdir(exist_ok=True)
    output = FOLDER / f"{'-'.join(['bench', *names])}.json"
    measured = {
        "processors": os.cpu_count(),
        "load_average": os.getloadavg(),
        "results": [each.to_json() for each in results],
    }
    output.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    missed = [result.name for result in results if not result.holds]
    print(f"Missed: {'; '.join(missed)}" if missed else "Every goal is met.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
