"""Requests of a few rows that come at the same moment are scored in one call, which costs little more than one row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sized

from components.serving.answers import RequestError
from components.serving.scoring import Admitted, Scored, Scorer

FEW = 64
"""Requests of more rows are scored by themselves, and no more requests than that wait for others."""

Done = Callable[[Scored | Exception], None]


class Together:
    """Scores admitted requests; used by the event loop alone.

    A request waits until those that the loop is to run at once have been read, which is no time; one that is alone does
    not wait at all.

    Args:
        scorer: scores them.

    Attributes:
        connections: the clients; with one alone, nobody waits.
        tasks: the requests that the loop has in hand; without others, one of these does not wait.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._waiting: list[tuple[Admitted, Done]] = []
        self.connections: Sized = ()
        self.tasks: Sized = ()

    def submit(self, request: Admitted, done: Done) -> None:
        """Score the request, alone or with those of its moment, and hand on what it is answered.

        Args:
            request: was admitted.
            done: is given the predictions, or why there are none.
        """
        if request.table.rows > FEW or (len(self.connections) < 2 and not self._waiting):
            self._score([(request, done)])
        else:
            self._wait(request, done)

    async def score(self, request: Admitted) -> Scored:
        """What the request is answered.

        Raises:
            RequestError: strict logging failed.
        """
        if request.table.rows > FEW or (len(self.tasks) < 2 and not self._waiting):
            (said,) = self._scorer.score([request], asyncio.get_running_loop().call_soon)
            if isinstance(said, RequestError):
                raise said
            return said
        future: asyncio.Future[Scored] = asyncio.get_running_loop().create_future()

        def done(said: Scored | Exception) -> None:
            if future.done():  # a client may have gone away
                return
            if isinstance(said, Exception):
                future.set_exception(said)
            else:
                future.set_result(said)

        self._wait(request, done)
        return await future

    def settle(self) -> None:
        """Score all that wait."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._score(waiting)

    def _wait(self, request: Admitted, done: Done) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.settle)
        self._waiting.append((request, done))
        if len(self._waiting) >= FEW:
            self.settle()

    def _score(self, waiting: list[tuple[Admitted, Done]]) -> None:
        try:
            later = asyncio.get_running_loop().call_soon
            answers = self._scorer.score([request for request, _ in waiting], later)
        except Exception as error:
            for _, done in waiting:
                done(error)
            return
        for (_, done), said in zip(waiting, answers, strict=True):
            done(said)
