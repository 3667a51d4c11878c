"""A webhook on this machine that keeps what it is told, so that the loop's alerts reach somebody."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MOST_BYTES = 1 << 20


class Hearing:
    """Listens as long as the context lasts.

    Attributes:
        heard: every alert that was posted, oldest first.
    """

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.heard))

    @property
    def address(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/alerts"

    def __enter__(self) -> Hearing:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(heard: list[dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            told = self.rfile.read(min(length, MOST_BYTES))
            try:
                heard.append(json.loads(told))
                status = 204
            except ValueError:
                status = 400
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing: the display is the loop's."""

    return Handler
