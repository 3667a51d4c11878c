"""Where the loop is, in a terminal: a line for each chapter that ended, and a living one for the chapter that goes on."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TextIO

SIGNS = {"good": "✓", "alarm": "!", "blocked": "✓", "failed": "✗", "skipped": "–"}
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_TICK_SECONDS = 0.2


class Display:
    """Tells chapters as they begin, go on and end.

    Args:
        chapters: how many there are at the most.
        counters: what is told beside the chapter that goes on, such as requests so far.
        out: where to; a line is rewritten in place only on a terminal.
    """

    def __init__(self, chapters: int, counters: Callable[[], str], out: TextIO | None = None) -> None:
        self._chapters, self._counters, self._out = chapters, counters, out or sys.stdout
        self._lives = self._out.isatty()
        self._lock = threading.Lock()
        self._title = self._said = ""
        self._number = 0
        self._started = self._began = monotonic()

    def say(self, text: str) -> None:
        """What the chapter that goes on has come to; shown on a terminal alone."""
        self._said = " ".join(text.split())

    def line(self, text: str) -> None:
        """A line that stays."""
        with self._lock:
            self._clear()
            self._out.write(f"{text}\n")
            self._out.flush()

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        """While a chapter goes on."""
        self._number += 1
        self._title, self._said, self._began = title, "", monotonic()
        done = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(done,), daemon=True)
        ticker.start()
        try:
            yield
        finally:
            done.set()
            ticker.join()

    def ended(self, status: str, said: str) -> None:
        """How the chapter ended."""
        took = _clock(monotonic() - self._began)
        self.line(
            f" {SIGNS[status]} {took:>5}  {self._title}: {said}"
            if said
            else f" {SIGNS[status]} {took:>5}  {self._title}"
        )

    def _tick(self, done: threading.Event) -> None:
        if not self._lives:
            return
        turn = 0
        while not done.wait(_TICK_SECONDS):
            turn += 1
            total, now = _clock(monotonic() - self._started), _clock(monotonic() - self._began)
            spinner = _SPINNER[turn % len(_SPINNER)]
            told = f" {spinner} {now:>5}  [{self._number}/{self._chapters}] {self._title}  ·  {total} in all  ·  {self._counters()}"
            if self._said:
                told += f"  ·  {self._said}"
            with self._lock:
                width = shutil.get_terminal_size().columns - 1
                self._clear()
                self._out.write(told if len(told) <= width else told[: width - 1] + "…")
                self._out.flush()

    def _clear(self) -> None:
        if self._lives:
            self._out.write("\r\x1b[K")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
