"""The body of a request, read within its limits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from components.serving.answers import RequestError

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


async def whole(receive: Receive, message: Message | None, most: int, seconds: float) -> bytes | None:
    """The whole body from its parts, each of which may have to be waited for; None if the client went away.

    Args:
        receive: ASGI's.
        message: the first part, if it was received.
        most: the longest body, in bytes.
        seconds: how long all of it may take.

    Raises:
        RequestError: it is too long, or comes too slowly.
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
            if length > most:
                raise _too_long(most)
            message = None
    except asyncio.CancelledError:
        if not late:
            raise  # somebody else ends the request
        task.uncancel()
        told = f"The body did not come within {seconds:g} s."
        raise RequestError(408, told, reason="timeout") from None
    finally:
        timer.cancel()
    return b"".join(parts)


def _too_long(most: int) -> RequestError:
    return RequestError(
        413, f"The body is longer than {most:,} bytes (serving.max_body_bytes).", reason="body"
    )
