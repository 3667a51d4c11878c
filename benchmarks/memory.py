"""The memory that adopting, taking in and dividing 5 million rows of 30 columns take, and the training flow on as many.

The table of 30 columns is a CSV and a Parquet file; each phase is a process of its own, of which the kernel tells the most
that it had resident. For the flow the sample is grown to that size; the settings are the project's but for the source and
for ``search.max_rows``: the search of a random forest on all rows takes hours on one processor. BENCHMARK_ROWS and
BENCHMARK_MAX_ROWS (0 for all rows) choose otherwise. It has no goal.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks import size
from benchmarks.flow import FLOW, environment, project
from benchmarks.result import Result
from benchmarks.tables import people

ROWS = int(os.environ.get("BENCHMARK_ROWS", 5_000_000))
MAX_ROWS = int(os.environ.get("BENCHMARK_MAX_ROWS", 20_000))
SOURCE, GROWN = "data/acs_employment_ma_18_64.parquet", "data/grown.parquet"
EVERY_SECONDS = 0.2
GIGABYTE = 1 << 30


@dataclass
class Seen:
    """The most that was seen of a process, and of all processes together."""

    by_process: dict[int, tuple[str, float, float]] = field(default_factory=dict)
    together: float = 0.0

    def look(self, parent: psutil.Process) -> None:
        """Once, at the parent and all that it has started."""
        total = 0.0
        for process in [parent, *parent.children(recursive=True)]:
            try:
                resident, used, words = (
                    process.memory_info().rss,
                    process.cpu_times(),
                    " ".join(process.cmdline()),
                )
            except psutil.Error:  # it has just ended
                continue
            total += resident
            _, most, _ = self.by_process.get(process.pid, ("", 0.0, 0.0))
            self.by_process[process.pid] = (role(words), max(most, resident), used.user + used.system)
        self.together = max(self.together, total)


def role(command: str) -> str:
    """What a process of a flow does: a step, a step's card, or all the rest."""
    if found := re.search(r" card create \S+?/(\w+)/\d+ ", command):
        return f"card of {found[1]}"
    found = re.search(r" step (\w+) ", command)
    return f"step {found[1]}" if found else "other"


def watched(folder: Path, command: tuple[str, ...], output: Path) -> tuple[Seen, float]:
    """What was seen while the command ran, and how many seconds it took.

    Raises:
        SystemExit: It failed; what it said is in ``output``.
    """
    seen, started = Seen(), time.perf_counter()
    with output.open("w", encoding="utf-8") as said:
        running = subprocess.Popen(
            [sys.executable, *command], cwd=folder, env=environment(folder), stdout=said, stderr=said
        )
        parent = psutil.Process(running.pid)
        while running.poll() is None:
            seen.look(parent)
            time.sleep(EVERY_SECONDS)
    if running.returncode:
        raise SystemExit(f"The flow failed:\n{output.read_text(encoding='utf-8')[-3000:]}")
    return seen, time.perf_counter() - started


def benchmarks() -> Iterator[Result]:
    """The phases before anything is trained, by format, and then the flow."""
    yield from phases()
    yield from flow()


def phases() -> Iterator[Result]:
    """The most that each phase had resident, which the size of the rows in memory is told beside."""
    with tempfile.TemporaryDirectory() as name:
        size.peak("benchmarks.size", "table", name, str(ROWS))
        for form in size.FORMS:
            found = size.peaks(Path(name), form)
            rows = f"The rows alone take {found.pop('table') / GIGABYTE:.2g} GiB."
            for phase, most_resident in found.items():
                what = f"memory of {phase}, {form}, {ROWS:,} rows x 30"
                yield Result(what, most_resident / GIGABYTE, unit="GiB", note=rows)


def flow() -> Iterator[Result]:
    """The largest of each step's processes, and the most that all had together."""
    with tempfile.TemporaryDirectory() as name:
        folder = project(Path(name) / "project")
        people(ROWS).write_parquet(folder / GROWN)
        settings = folder / "config.toml"
        text = settings.read_text(encoding="utf-8").replace(SOURCE, GROWN)
        text = re.sub(r"^max_rows = .*$", f"max_rows = {MAX_ROWS}", text, flags=re.MULTILINE)
        settings.write_text(text, encoding="utf-8")
        seen, seconds = watched(folder, FLOW, Path(name) / "flow.log")
    told = f"{ROWS:,} rows" + (f", search on {MAX_ROWS:,}" if MAX_ROWS else "")
    steps = sorted(
        {what for what, _, _ in seen.by_process.values() if what.startswith("step")},
        key=lambda step: -most(seen, step),
    )
    parts = ", ".join(f"{step} {most(seen, step):.2g}" for step in steps)
    yield Result(
        f"memory of the largest step, {told}", most(seen, steps[0]), unit="GiB", note=f"In GiB: {parts}."
    )
    yield Result(f"memory of all processes at one time, {told}", seen.together / GIGABYTE, unit="GiB")
    yield Result(f"seconds of the flow, {told}", seconds)


def most(seen: Seen, step: str) -> float:
    """The largest resident size of a step's processes, in GiB."""
    return max(resident for what, resident, _ in seen.by_process.values() if what == step) / GIGABYTE
