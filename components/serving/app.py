"""The server's application, as raw ASGI: it reads a request within its limits, and answers it."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import secrets
from collections.abc import Awaitable, Callable, MutableMapping, Sized
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING, Any

from components.serving import events
from components.serving.answers import REQUEST_ID, Answer, RequestError
from components.serving.endpoints import POSTS, Endpoint, Endpoints, Request
from components.serving.scoring import Scorer
from components.serving.together import Together
from components.serving.traffic import Traffic

if TYPE_CHECKING:
    from components.serving.deployment import Deployment
    from components.serving.metrics import Metrics
    from components.serving.prediction_log import PredictionLog
    from components.serving.settings import ServingSettings
    from components.serving.shadow import Shadow

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

INLINE_BYTES = 32_768
"""Longer bodies are worked on in a thread, so that probes and short requests are answered meanwhile."""

RETRY = ((b"retry-after", b"1"),)
"""For those who may come again."""

WHOLE_MESSAGE = "serving.whole_message"
"""In the scope of a request that has come whole, so that nobody waits for its body."""

_CLOSE = (b"connection", b"close")


class App:
    """The ASGI application of one worker.

    Args:
        deployment: the models in service.
        log: keeps every prediction.
        metrics: what the worker counts.
        settings: of the server.
        token: what clients must bear; "" if nobody asks for one.

    Attributes:
        ready: whether new requests are wanted; probes are told.
        draining: whether connections are closed after their answer.
    """

    def __init__(
        self,
        deployment: Deployment,
        log: PredictionLog,
        metrics: Metrics,
        settings: ServingSettings,
        token: str = "",
    ) -> None:
        self._settings, self._token = settings, token.encode()
        self._traffic = Traffic(metrics)
        self._scorer = Scorer(deployment, log, settings, metrics)
        self._together = Together(self._scorer)
        self._endpoints = Endpoints(
            deployment, self._scorer, settings, metrics, lambda: self.ready, token=bool(token)
        )
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._prefix, self._numbers = secrets.token_hex(8).encode(), itertools.count(1)
        self._in_flight = self._waiting = self._held_bytes = 0
        self.ready, self.draining = True, False

    @property
    def timeout_seconds(self) -> float:
        """How long a client may take to send the headers, and how long to send the body."""
        return self._settings.timeout_seconds

    @property
    def max_connections(self) -> int:
        """The most connections at a time."""
        return self._settings.max_connections

    @property
    def in_flight(self) -> int:
        """The requests that are being answered."""
        return self._in_flight

    @property
    def shadow(self) -> Shadow:
        """What scores beside the champion."""
        return self._scorer.shadow

    def watch(self, tasks: Sized) -> None:
        """Know the requests that the event loop has in hand, so that those of a moment are scored together."""
        self._together.tasks = tasks

    def close(self) -> None:
        """Return when what goes on beside the answers has ended."""
        self._scorer.shadow.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id")
        if given is None or not REQUEST_ID.fullmatch(given):
            given = b"%b-%x" % (self._prefix, next(self._numbers))
        route, unread, waits, body = "other", True, 0, b""
        self._in_flight += 1
        try:
            endpoint = self._endpoints.find(scope["path"])
            route = endpoint.route
            self._admit(endpoint, scope["method"], headers)
            if endpoint.methods == POSTS:
                waits = 1
                self._waiting += 1
                came = await self._body(scope, receive, headers)
                if came is None:
                    return
                body, unread = came, False
                self._held_bytes += len(body)
            else:
                unread = WHOLE_MESSAGE not in scope  # nobody waits for what is not wanted
            answer = await self._answer(endpoint, Request(headers, body, given.decode()))
        except RequestError as error:
            answer = self.refusal(error, route)
        except Exception as error:  # a client is told that it failed, and the server goes on
            answer = self._failure(error, route, given.decode())
        finally:
            self._in_flight -= 1
            self._waiting -= waits
            self._held_bytes -= len(body)
        self._traffic.answered(route, answer.status, perf_counter() - started)
        sent = [
            (b"content-type", answer.content_type),
            (b"content-length", b"%d" % len(answer.body)),
            (b"x-request-id", given),
            *answer.headers,
        ]
        if unread or self.draining:
            sent.append(_CLOSE)  # also where a body was not read: what is left of it is no request
        await send({"type": "http.response.start", "status": answer.status, "headers": sent})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, endpoint: Endpoint, request: Request) -> Answer:
        if endpoint.slow or len(request.body) > INLINE_BYTES:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._worked, endpoint, request)
        said = endpoint.answer(request)
        if isinstance(said, Answer):
            return said
        return said.answer(await self._together.score(said.admitted))

    def _worked(self, endpoint: Endpoint, request: Request) -> Answer:
        """The answer to a long request, without the event loop."""
        said = endpoint.answer(request)
        if isinstance(said, Answer):
            return said
        (scored,) = self._scorer.score([said.admitted])
        if isinstance(scored, RequestError):
            raise scored
        return said.answer(scored)

    def _admit(self, endpoint: Endpoint, method: str, headers: dict[bytes, bytes]) -> None:
        """None, if the request may be answered.

        Raises:
            RequestError: the token or the method is another, or too many requests are in flight.
        """
        if not endpoint.probe:
            if self._token and not self._bears_token(headers.get(b"authorization", b"")):
                raise RequestError(
                    401,
                    "A bearer token is wanted; send it as Authorization: Bearer.",
                    reason="token",
                    headers=((b"www-authenticate", b"Bearer"),),
                )
            if self._waiting >= self._settings.max_waiting and endpoint.methods == POSTS:
                raise RequestError(503, "The server is busy; try again.", reason="queue", headers=RETRY)
        if method not in endpoint.methods:
            raise RequestError(
                405,
                f"The method is {method[:20]}; this path knows {' and '.join(endpoint.methods)}.",
                headers=((b"allow", ", ".join(endpoint.methods).encode()),),
            )

    def _bears_token(self, authorization: bytes) -> bool:
        scheme, _, given = authorization.partition(b" ")
        return hmac.compare_digest(given.strip(), self._token) and scheme.lower() == b"bearer"

    async def _body(self, scope: Scope, receive: Receive, headers: dict[bytes, bytes]) -> bytes | None:
        """The whole body; None if the client went away.

        Raises:
            RequestError: it is too long, is compressed, comes too slowly, or there is no room for it now.
        """
        if b"content-encoding" in headers and headers[b"content-encoding"].lower() != b"identity":
            raise RequestError(415, "The body is compressed; send it as it is.")
        most, announced = self._settings.max_body_bytes, int(headers.get(b"content-length", b"0"))
        if announced > most:
            raise _too_long(most)
        self._require_room(announced)
        message = await receive() if WHOLE_MESSAGE in scope else None
        if message and message["type"] == "http.request" and not message["more_body"]:
            if len(message["body"]) > most:
                raise _too_long(most)
            whole: bytes = message["body"]
            return whole
        return await self._parts(receive, message, most)

    async def _parts(self, receive: Receive, message: Message | None, most: int) -> bytes | None:
        """The body in its parts, each of which may have to be waited for."""
        parts: list[bytes] = []
        length, more = 0, True
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        late = False

        def end() -> None:
            nonlocal late
            late = task.cancel()

        timer = loop.call_later(self.timeout_seconds, end)
        try:
            while more:
                message = message or await receive()
                if message["type"] == "http.disconnect":
                    return None
                parts.append(message["body"])
                length, more = length + len(parts[-1]), message["more_body"]
                self._held_bytes += len(parts[-1])
                if length > most:
                    raise _too_long(most)
                self._require_room(0)
                message = None
        except asyncio.CancelledError:
            if not late:
                raise  # somebody else ends the request
            task.uncancel()
            told = f"The body did not come within {self.timeout_seconds:g} s."
            raise RequestError(408, told, reason="timeout") from None
        finally:
            timer.cancel()
            self._held_bytes -= length
        return b"".join(parts)

    def _require_room(self, announced: int) -> None:
        if self._held_bytes + announced > self._settings.held_bytes:
            told = "The server holds as many long requests as it may; try again."
            raise RequestError(503, told, reason="memory", headers=RETRY)

    def refusal(self, error: RequestError, route: str) -> Answer:
        """The answer to a request that is refused, which is told and counted."""
        events.refused(route, error.status, error.reason)
        if error.reason:
            self._traffic.rejected(error.reason)
        return error.answer()

    def _failure(self, error: Exception, route: str, request_id: str) -> Answer:
        events.tell("error", "request failed", route=route, request_id=request_id, **events.failed(error))
        return RequestError(500, f"The server failed; its log tells where, under {request_id}.").answer()


def _too_long(most: int) -> RequestError:
    return RequestError(
        413, f"The body is longer than {most:,} bytes (serving.max_body_bytes).", reason="body"
    )
