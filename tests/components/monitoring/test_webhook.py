"""A real webhook on this machine: what it took is not sent again, what it refused is; its address is never told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from components.errors import ConfigError
from components.monitoring.alerts import Alert
from components.monitoring.webhook import deliver, require_address
from components.store import Store

ALERTS = [
    Alert(f"w1 drift {name}", "w1", "1", "drift", name, "warning", ("1",), f"{name} moved.") for name in "ab"
]


@contextmanager
def webhook(status: int) -> Iterator[tuple[str, list[dict]]]:
    got: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(json.loads(body) | {"path": self.path})
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook?token=secret", got
        server.shutdown()
        thread.join()


def test_each_alert_is_taken_once(tmp_path):
    store = Store(str(tmp_path))
    with webhook(204) as (url, got):
        assert deliver(ALERTS, url, store) == (2, [])
        assert deliver(ALERTS, url, store) == (0, [])
    assert [each["alert_id"] for each in got] == ["w1 drift a", "w1 drift b"]
    assert {each["path"] for each in got} == {"/hook?token=secret"}


def test_what_was_not_taken_is_sent_again(tmp_path):
    store = Store(str(tmp_path))
    with webhook(500) as (url, _):
        sent, failed = deliver(ALERTS, url, store)
    assert sent == 0
    assert "answered 500" in failed[0]
    sent, failed = deliver(ALERTS, url, store)  # nobody listens there any more
    assert "cannot be reached" in failed[1]
    assert "secret" not in str(failed)
    with webhook(200) as (url, got):
        assert deliver(ALERTS, url, store)[0] == 2
    assert len(got) == 2


NO_ADDRESS = [
    "file:///etc/secret", "secret", "ftp://host/secret", "hooks.example.com/secret", "http://[::1/secret",
    "https://hooks.example.com:secret/x", "https://", "http://host:0/secret",
]  # fmt: skip


@pytest.mark.parametrize("url", NO_ADDRESS)
def test_what_is_no_address_is_refused_without_telling_it(url):
    with pytest.raises(ConfigError, match="MONITOR_WEBHOOK_URL is no http or https address") as refused:
        require_address(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://hooks.example.com/x?y=z", "http://127.0.0.1:8080", "http://[::1]/x"]
)
def test_an_address_is_none_that_is_refused(url):
    require_address(url)


@pytest.mark.parametrize("url", NO_ADDRESS)
def test_alerts_that_cannot_be_sent_are_told_and_stop_nothing(tmp_path, url):
    sent, failed = deliver(ALERTS, url, Store(str(tmp_path)))
    assert (sent, len(failed)) == (0, 2)
    assert "secret" not in str(failed)
