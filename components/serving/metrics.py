"""What a server counts, for Prometheus: one memory-mapped file of doubles a worker, added up by whoever is asked.

A file outlives its worker, so that what an ended worker counted is kept. Behind the doubles stand lines that name each
series and say where its doubles are. The whole file is allocated at the start: a disk that fills up later costs nothing.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

CELLS = 16_384
"""Doubles of a worker; series beyond them are not counted."""

MANY = 32
"""From so many observations on, they are counted at once."""

NAMES_BYTES = 1 << 20
"""What the lines that name the series may take; series beyond them are not counted either."""

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Kind = Literal["counter", "gauge", "histogram"]
Over = Literal["all", "running", "most"]
"""Over which workers a series is added up: all that ever were, or those that run; or the greatest of those that run."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Metric:
    """A name that Prometheus knows: what it is, and how workers are put together."""

    name: str
    kind: Kind
    help: str
    over: Over = "all"


METRICS = (
    Metric("serving_requests_total", "counter", "Requests that were answered, by route and status."),
    Metric(
        "serving_request_seconds", "histogram", "From the first byte of a request to its answer, in seconds."
    ),
    Metric("serving_requests_in_flight", "gauge", "Requests that are being answered.", "running"),
    Metric("serving_requests_rejected_total", "counter", "Requests beyond a limit, by the limit."),
    Metric("serving_rows_total", "counter", "Rows that were answered, by variant."),
    Metric(
        "serving_rows_refused_total", "counter", "Rows that break a rule of the contract, by column and rule."
    ),
    Metric("serving_predictions_total", "counter", "Predictions, by variant and decision."),
    Metric("serving_score", "histogram", "The scores of predictions, by variant and version."),
    Metric("serving_model_info", "gauge", "1 for each model in service.", "most"),
    Metric("serving_model_created_timestamp_seconds", "gauge", "When the model in service was made.", "most"),
    Metric("serving_model_refused", "gauge", "1 while a newer deployment is refused.", "most"),
    Metric("serving_model_swaps_total", "counter", "How often another deployment took over.", "most"),
    Metric("serving_log_failing", "gauge", "1 while predictions cannot be logged.", "most"),
    Metric("serving_log_lost_total", "counter", "Predictions that were not logged."),
    Metric("serving_log_bytes_total", "counter", "What was written to the prediction log, in bytes."),
    Metric("serving_shadow_disagreements_total", "counter", "Rows on which the shadow decided otherwise."),
    Metric("serving_shadow_skipped_total", "counter", "Requests that the shadow did not score."),
    Metric("serving_ready", "gauge", "1 while requests are wanted.", "most"),
    Metric("serving_workers", "gauge", "Processes that answer.", "running"),
    Metric("process_resident_memory_bytes", "gauge", "Memory of each worker, in bytes.", "running"),
)

_BY_NAME = {metric.name: metric for metric in METRICS}


class Histogram:
    """Counts of observations between bounds, and their sum."""

    __slots__ = ("_bounds", "_cells", "_first")

    def __init__(self, cells: memoryview[float], first: int, bounds: Sequence[float]) -> None:
        self._cells, self._first, self._bounds = cells, first, bounds

    def observe(self, value: float) -> None:
        """Count one value."""
        cells, first, bounds = self._cells, self._first, self._bounds
        cells[first + bisect_left(bounds, value)] += 1.0
        cells[first + len(bounds) + 1] += value

    def observe_all(self, values: Sequence[float]) -> None:
        """Count several values."""
        if len(values) < MANY:
            for value in values:
                self.observe(value)
            return
        cells, first, bounds = self._cells, self._first, self._bounds
        array = np.fromiter(values, np.float64, len(values))
        for place, count in enumerate(np.bincount(np.searchsorted(bounds, array)).tolist()):
            cells[first + place] += count
        cells[first + len(bounds) + 1] += float(array.sum())


