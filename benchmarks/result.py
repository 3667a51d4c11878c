"""One measurement beside its peer's, and how the two are timed."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any


@dataclass(frozen=True)
class Result:
    """What was measured of ours and of a peer.

    Attributes:
        name: What was measured, and at which size.
        ours: In ``unit``.
        peer: In ``unit``; None where there is nothing to compare with.
        goal: The ratio of ours to the peer's that is allowed at most; None where nothing is asked.
        peer_name: What the peer does.
        unit: Seconds by default.
        note: What a reader must know.
    """

    name: str
    ours: float
    peer: float | None = None
    goal: float | None = None
    peer_name: str = ""
    unit: str = "s"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours by the peer's: below 1 ours is quicker."""
        return None if self.peer is None else self.ours / self.peer

    @property
    def holds(self) -> bool:
        """Whether the goal is met; so it is where there is none."""
        return self.goal is None or (self.ratio is not None and self.ratio <= self.goal)

    @property
    def line(self) -> str:
        """One line: ours, the peer's, the ratio against its goal."""
        line = f"{self.name:<58} {self.ours:>8.3g} {self.unit:<3}"
        if self.peer is not None:
            line += f" {self.peer_name:<44} {self.peer:>8.3g}  ratio {self.ratio:>7.3g}"
        if self.goal is not None:
            line += f"  goal {self.goal:<6.3g} {'holds' if self.holds else 'MISSED'}"
        return f"{line}\n    {self.note}" if self.note else line

    def to_json(self) -> dict[str, Any]:
        """Every attribute, the ratio and the verdict."""
        return {**asdict(self), "ratio": self.ratio, "holds": self.holds}


def seconds(action: Callable[[], object]) -> float:
    """How long a call takes."""
    started = perf_counter()
    action()
    return perf_counter() - started


def in_turns(ours: Callable[[], object], peer: Callable[[], object], turns: int) -> tuple[float, float]:
    """The median seconds of both, taken in turns after one turn that only warms up.

    What else the machine does slows both alike.
    """
    seconds(ours), seconds(peer)
    return medians([(seconds(ours), seconds(peer)) for _ in range(turns)])


def medians(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The median of the first and of the second figures."""
    ours, peer = zip(*pairs, strict=True)
    return statistics.median(ours), statistics.median(peer)
