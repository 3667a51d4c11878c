"""The server's application, as raw ASGI: it reads a request within its limits, and answers it."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.serving import events, mlflow_protocol
from components.serving.answers import Answer, RequestError
from components.serving.scoring import Scorer

if TYPE_CHECKING:
    from components.serving.deployment import Deployment
    from components.serving.prediction_log import PredictionLog
    from components.serving.settings import ServingSettings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

VERSION = "0.1.0"
INLINE_BYTES = 32_768
"""Longer bodies are worked on in a thread, so that probes and short requests are answered meanwhile."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,128}")
_RETRY = ((b"retry-after", b"1"),)
_CLOSE = (b"connection", b"close")


@dataclass(frozen=True)
class Request:
    """A request that was read whole.

    Attributes:
        method: GET, POST and so on.
        path: without the query.
        headers: the last of each name.
        body: all of it.
        request_id: names it in the log and in the answer.
    """

    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes
    request_id: str


class App:
    """The ASGI application of one worker.

    Args:
        deployment: the models in service.
        log: keeps every prediction.
        settings: of the server.
        token: what clients must bear; "" if nobody asks for one.

    Attributes:
        ready: whether new requests are wanted; probes are told.
        draining: whether connections are closed after their answer.
    """

    def __init__(
        self, deployment: Deployment, log: PredictionLog, settings: ServingSettings, token: str = ""
    ) -> None:
        self._deployment, self._settings, self._token = deployment, settings, token.encode()
        self._scorer = Scorer(deployment, log, settings)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._prefix, self._numbers = secrets.token_hex(8), itertools.count(1)
        self._in_flight = 0
        self.ready, self.draining = True, False
        self._probes: dict[str, Callable[[], Answer]] = {
            "/ping": self._alive, "/health": self._alive, "/version": lambda: Answer(200, VERSION.encode(), b"text/plain"),
        }  # fmt: skip
        self._posts: dict[str, Callable[[Request], Answer]] = {"/invocations": self._invocations}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if self._in_flight >= self._settings.max_waiting and scope["path"] not in self._probes:
            busy = RequestError(503, "The server is busy; try again.", reason="queue", headers=_RETRY)
            await self._send(send, self._failure(busy, scope["path"]), b"", unread=True)
            return
        self._in_flight += 1
        try:
            await self._respond(scope, receive, send)
        finally:
            self._in_flight -= 1

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = (
            given if _REQUEST_ID.fullmatch(given) else b"%b-%x" % (self._prefix.encode(), next(self._numbers))
        )
        path, unread = scope["path"], True
        try:
            work = self._route(scope["method"], path, headers)
            body = await self._body(receive, headers)
            if body is None:
                return
            unread = False
            request = Request(scope["method"], path, headers, body, request_id.decode())
            if len(body) > INLINE_BYTES:
                answer = await asyncio.get_running_loop().run_in_executor(self._pool, work, request)
            else:
                answer = work(request)
        except RequestError as error:
            answer = self._failure(error, path)
        except Exception as error:  # a client is told that it failed, and the server goes on
            events.tell(
                "error",
                "request failed",
                route=path[:200],
                request_id=request_id.decode(),
                **events.failed(error),
            )
            answer = RequestError(
                500, f"The server failed; its log tells why under {request_id.decode()}."
            ).answer()
        await self._send(send, answer, request_id, unread=unread)

    def _route(self, method: str, path: str, headers: dict[bytes, bytes]) -> Callable[[Request], Answer]:
        """What answers a request.

        Raises:
            RequestError: nothing does, or the token is another.
        """
        if path in self._probes:
            probe = self._probes[path]
            _require_method(method, ("GET", "HEAD"))
            return lambda _: probe()
        if self._token:
            given = headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, b"Bearer " + self._token):
                raise RequestError(
                    401,
                    "A bearer token is wanted; send it as Authorization: Bearer.",
                    reason="token",
                    headers=((b"www-authenticate", b"Bearer"),),
                )
        if path in self._posts:
            _require_method(method, ("POST",))
            return self._posts[path]
        raise RequestError(404, f"There is nothing at {path[:200]!r}; /openapi.json names what there is.")

    async def _body(self, receive: Receive, headers: dict[bytes, bytes]) -> bytes | None:
        """The whole body; None if the client went away.

        Raises:
            RequestError: it is too long, or comes too slowly.
        """
        most = self._settings.max_body_bytes
        declared = headers.get(b"content-length", b"0")
        if len(declared) > 18 or int(declared or b"0") > most:
            raise self._too_long()
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                body: bytes = message["body"]
                if not message["more_body"]:
                    if len(body) > most:
                        raise self._too_long()
                    return body
                parts, length = [body], len(body)
                while message["more_body"]:
                    if length > most:
                        raise self._too_long()
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    parts.append(message["body"])
                    length += len(parts[-1])
        except TimeoutError:
            raise RequestError(
                408, f"The body did not come within {self._settings.timeout_seconds:g} s.", reason="timeout"
            ) from None
        if length > most:
            raise self._too_long()
        return b"".join(parts)

    def _too_long(self) -> RequestError:
        most = self._settings.max_body_bytes
        return RequestError(
            413, f"The body is longer than {most:,} bytes (serving.max_body_bytes).", reason="body"
        )

    def _failure(self, error: RequestError, path: str) -> Answer:
        events.tell(
            "warning",
            "request refused",
            route=path[:200],
            status=error.status,
            reason=error.reason or "request",
        )
        return error.answer()

    async def _send(self, send: Send, answer: Answer, request_id: bytes, *, unread: bool) -> None:
        headers = [
            (b"content-type", answer.content_type),
            (b"content-length", b"%d" % len(answer.body)),
            *answer.headers,
        ]
        if request_id:
            headers.append((b"x-request-id", request_id))
        if unread or self.draining:
            headers.append(_CLOSE)  # what is left of the request is not read
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _alive(self) -> Answer:
        return Answer(200, b"\n") if self.ready else Answer(503, b"\n")

    def _invocations(self, request: Request) -> Answer:
        content_type = request.headers.get(b"content-type", b"").decode("latin-1")
        table = mlflow_protocol.table(content_type, request.body, self._settings.max_rows)
        scored = self._scorer.score(table, request.request_id)
        body = mlflow_protocol.encoded(scored.predictions, scored.rows, scored.total, scored.problems)
        return Answer(200, body)


def _require_method(method: str, allowed: tuple[str, ...]) -> None:
    if method not in allowed:
        raise RequestError(
            405,
            f"The method is {method[:20]}; this route knows {' and '.join(allowed)}.",
            headers=((b"allow", ", ".join(allowed).encode()),),
        )


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
