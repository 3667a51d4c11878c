"""Requests over connections that are kept, each counted: answered, refused, or lost with its connection."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Counted:
    """What became of the requests.

    Attributes:
        sent: how many were sent.
        answered: the ids of those that got a 200.
        failed: when each other one failed, seconds of time.monotonic, with the reason.
    """

    sent: int = 0
    answered: set[str] = field(default_factory=set)
    failed: list[tuple[float, str]] = field(default_factory=list)

    @property
    def reasons(self) -> dict[str, int]:
        """How many failed for each reason."""
        return dict(Counter(why for _, why in self.failed))


async def requests(
    port: int, body: dict[str, Any], *, connections: int, until: Callable[[], bool], name: str
) -> Counted:
    """Send the body over and over, without a pause, until it is enough.

    Args:
        port: of this machine.
        body: of each request to /invocations, as JSON.
        connections: how many are open at a time, one request on each.
        until: whether it is enough.
        name: begins the id of every request.
    """
    counted, content = Counted(), json.dumps(body).encode()

    async def one(place: int) -> None:
        reader = writer = None
        number = 0
        while not until():
            number += 1
            request_id = f"{name}-{place}-{number}"
            head = (
                f"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                f"X-Request-Id: {request_id}\r\nContent-Length: {len(content)}\r\n\r\n"
            )
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                counted.sent += 1
                writer.write(head.encode() + content)
                status, closes = await _answer(reader)
            except (OSError, asyncio.IncompleteReadError) as error:
                counted.failed.append((time.monotonic(), type(error).__name__))
                writer = None
                continue
            if status == 200:
                counted.answered.add(request_id)
            else:
                counted.failed.append((time.monotonic(), str(status)))
            if closes:
                writer.close()
                writer = None
        if writer is not None:
            writer.close()

    await asyncio.gather(*(one(place) for place in range(connections)))
    return counted


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """The status of an answer that is read whole, and whether the connection ends with it."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
    await reader.readexactly(length)
    return int(head[9:12]), b"connection: close" in head
