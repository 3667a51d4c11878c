"""What a client may take of the server is limited; nothing that it does keeps others from being answered."""

import contextlib
import json
import os
import signal
import socket
import time
from http.client import HTTPResponse

import pytest

from tests.components.serving.conftest import ROW, deployed, serving, until

BODY = json.dumps({"instances": [ROW]}).encode()
SECRET = "a-token-that-nobody-guesses"


@pytest.fixture(scope="module")
def strict(bundle, tmp_path_factory):
    """A server with low limits and a token."""
    folder = tmp_path_factory.mktemp("strict")
    limits = {"max_body_bytes": 5000, "max_rows": 3, "max_waiting": 2, "timeout_seconds": 0.5}
    with serving(
        deployed(bundle, folder / "deployment", **limits), folder, {"SERVING_TOKEN": SECRET}
    ) as served:
        yield served


@pytest.fixture
def bearer() -> dict[str, str]:
    return {"authorization": f"Bearer {SECRET}"}


def raw(served, sent: bytes, timeout: float = 20) -> bytes:
    """All that comes back until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=timeout) as connection:
        connection.sendall(sent)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def counted(served, name: str, **headers: str) -> float:
    """A metric's value."""
    _, text, _ = served.ask("GET", "/metrics", **headers)
    found = [line.split()[-1] for line in text.decode().splitlines() if line.startswith(name)]
    return sum(map(float, found))


def test_more_rows_than_allowed_are_refused(strict, bearer):
    assert strict.post({"instances": [ROW] * 3}, **bearer)[0] == 200
    status, content = strict.post({"instances": [ROW] * 4}, **bearer)
    assert (status, "at most 3" in content["message"]) == (413, True)
    line = ",".join(map(str, ROW.values()))
    csv = "\n".join([",".join(ROW), *[line] * 4])
    assert strict.post(csv, content_type="text/csv", **bearer)[0] == 413


def test_a_longer_body_than_allowed_is_refused_by_its_announced_length(strict, bearer):
    status, content = strict.post(b" " * 5001, content_type="application/json", **bearer)
    assert (status, "longer than 5,000 bytes" in content["message"]) == (413, True)


def test_a_longer_body_than_allowed_is_refused_without_an_announced_length(strict):
    head = f"POST /invocations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {SECRET}\r\ntransfer-encoding: chunked\r\n\r\n"
    answer = raw(
        strict, head.encode() + b"1000\r\n" + b" " * 4096 + b"\r\n" + b"1000\r\n" + b" " * 4096 + b"\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer


@pytest.mark.parametrize("sent", [b"", b"POST", b"POST /invocations HTTP/1.1\r\nhost: x\r\n"])
def test_headers_that_do_not_come_are_not_waited_for(strict, sent):
    assert raw(strict, sent).startswith(b"HTTP/1.1 408")


def test_headers_may_be_slow_on_a_connection_that_was_used_before_no_longer_than_on_a_new_one(strict):
    with socket.create_connection(("127.0.0.1", strict.port), timeout=20) as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\nhost: x\r\n\r\n")
        received = b""
        while not received.endswith(b"\r\n\r\n\n"):
            received += connection.recv(65536)
        assert received.startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /ping HT")
        received = b""
        while part := connection.recv(65536):
            received += part
        assert received.startswith(b"HTTP/1.1 408")


def test_a_body_that_does_not_come_is_not_waited_for(strict):
    head = f"POST /invocations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {SECRET}\r\ncontent-length: 100\r\n\r\n"
    assert raw(strict, head.encode() + b"{").startswith(b"HTTP/1.1 408")


def test_a_client_that_does_not_read_its_answer_is_not_waited_for(bundle, tmp_path):
    count = 120_000  # what the kernel keeps for a client costs the server nothing, and is a few megabytes
    rows = json.dumps({"dataframe_split": {"columns": [*ROW], "data": [[*ROW.values()]] * count}}).encode()
    limits = {"timeout_seconds": 0.5, "max_rows": count, "max_body_bytes": len(rows)}
    head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    with (
        serving(deployed(bundle, tmp_path / "deployment", **limits), tmp_path) as served,
        socket.socket() as connection,
    ):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", served.port))
        connection.sendall(head % len(rows) + rows)
        until(lambda: counted(served, 'serving_requests_rejected_total{reason="unread"}') == 1)
        received = b""
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65536):
                received += part
        assert received.startswith(b"HTTP/1.1 200")
        assert not received.endswith(b"}")