class Metrics:
    """The counts of one worker, and the text of all workers of its server.

    Series may be made by any thread; of those that add to one series, each has its turn.

    Args:
        folder: what the workers of one server share.
        worker: the number of this one.

    Attributes:
        before: called before the text is made, so that it tells what this worker is like at the moment.
    """

    def __init__(self, folder: Path, worker: int = 0) -> None:
        self._folder = Path(folder)
        path = self._folder / f"{worker}-{os.getpid()}.values"
        self._file = path.open("w+b")
        fcntl.flock(self._file, fcntl.LOCK_EX)  # held as long as this process lives
        # Writing to a mapped file that finds no room on the disk would kill the process.
        os.posix_fallocate(self._file.fileno(), 0, 8 * CELLS + NAMES_BYTES)
        self._map = mmap.mmap(self._file.fileno(), 8 * CELLS + NAMES_BYTES)
        self._cells = memoryview(self._map)[: 8 * CELLS].cast("d")
        self._path = path
        self._named = 8 * CELLS
        self._used = 2  # the first ones take what finds no place
        self._places: dict[tuple[str, Labels], int] = {}
        self._histograms: dict[tuple[str, Labels], Histogram] = {}
        self._making = threading.Lock()
        self.before: Callable[[], None] = lambda: None

    def place(self, name: str, **labels: str) -> int:
        """Where the series is; made if it is new."""
        key = (name, tuple(labels.items()))
        found = self._places.get(key)
        return self._made(key, 1, ()) if found is None else found

    def add(self, place: int, amount: float = 1.0) -> None:
        """Add to the series at a place."""
        self._cells[place] += amount

    def set(self, place: int, value: float) -> None:
        """Let the series at a place have the value."""
        self._cells[place] = value

    def histogram(self, name: str, bounds: Sequence[float], **labels: str) -> Histogram:
        """A histogram with these upper bounds; made if it is new."""
        key = (name, tuple(labels.items()))
        if key not in self._histograms:
            first = self._made(key, len(bounds) + 2, bounds)
            # Without a place, what is observed goes where nobody reads it.
            self._histograms[key] = Histogram(self._cells, first, bounds if first else ())
        return self._histograms[key]

    def _made(self, key: tuple[str, Labels], cells: int, bounds: Sequence[float]) -> int:
        with self._making:
            if key in self._places:
                return self._places[key]
            line = json.dumps([key[0], key[1], self._used, list(bounds)]).encode() + b"\n"
            end = self._named + len(line)
            if self._used + cells > CELLS or end > len(self._map):
                return 0
            first, self._used = self._used, self._used + cells
            self._map[self._named : end], self._named = line, end
            self._places[key] = first
            return first

    def text(self) -> str:
        """Every series of the server in Prometheus' text format."""
        self.before()
        return rendered(self._folder)

    def close(self) -> None:
        """Let others see that this worker runs no more; what it counted stays."""
        fcntl.flock(self._file, fcntl.LOCK_UN)  # closing does not: the mapping keeps the file open
        self._file.close()


@dataclass(frozen=True)
class _Series:
    """A series of one worker."""

    name: str
    labels: Labels
    bounds: tuple[float, ...]
    cells: tuple[float, ...]


def rendered(folder: Path) -> str:
    """The text of all workers that shared a folder."""
    values: dict[tuple[str, Labels], list[float]] = {}
    bounds: dict[tuple[str, Labels], tuple[float, ...]] = {}
    running = 0
    for path in sorted(folder.glob("*.values")):
        alive = _alive(path)
        running += alive
        for series in [*_series(path), *(_memory(path) if alive else ())]:
            metric = _BY_NAME[series.name]
            key = (series.name, series.labels)
            if not alive and metric.over != "all":
                continue
            if key not in values or bounds[key] != series.bounds:
                values[key], bounds[key] = list(series.cells), series.bounds
            elif metric.over == "most":
                values[key] = [max(pair) for pair in zip(values[key], series.cells, strict=True)]
            else:
                values[key] = [sum(pair) for pair in zip(values[key], series.cells, strict=True)]
    values["serving_workers", ()], bounds["serving_workers", ()] = [float(running)], ()
    return "".join(_lines(values, bounds))


def _lines(
    values: Mapping[tuple[str, Labels], Sequence[float]], bounds: Mapping[tuple[str, Labels], Sequence[float]]
) -> Iterable[str]:
    by_name: dict[str, list[Labels]] = defaultdict(list)
    for name, labels in values:
        by_name[name].append(labels)
    for metric in METRICS:
        if metric.name not in by_name:
            continue
        yield f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n"
        for labels in by_name[metric.name]:
            key = (metric.name, labels)
            if metric.kind == "histogram":
                yield from _histogram_lines(metric.name, labels, bounds[key], values[key])
            elif metric.name != "serving_model_info" or values[key][0]:
                yield f"{metric.name}{_labels(labels)} {_number(values[key][0])}\n"


def _histogram_lines(
    name: str, labels: Labels, bounds: Sequence[float], cells: Sequence[float]
) -> Iterable[str]:
    total = 0.0
    for bound, count in zip((*bounds, float("inf")), cells, strict=False):
        total += count
        le = "+Inf" if bound == float("inf") else _number(bound)
        yield f"{name}_bucket{_labels((*labels, ('le', le)))} {_number(total)}\n"
    yield f"{name}_sum{_labels(labels)} {_number(cells[-1])}\n"
    yield f"{name}_count{_labels(labels)} {_number(total)}\n"


def _series(path: Path) -> Iterable[_Series]:
    content = path.read_bytes()
    cells = memoryview(content)[: 8 * CELLS].cast("d")
    for line in content[8 * CELLS :].partition(b"\0")[0].splitlines():
        try:
            name, labels, first, bounds = json.loads(line)
        except ValueError:
            continue  # the worker is writing it just now, or was killed when it did
        width = len(bounds) + 2 if bounds else 1
        yield _Series(
            name,
            tuple((key, value) for key, value in labels),
            tuple(bounds),
            tuple(cells[first : first + width]),
        )


def _memory(path: Path) -> Iterable[_Series]:
    number, pid = path.stem.split("-")
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return
    size = float(pages * os.sysconf("SC_PAGE_SIZE"))
    yield _Series("process_resident_memory_bytes", (("worker", number),), (), (size,))


def _alive(path: Path) -> bool:
    """Whether the worker still holds its lock."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
