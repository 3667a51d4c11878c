"""The order of a model's life; each chapter is done with the commands that a person would type."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic

from components.errors import FlowprintError
from components.loop import attacks, birth, endings, seasons
from components.loop.display import Display
from components.loop.timeline import Event, Lane
from components.loop.world import BrokenOffError, Lived, Result, World


class Life:
    """A model's life.

    Args:
        world: in which it is lived.
        display: tells where it is.
    """

    def __init__(self, world: World, display: Display) -> None:
        self._world, self._display = world, display
        self._when = f"until {world.past.until[:10]}"

    def live(self) -> None:
        """Everything, in its order.

        Raises:
            BrokenOffError: it cannot go on, after the reason was told.
        """
        try:
            self._born()
            for number, lived in enumerate(self._world.lived):
                self._pass(lived, number)
            self._attacked()
            self._returned()
        finally:
            self._world.close()

    def _born(self) -> None:
        self._do(f"train on {self._when.removeprefix('until ')}", "training", birth.train)
        self._do("deploy", "deployment", birth.deploy)
        self._do("serve", "deployment", birth.serve)

    def _pass(self, lived: Lived, number: int) -> None:
        """One period: traffic, a look before labels, labels, a look after, and what follows from it."""
        self._when = lived.name
        following = self._world.lived[number + 1 :]
        if not following:
            self._do("A/B: the model before keeps a share", "deployment", seasons.split)
        before = partial(seasons.monitor, lived=lived, stage="served")
        self._do(f"{lived.name} as traffic", "traffic", partial(seasons.send, lived=lived))
        self._do(f"monitor {lived.name} before labels", "monitoring", before)
        self._do(f"labels of {lived.name} arrive, monitor", "monitoring", partial(seasons.label, lived=lived))
        if following:
            again = partial(seasons.retrain, lived=lived, following=following[0], first=number == 0)
            self._do("retrain, under traffic", "training", again)

    def _attacked(self) -> None:
        self._when = f"after {self._world.lived[-1].name}"
        self._do("a bad batch is sent", "blocked", attacks.bad_batch)
        self._do("a bad table is to be scored", "blocked", attacks.bad_table)
        self._do("a bad model is trained", "blocked", attacks.bad_model)

    def _returned(self) -> None:
        self._do("roll back, under traffic", "deployment", endings.roll_back)
        self._do("stop the server, count its log", "traffic", endings.count)
        self._do("verify the ledger and the champion's bundle", "deployment", endings.verify)

    def _do(self, title: str, lane: Lane, action: Callable[[World], Result]) -> None:
        world = self._world
        start = monotonic() - world.began
        with self._display.chapter(title):
            try:
                result, broken = action(world), None
            except FlowprintError as error:
                result, broken = Result("failed", str(error)), error
        end = monotonic() - world.began
        world.timeline.events.append(
            Event(start, end, self._when, lane, result.status, title, result.said, result.evidence)
        )
        self._display.ended(result.status, result.said)
        if broken:
            world.promise("the loop came to its end", kept=False)
            raise BrokenOffError(str(broken)) from broken
