"""The server's application, as raw ASGI: it reads a request within its limits, and answers it."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sized
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from components.serving import events
from components.serving.answers import REQUEST_ID, Answer, Header, RequestError
from components.serving.body import RETRY, Held, Message, Receive, require_plain, whole
from components.serving.endpoints import POSTS, Endpoint, Endpoints, Question, Request
from components.serving.scoring import Scored, Scorer
from components.serving.together import Together
from components.serving.traffic import Traffic

if TYPE_CHECKING:
    from components.serving.deployment import Deployment
    from components.serving.metrics import Metrics
    from components.serving.prediction_log import PredictionLog
    from components.serving.settings import ServingSettings
    from components.serving.shadow import Shadow

Scope = MutableMapping[str, Any]
Headers = Iterable[Header]
Send = Callable[[Message], Awaitable[None]]

INLINE_BYTES = 32_768
"""Longer bodies are worked on in a thread, so that probes and short requests are answered meanwhile."""

WHOLE_MESSAGE = "serving.whole_message"
"""In the scope of a request that has come whole, so that nobody waits for its body."""

_CLOSE = (b"connection", b"close")


class Client(Protocol):
    """Who is replied to."""

    def reply(self, answer: Answer, request_id: bytes, *, close: bool) -> None:
        """Send the answer, and close the connection behind it if so told."""


class _Taken(msgspec.Struct):
    """A request that is being answered without a task of its own."""

    client: Client
    route: str
    given: bytes
    started: float
    waits: int = 0


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
        self._in_flight = self._waiting = 0
        self._held = Held(settings.held_bytes)
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

    def watch(self, connections: Sized, tasks: Sized) -> None:
        """Know the connections, and the tasks that answer requests, so that those of a moment are scored together."""
        self._together.connections, self._together.tasks = connections, tasks

    def close(self) -> None:
        """Return when what goes on beside the answers has ended."""
        self._scorer.shadow.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        headers = dict(scope["headers"])
        given = self._named(headers)
        route, unread, waits, body = "other", True, 0, b""
        self._in_flight += 1
        try:
            endpoint = self._endpoints.find(scope["path"])
            route = endpoint.route
            self._admit(endpoint, scope["method"], headers)
            if endpoint.methods == POSTS:
                waits = 1
                self._waiting += 1
                try:
                    came = await self._body(scope, receive, headers)
                finally:
                    started = perf_counter()  # how slowly a client sends is not the server's doing
                if came is None:
                    return
                body, unread = came, False
                self._held.bytes += len(body)
            answer = await self._answer(endpoint, Request(headers, body, given.decode()))
        except RequestError as error:
            answer = self.refusal(error, route)
        except Exception as error:  # a client is told that it failed, and the server goes on
            answer = self._failure(error, route, given.decode())
        finally:
            self._in_flight -= 1
            self._waiting -= waits
            self._held.bytes -= len(body)
        self._traffic.answered(route, answer.status, perf_counter() - started)
        sent = [
            (b"content-type", answer.content_type),
            (b"content-length", b"%d" % len(answer.body)),
            (b"x-request-id", given),
            *answer.headers,
        ]
        if (unread and WHOLE_MESSAGE not in scope) or self.draining:
            sent.append(_CLOSE)  # what is left of a body is not waited for, and is no request
        await send({"type": "http.response.start", "status": answer.status, "headers": sent})
        await send({"type": "http.response.body", "body": answer.body})

    def take(self, client: Client, method: str, path: str, headers: Headers, body: bytes) -> bool:
        """Whether the request is answered without a task of its own: it has come whole, and does not take long.

        Args:
            client: is replied to, at once or when the requests of this moment are scored.
            method: of the request.
            path: without its query.
            headers: their names in small letters.
            body: all of it.
        """
        started = perf_counter()
        endpoint = self._endpoints.known(path)
        if endpoint is None or endpoint.slow:
            return False
        named = dict(headers)
        taken = _Taken(client, endpoint.route, self._named(named), started)
        self._in_flight += 1
        try:
            self._admit(endpoint, method, named)
            if endpoint.methods == POSTS:
                taken.waits = 1
                self._waiting += 1
                require_plain(named, len(body), self._settings.max_body_bytes)
            said = endpoint.answer(Request(named, body, taken.given.decode()))
        except Exception as error:
            self._reply(taken, self._told(taken, error))
            return True
        if isinstance(said, Answer):
            self._reply(taken, said)
        else:
            self._together.submit(said.admitted, partial(self._scored, taken, said))
        return True

    def settle(self) -> None:
        """Answer what waits for others of its moment."""
        self._together.settle()

    def _scored(self, taken: _Taken, question: Question, said: Scored | Exception) -> None:
        try:
            answer = self._told(taken, said) if isinstance(said, Exception) else question.answer(said)
        except Exception as error:
            answer = self._told(taken, error)
        self._reply(taken, answer)

    def _told(self, taken: _Taken, error: Exception) -> Answer:
        if isinstance(error, RequestError):
            return self.refusal(error, taken.route)
        return self._failure(error, taken.route, taken.given.decode())

    def _reply(self, taken: _Taken, answer: Answer) -> None:
        self._in_flight -= 1
        self._waiting -= taken.waits
        self._traffic.answered(taken.route, answer.status, perf_counter() - taken.started)
        taken.client.reply(answer, taken.given, close=self.draining)

    def _named(self, headers: dict[bytes, bytes]) -> bytes:
        """How the client calls its request, or else how the server does."""
        given = headers.get(b"x-request-id")
        if given is None or not REQUEST_ID.fullmatch(given):
            return b"%b-%x" % (self._prefix, next(self._numbers))
        return given

    async def _body(self, scope: Scope, receive: Receive, headers: dict[bytes, bytes]) -> bytes | None:
        """The whole body; None if the client went away."""
        most = self._settings.max_body_bytes
        require_plain(headers, 0, most)
        self._held.require_room(int(headers.get(b"content-length", b"0")))
        message = await receive() if WHOLE_MESSAGE in scope else None
        if message and message["type"] == "http.request" and not message["more_body"]:
            body: bytes = message["body"]
            require_plain(headers, len(body), most)
            return body
        return await whole(receive, message, most, self.timeout_seconds, self._held)

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

    def refusal(self, error: RequestError, route: str) -> Answer:
        """The answer to a request that is refused, which is told and counted."""
        events.refused(route, error.status, error.reason)
        if error.reason:
            self._traffic.rejected(error.reason)
        return error.answer()

    def _failure(self, error: Exception, route: str, request_id: str) -> Answer:
        events.tell("error", "request failed", route=route, request_id=request_id, **events.failed(error))
        return RequestError(500, f"The server failed; its log tells where, under {request_id}.").answer()
