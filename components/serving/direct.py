"""A client's connection on which short requests that have come whole are answered at once, without a task for each."""

from __future__ import annotations

import asyncio

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from components.serving.answers import Answer, RequestError
from components.serving.app import INLINE_BYTES
from components.serving.connection import MOST_HEADER_BYTES, Connection, malformed

_METHODS = frozenset({b"GET", b"POST"})


class Direct(Connection):
    """Gives the application a request as it is, if its body has come with its headers.

    uvicorn, which makes a task and a cycle of messages for each, has all others: those that are still coming, are long, or
    stand behind one that is being answered, and those that ask for more than an answer.
    """

    _idle: asyncio.TimerHandle | None = None
    _held, _taken, _last, _used = False, False, False, 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._parts: list[bytes] = []
        super().connection_made(transport)
        self._app = self._served

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle is not None:
            self._idle.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._held and not self._in_headers and not self.transport.is_closing():
            try:
                self._hand_over()  # the rest of the body is to come
            except RequestError as error:
                self._refuse(error)
            except (HttpParserError, ValueError):
                self._refuse(malformed())

    def on_message_begin(self) -> None:
        if self._taken:
            self._app.settle()  # answers go out in the order of the requests
        self._in_headers = self._held = True
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._parts = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_headers:  # as those above, without asking each of them
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_headers = False
        busy = self.cycle is not None and not self.cycle.response_complete
        if (
            busy
            or self._arrived + self._header_bytes > MOST_HEADER_BYTES
            or self.expect_100_continue
            or self.flow.write_paused
            or self.parser.should_upgrade()
        ):
            self._hand_over()

    def on_body(self, body: bytes) -> None:
        if self._held:
            self._parts.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._held and not self._take():
            self._hand_over()
        if self._held:
            self._held = False
        else:
            super().on_message_complete()

    def reply(self, answer: Answer, request_id: bytes, *, close: bool) -> None:
        """Send the answer of a request that the application took."""
        self._taken = False
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        close = close or self._last
        further = b"".join([b"%b: %b\r\n" % header for header in answer.headers]) if answer.headers else b""
        self.transport.write(
            b"%bcontent-type: %b\r\ncontent-length: %d\r\nx-request-id: %b\r\n%b%b\r\n%b"
            % (
                STATUS_LINE[answer.status],
                answer.content_type,
                len(answer.body),
                request_id,
                further,
                b"connection: close\r\n" if close else b"",
                answer.body,
            )
        )
        if close:
            self.transport.close()
            return
        self._used = self.loop.time()
        if (
            self._idle is None
        ):  # a timer for the connection, which looks when it was last used, and not one a request
            self._idle = self.loop.call_later(self.timeout_keep_alive, self._not_used)

    def shutdown(self) -> None:
        if self._taken:
            self._last = True
        else:
            super().shutdown()

    def _refuse(self, error: RequestError) -> None:
        if self._taken:
            self._app.settle()
        super()._refuse(error)

    def _take(self) -> bool:
        """Whether the application answers the request, which has come whole."""
        url, method, body = self.url, self.parser.get_method(), b"".join(self._parts)
        plain = url[:1] == b"/" and url[:2] != b"//" and url.isascii()
        if not plain or b"?" in url or b"%" in url or b"#" in url:
            return False
        if method not in _METHODS or len(body) > INLINE_BYTES or self.transport.is_closing():
            return False
        self._last = not self.parser.should_keep_alive() or self.parser.get_http_version() != "1.1"
        self._taken = True  # until it is replied to, which may be at once
        if not self._app.take(self, method.decode(), url.decode(), self.headers, body):
            self._taken = False
            return False
        return True

    def _hand_over(self) -> None:
        """Let uvicorn have the request, as far as it has come."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        self._held = False
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()
        for part in self._parts:
            super().on_body(part)
        self._parts = []

    def _not_used(self) -> None:
        """Close a connection on which nothing was asked for long."""
        since = self.loop.time() - self._used
        busy = self._taken or self._timer or (self.cycle is not None and not self.cycle.response_complete)
        if busy or self.timeout_keep_alive_task is not None or since < self.timeout_keep_alive:
            wait = max(self.timeout_keep_alive - since, 1.0)
            self._idle = self.loop.call_later(wait, self._not_used)
        else:
            self.timeout_keep_alive_handler()
