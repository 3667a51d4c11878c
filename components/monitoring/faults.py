"""What is wrong with a log itself, by the moment to which it belongs: a window's account is the same whenever it is made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Faults:
    """Counts by moment, in seconds since 1970.

    A line that cannot be read belongs to the moment of the sound line before it in its segment, else of the one after it,
    else of the segment's begin.

    Attributes:
        damaged: lines, segments and parts that could not be read.
        ahead: predictions whose own clock was ahead of the day on which they were written; they are in no window.
        backwards: lines older than the one before in their segment, by their own moment.
        future: predictions that say they were made after they were read; which window they belong to is not known yet.
    """

    damaged: Counter[float] = field(default_factory=Counter)
    ahead: Counter[float] = field(default_factory=Counter)
    backwards: Counter[float] = field(default_factory=Counter)
    future: int = 0

    def within(self, since: datetime, until: datetime) -> tuple[int, int, int]:
        """How many were damaged, ahead and backwards from a moment on and before another."""
        first, end = since.timestamp(), until.timestamp()
        damaged, ahead, backwards = (
            sum(count for moment, count in each.items() if first <= moment < end)
            for each in (self.damaged, self.ahead, self.backwards)
        )
        return damaged, ahead, backwards

    def __add__(self, other: Faults) -> Faults:
        """Those of two logs."""
        return Faults(
            self.damaged + other.damaged,
            self.ahead + other.ahead,
            self.backwards + other.backwards,
            self.future + other.future,
        )