def test_one_connection_too_many_is_told_so_and_closed(bundle, tmp_path):
    with serving(deployed(bundle, tmp_path / "deployment", max_connections=2), tmp_path) as served:
        until(lambda: served.ask("GET", "/ping")[0] == 200)
        with contextlib.ExitStack() as stack:
            for _ in range(2):
                held = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=20))
                held.sendall(b"GET /ping HTTP/1.1\r\nhost: x\r\n\r\n")
                assert held.recv(65536).startswith(b"HTTP/1.1 200")
            answer = raw(served, b"")
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"retry-after: 1\r\n" in answer
            assert b"2 connections already" in answer
        until(lambda: served.ask("GET", "/ping")[0] == 200)


def test_headers_without_end_are_refused(strict):
    assert raw(strict, b"GET /ping HTTP/1.1\r\n" + b"a: b\r\n" * 20_000).startswith(b"HTTP/1.1 431")


def test_headers_that_are_too_long_are_refused_even_if_they_come_whole(strict):
    head = b"GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\na: " + b"b" * 66_000 + b"\r\n\r\n"
    assert raw(strict, head).startswith(b"HTTP/1.1 431")


def test_headers_may_be_long(strict):
    head = b"GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\na: " + b"b" * 65_000 + b"\r\n\r\n"
    assert raw(strict, head).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET http://[ HTTP/1.1\r\n\r\n"])
def test_what_is_no_http_is_refused_told_and_counted_as_all_else(strict, bearer, sent):
    before = counted(strict, 'serving_requests_rejected_total{reason="malformed"}', **bearer)
    head, _, body = raw(strict, sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"content-type: application/json" in head
    assert json.loads(body)["error_code"] == "BAD_REQUEST"
    assert counted(strict, 'serving_requests_rejected_total{reason="malformed"}', **bearer) == before + 1
    until(lambda: [line for line in strict.told if line.get("reason") == "malformed"])


def test_beyond_the_queue_a_client_is_told_to_come_again_and_probes_are_answered(bundle, tmp_path):
    head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    with serving(deployed(bundle, tmp_path / "deployment", max_waiting=2), tmp_path) as served:
        waiting = [socket.create_connection(("127.0.0.1", served.port), timeout=20) for _ in range(2)]
        for connection in waiting:
            connection.sendall(head % len(BODY) + BODY[:-1])
        until(lambda: served.post({"instances": [ROW]})[0] == 503)
        _, content, answer = served.ask("POST", "/invocations", {"instances": [ROW]})
        assert (answer.headers["retry-after"], content["error_code"]) == ("1", "TEMPORARILY_UNAVAILABLE")
        assert served.ask("GET", "/ping")[0] == served.ask("GET", "/v2/health/ready")[0] == 200
        assert counted(served, "serving_requests_in_flight") == 3
        assert counted(served, 'serving_requests_rejected_total{reason="queue"}') >= 2
        for connection in waiting:
            connection.sendall(BODY[-1:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            connection.close()
        assert served.post({"instances": [ROW]})[0] == 200


@pytest.mark.parametrize(("which", "rest"), [("server", BODY[-1:]), ("strict", b"")])
def test_what_a_client_takes_to_send_its_body_is_not_the_servers_time(request, bearer, which, rest):
    served = request.getfixturevalue(which)
    head = (
        f"POST /invocations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {SECRET}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
    )
    name = 'serving_request_seconds_sum{route="/invocations"}'
    before = counted(served, name, **bearer)
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall(head.encode() + BODY[:-1])
        until(lambda: counted(served, "serving_requests_in_flight", **bearer) == 2)
        began = time.monotonic()
        until(lambda: time.monotonic() - began > (0.2 if rest else 0.0))
        waited = time.monotonic() - began if rest else 0.3
        connection.sendall(rest)  # or nothing, until the server gives up
        said = connection.recv(65536)
    assert said.startswith(b"HTTP/1.1 200" if rest else b"HTTP/1.1 408")
    assert counted(served, name, **bearer) - before < waited


def test_requests_that_come_at_one_moment_are_answered_however_many(bundle, tmp_path):
    head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    with (
        serving(deployed(bundle, tmp_path / "deployment", max_waiting=64), tmp_path) as served,
        contextlib.ExitStack() as open_,
    ):
        many = [
            open_.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=20))
            for _ in range(200)
        ]
        for connection in many:  # each has been accepted
            connection.sendall(head % len(BODY) + BODY)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        (worker,) = served.workers.values()
        os.kill(worker, signal.SIGSTOP)
        for connection in many:
            connection.sendall(head % len(BODY) + BODY)
        os.kill(worker, signal.SIGCONT)
        said = [connection.recv(65536) for connection in many]
    assert {each[:12] for each in said} == {b"HTTP/1.1 200"}


@pytest.mark.parametrize("query", ["", "?asked=by"])
@pytest.mark.parametrize(
    ("method", "token", "body", "status"),
    [("POST", "wrong", BODY, 401), ("GET", SECRET, b"", 405), ("POST", SECRET, b" " * 5001, 413)],
)
def test_who_is_refused_keeps_the_connection_if_the_request_has_come_whole(
    strict, query, method, token, body, status
):
    head = (
        f"{method} /invocations{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", strict.port), timeout=20) as connection:
        for _ in range(2):
            connection.sendall(head.encode() + body)
            answer = HTTPResponse(connection)
            answer.begin()
            answer.read()
            assert (answer.status, answer.headers["connection"]) == (status, None)
        connection.sendall(b"GET /ping HTTP/1.1\r\nhost: x\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"authorization": SECRET},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {SECRET}"},
        {"authorization": "Bearer é"},
    ],
)
def test_without_the_token_nothing_but_probes_is_answered(strict, given):
    for method, path in (("POST", "/invocations"), ("GET", "/metrics"), ("GET", "/v2"), ("GET", "/version")):
        status, _, answer = strict.ask(method, path, **given)
        assert (status, answer.headers["www-authenticate"]) == (401, "Bearer")
    for path in ("/ping", "/health", "/v2/health/live", "/v2/health/ready", "/v2/models/job_coaching/ready"):
        assert strict.ask("GET", path, **given)[0] == 200


