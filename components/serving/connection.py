"""A client's connection: uvicorn's, which does not wait for ever for the headers of a request, nor take any length of them.

What a client asks to `Upgrade` to is ignored, as HTTP/1.1 allows (RFC 9110, 7.8): its request is answered as any other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from components.serving.answers import RequestError
from components.serving.app import WHOLE_MESSAGE
from components.serving.body import RETRY

if TYPE_CHECKING:
    from components.serving.app import App

MOST_HEADER_BYTES = 65_536


class Connection(HttpToolsProtocol):
    """Closes a connection whose headers do not come in time, with 408, or are too long, with 431; and one that is too many.

    The time runs only while headers are incomplete, so that a request which comes in one piece costs no timer. A client that does
    not read its answer is not waited for either, since the answer is kept in memory for it.
    """

    _timer: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _in_headers, _upgrading = True, False
    _arrived = _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._served.max_connections:
            told = f"There are {self._served.max_connections} connections already; try again."
            self._refuse(RequestError(503, told, reason="connections", headers=RETRY))
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        self._stop_unread()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._arrived = len(data)
        if self._timer is None and not self._in_headers:
            self._feed(data)
            if self._in_headers:
                self._wait()
            return
        self._header_bytes += len(data)
        self._feed(data)
        if not self._in_headers:
            self._stop()
        elif self._header_bytes > MOST_HEADER_BYTES:
            self._stop()
            self._refuse(_too_long())

    def _feed(self, data: bytes) -> None:
        """Parse what has come, as uvicorn does; only that nothing is upgraded, and that errors are told as all others."""
        self._unset_keepalive_if_required()
        rest: bytes | memoryview = data
        try:
            while rest:
                try:
                    self.parser.feed_data(rest)
                    return
                except HttpParserUpgrade as upgrade:
                    rest = memoryview(rest)[upgrade.args[0] :]
                    self._begin_again()
        except HttpParserError as error:
            self._stop()
            why = error.__context__
            self._refuse(why if isinstance(why, RequestError) else malformed())

    def _begin_again(self) -> None:
        """Let a new parser read the request's head without its `Upgrade`: the old one takes the body for another protocol's."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        head = [b"%b %b HTTP/%b" % (method, self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                value = b",".join(each for each in value.split(b",") if each.strip().lower() != b"upgrade")
            if name != b"upgrade":
                head.append(b"%b: %b" % (name, value))
        self._upgrading = False
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        self.parser.feed_data(b"\r\n".join([*head, b"", b""]))

    def on_message_begin(self) -> None:
        self._in_headers = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes behind the body names no caller and asks for nothing: those who look at headers have not seen it.
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        if self._arrived + self._header_bytes > MOST_HEADER_BYTES and self._head_bytes > MOST_HEADER_BYTES:
            raise _too_long()
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise RequestError(405, "The method is CONNECT; this server is no proxy.")
            self._upgrading = True  # what is parsed ends here, and begins again without it
            return
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self._upgrading:
            return
        self._header_bytes = 0  # what follows in the same piece is another request
        scope: Any = self.scope
        scope[WHOLE_MESSAGE] = True
        super().on_message_complete()

    def pause_writing(self) -> None:
        self._unread = self.loop.call_later(self._served.timeout_seconds, self._not_read)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._stop_unread()
        super().resume_writing()

    @property
    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    @property
    def _served(self) -> App:
        app: Any = self.config.app
        return app  # type: ignore[no-any-return]

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self._served.timeout_seconds, self._too_slow)

    def _stop(self) -> None:
        self._header_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        seconds = self._served.timeout_seconds
        self._refuse(RequestError(408, f"The headers did not come within {seconds:g} s.", reason="timeout"))

    def _not_read(self) -> None:
        self._unread = None
        self._served.refusal(RequestError(408, "The answer was not read in time.", reason="unread"), "other")
        self.transport.abort()

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _refuse(self, error: RequestError) -> None:
        """Tell the client why, and close; there is no request that the application could answer."""
        if self.transport.is_closing():
            return
        body = self._served.refusal(error, "other").body
        headers = (
            (b"content-type", b"application/json"),
            (b"connection", b"close"),
            (b"content-length", b"%d" % len(body)),
            *error.headers,
        )
        head = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[error.status], head, body))
        self.transport.close()


def _too_long() -> RequestError:
    return RequestError(431, f"The headers are longer than {MOST_HEADER_BYTES:,} bytes.", reason="body")


def malformed() -> RequestError:
    """What a client is told that does not speak HTTP."""
    return RequestError(400, "This is no request of HTTP/1.1; send one, without TLS.", reason="malformed")
