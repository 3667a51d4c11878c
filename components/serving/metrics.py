"""What a server counts, for Prometheus: one memory-mapped file of doubles a worker, added up by whoever is asked.

A file outlives its worker, so that what an ended worker counted is kept until it is folded into that of the others. The whole
file is allocated at the start: a disk that fills up later costs nothing.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from components.serving.series import CELLS, NAMES_BYTES, Labels, rendered

MANY = 32
"""From so many observations on, they are counted at once."""

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


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