def test_the_scheme_of_the_token_may_be_written_as_one_likes(strict):
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert strict.ask("GET", "/version", authorization=f"{scheme} {SECRET}")[0] == 200


def test_without_the_token_nothing_is_told_of_what_is_served(strict):
    for path in ("/v2/models/another/ready", "/v2/models/job_coaching/versions/7/ready"):
        status, content, _ = strict.ask("GET", path)
        assert (status, content["message"]) == (404, "There is no such model.")


@pytest.mark.parametrize("name", ["SERVING_TOKEN", "SERVING_TOKEN_FILE"])
@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_token_that_is_blank_opens_no_server(bundle, tmp_path, name, blank):
    words = deployed(bundle, tmp_path / "deployment")
    with (
        pytest.raises(AssertionError, match=f"{name}: the variable is set, and blank"),
        serving(words, tmp_path, {name: blank}),
    ):
        pass


def test_a_server_says_whether_it_asks_for_a_token(strict, server):
    for served, asks in ((strict, True), (server, False)):
        (told,) = [line for line in served.told if line["event"] == "serving"]
        assert told["token"] is asks


def test_the_token_may_come_from_a_file(bundle, tmp_path, bearer):
    (tmp_path / "token").write_text(f"{SECRET}\n")
    with serving(
        deployed(bundle, tmp_path / "deployment"), tmp_path, {"SERVING_TOKEN_FILE": str(tmp_path / "token")}
    ) as served:
        assert served.post({"instances": [ROW]})[0] == 401
        assert served.post({"instances": [ROW]}, **bearer)[0] == 200


def test_what_the_server_tells_is_json_without_tokens_and_features(strict, bearer):
    def told() -> bool:  # of the many that were refused in this second, not each is told
        strict.post({"instances": [{**ROW, "marital_status": "confidential"}]}, **bearer)
        strict.post({"instances": [ROW]}, authorization="Bearer another-secret")
        strict.ask("GET", "/nowhere?token=hidden", **bearer)
        return {401, 404, 422} <= {line.get("status") for line in strict.told}

    until(told)
    text = strict.errors.read_text()
    assert all({"at", "level", "event"} <= line.keys() for line in strict.told)
    assert not [
        word for word in (SECRET, "another-secret", "confidential", "hidden", "married") if word in text
    ]


def test_a_flood_of_bad_requests_is_told_in_a_few_lines(server):
    for _ in range(300):
        server.ask("GET", "/nowhere")
    until(lambda: server.ask("GET", "/nowhere") and [line for line in server.told if line.get("requests")])
    assert len([line for line in server.told if line.get("route") == "other"]) < 250


def test_limits_are_counted(strict, bearer):
    strict.post({"instances": [ROW] * 4}, **bearer)
    strict.post(b" " * 5001, content_type="application/json", **bearer)
    strict.post(b"")
    raw(strict, b"POST")
    for reason in ("rows", "body", "token", "timeout"):
        assert counted(strict, f'serving_requests_rejected_total{{reason="{reason}"}}', **bearer) >= 1


