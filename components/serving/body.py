"""The body of a request, read within its limits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from components.serving.answers import RequestError

RETRY = ((b"retry-after", b"1"),)
"""For those who may come again."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


def require_plain(headers: Mapping[bytes, bytes], length: int, most: int) -> None:
    """None, if a body of this length may be read.

    Args:
        headers: of the request.
        length: what has come of the body.
        most: the longest that is taken, in bytes.

    Raises:
        RequestError: it is compressed, or longer than that, or is announced to be.
    """
    if b"content-encoding" in headers and headers[b"content-encoding"].lower() != b"identity":
        raise RequestError(415, "The body is compressed; send it as it is.")
    if length > most or int(headers.get(b"content-length", b"0")) > most:
        raise _too_long(most)


class Held:
    """The bodies that a worker has in hand, of all its requests together.

    Args:
        most: how many bytes they may be.

    Attributes:
        bytes: how many they are.
    """

    def __init__(self, most: int) -> None:
        self._most, self.bytes = most, 0

    def require_room(self, announced: int) -> None:
        """None, if so many bytes more may be held.

        Raises:
            RequestError: they may not, for now.
        """
        if self.bytes + announced > self._most:
            told = "The server holds as many long requests as it may; try again."
            raise RequestError(503, told, reason="memory", headers=RETRY)


async def whole(
    receive: Receive, message: Message | None, most: int, seconds: float, held: Held
) -> bytes | None:
    """The whole body from its parts, each of which may have to be waited for; None if the client went away.

    Args:
        receive: ASGI's.
        message: the first part, if it was received.
        most: the longest body, in bytes.
        seconds: how long all of it may take.
        held: counts what has come of it, until it is whole.

    Raises:
        RequestError: it is too long, comes too slowly, or there is no room for it now.
    """
    parts: list[bytes] = []
    length, more = 0, True
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    late = False

    def end() -> None:
        nonlocal late
        late = task.cancel()

    timer = loop.call_later(seconds, end)
    try:
        while more:
            message = message or await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message["body"])
            length, more = length + len(parts[-1]), message["more_body"]
            held.bytes += len(parts[-1])
            if length > most:
                raise _too_long(most)
            held.require_room(0)
            message = None
    except asyncio.CancelledError:
        if not late:
            raise  # somebody else ends the request
        task.uncancel()
        told = f"The body did not come within {seconds:g} s."
        raise RequestError(408, told, reason="timeout") from None
    finally:
        timer.cancel()
        held.bytes -= length
    return b"".join(parts)


def _too_long(most: int) -> RequestError:
    return RequestError(
        413, f"The body is longer than {most:,} bytes (serving.max_body_bytes).", reason="body"
    )
