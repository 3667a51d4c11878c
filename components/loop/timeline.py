"""What happened in the loop, in its order; every event names the evidence by which it can be looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Lane = Literal["training", "deployment", "traffic", "monitoring", "blocked"]
Status = Literal["good", "alarm", "blocked", "failed", "skipped"]


@dataclass(frozen=True)
class Evidence:
    """Where an event can be looked up.

    Attributes:
        text: what it is, such as "run report" or "ledger 7".
        href: its place, seen from the timeline's page.
    """

    text: str
    href: str


@dataclass(frozen=True)
class Event:
    """Something that happened.

    Attributes:
        start: seconds after the loop began.
        end: seconds after the loop began.
        when: the period of the story, such as "2016".
        lane: of the picture.
        status: "good" if it went as it should; "alarm"; "blocked" if something bad was kept out; "failed" if the loop's
            promise was broken, or a command failed; "skipped" if it could not be shown.
        title: what was done.
        said: what came of it, in a sentence.
        evidence: at least one, unless it was skipped.
    """

    start: float
    end: float
    when: str
    lane: Lane
    status: Status
    title: str
    said: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Answered:
    """Rows that were answered in one second.

    Attributes:
        second: after the loop began.
        bundle_id: of the model that answered.
        rows: how many.
    """

    second: int
    bundle_id: str
    rows: int


@dataclass
class Timeline:
    """All that is told in the end.

    Attributes:
        project: its name.
        events: in their order.
        answered: who answered when, from the prediction log.
        models: by bundle id, what each is called.
        promises: what the loop holds itself to, and whether it was kept.
    """

    project: str
    events: list[Event] = field(default_factory=list)
    answered: Sequence[Answered] = ()
    models: dict[str, str] = field(default_factory=dict)
    promises: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def judged(self) -> list[tuple[str, bool]]:
        """Every promise, and that no event failed: one may, by which no promise is broken."""
        return [*self.promises, ("no chapter failed", all(event.status != "failed" for event in self.events))]

    @property
    def kept(self) -> bool:
        """Whether every promise was kept, there was one, and no event failed."""
        return bool(self.promises) and all(kept for _, kept in self.judged)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max((event.end for event in self.events), default=0.0)