def test_a_server_that_is_to_end_says_so_finishes_what_is_in_flight_and_takes_no_more(bundle, tmp_path):
    head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    with serving(deployed(bundle, tmp_path / "deployment", drain_seconds=30.0), tmp_path) as served:
        idle = served.connect()
        idle.request("GET", "/v2/health/ready")
        assert idle.getresponse().read() == b'{"ready":true}'
        waiting = socket.create_connection(("127.0.0.1", served.port), timeout=20)
        waiting.sendall(head % len(BODY) + BODY[:-1])
        until(lambda: counted(served, "serving_requests_in_flight") == 2)
        served.process.send_signal(signal.SIGTERM)

        def unready() -> bool:
            status, _, answer = served.ask("GET", "/v2/health/ready")
            return status == 503 and answer.headers["connection"] == "close"

        until(unready)
        assert served.ask("GET", "/ping")[0] == 200  # it lives, and is not to be killed
        idle.request("POST", "/invocations", BODY, {"content-type": "application/json"})
        answer = idle.getresponse()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        waiting.sendall(BODY[-1:])
        received = waiting.recv(65536)
        assert received.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in received
        waiting.close()
        assert served.process.wait(30) == 0


def test_rows_that_name_too_many_columns_are_refused_before_they_are_spread(server):
    rows = [{f"c{row}-{column}": 1 for column in range(20)} for row in range(1500)]
    status, said = server.post({"dataframe_records": rows})
    assert (status, "different columns" in said["error"]) == (413, True)


def test_a_name_that_comes_twice_among_very_many_is_found_in_one_pass(server):
    names = [f"c{number}" for number in range(60_000)]
    said = {"columns": [*names, names[-1]], "data": [[1] * 60_001]}
    assert server.post({"dataframe_split": said})[0] == 400


def test_probes_that_send_half_a_body_keep_nobody_out(server):
    waiting = []
    for _ in range(80):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        waiting.append(client)
    try:
        assert server.post({"dataframe_records": [ROW]})[0] == 200
    finally:
        for client in waiting:
            client.close()


def test_what_stands_behind_a_body_names_no_caller(server):
    body = json.dumps({"dataframe_records": [ROW]}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\nX-Request-Id: from-behind\r\n\r\n"
            % (len(body), body)
        )
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"from-behind" not in answer


UPGRADE = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA\r\n"
)
"""As Java's client sends it with its first request."""


def answers(client: socket.socket, count: int) -> list[bytes]:
    """The next answers on a connection, each with its head."""
    stream = client.makefile("rb")
    found = []
    for _ in range(count):
        head = b""
        while line := stream.readline().rstrip():
            head += line + b"\r\n"
        length = head.lower().partition(b"content-length:")[2].split()[0]
        found.append(head + stream.read(int(length)))
    return found


def test_a_request_that_asks_for_another_protocol_is_answered_in_this_one(server):
    head = (
        b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Request-Id: java-1\r\n"
    )
    request = head + UPGRADE + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(request + request)
        for answer in answers(client, 2):
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"x-request-id: java-1\r\n" in answer
            assert b'"y_score"' in answer


@pytest.mark.parametrize("chunked", [False, True])
def test_the_body_of_a_request_that_asks_for_another_protocol_is_no_request_of_its_own(server, chunked):
    hidden = b"GET /v2 HTTP/1.1\r\nHost: x\r\nX-Request-Id: smuggled\r\n\r\n"
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(hidden)
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden) if chunked else hidden
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n%b\r\n\r\n"
            % length
        )
        until(
            lambda: counted(server, "serving_requests_in_flight") == 2
        )  # this request, and the one that asks
        client.sendall(
            body + b"GET /ping HTTP/1.1\r\nHost: x\r\nX-Request-Id: next\r\nConnection: close\r\n\r\n"
        )
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert received.count(b"HTTP/1.1 ") == 2
    assert received.startswith(b"HTTP/1.1 4")
    assert b"smuggled" not in received
    assert b"x-request-id: next\r\n" in received


def test_very_many_that_ask_for_another_protocol_at_once_are_answered_in_turn(server):
    request = b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(request * 2000)
        assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers(client, 2000))


def test_nobody_is_connected_to_somebody_else(server):
    answer = raw(server, b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error_code"] == "BAD_REQUEST"
