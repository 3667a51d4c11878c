"""Requests of a few rows that come at the same moment are scored in one call, which costs little more than one row."""

from __future__ import annotations

import asyncio
from collections.abc import Sized

from components.serving.answers import RequestError
from components.serving.scoring import Admitted, Scored, Scorer

FEW = 64
"""Requests of more rows are scored by themselves."""


class Together:
    """Scores admitted requests; used by the event loop alone.

    A request waits until those that the loop is to run at once have been read, which is no time; one that is alone does
    not wait at all.

    Args:
        scorer: scores them.

    Attributes:
        tasks: the requests that the loop has in hand; without it, each is scored by itself.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._waiting: list[tuple[Admitted, asyncio.Future[Scored | RequestError]]] = []
        self.tasks: Sized = ()

    async def score(self, request: Admitted) -> Scored:
        """What the request is answered.

        Raises:
            RequestError: strict logging failed.
        """
        if len(self.tasks) < 2 or request.table.rows > FEW:
            (said,) = self._scorer.score([request])
        else:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[Scored | RequestError] = loop.create_future()
            if not self._waiting:
                loop.call_soon(self._score)
            self._waiting.append((request, future))
            said = await future
        if isinstance(said, RequestError):
            raise said
        return said

    def _score(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            answers = self._scorer.score([request for request, _ in waiting])
        except Exception as error:
            for _, future in waiting:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), said in zip(waiting, answers, strict=True):
            if not future.done():  # a client may have gone away
                future.set_result(said)
