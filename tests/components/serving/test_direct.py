"""Requests that come whole are answered without a task, and nobody can tell: in whatever pieces and order they come."""

import json
import socket
import threading

import pytest

from tests.components.serving.conftest import ROW

BODY = json.dumps({"instances": [ROW]}).encode()
LONG = json.dumps({"instances": [ROW] * 500}).encode()


def asking(body: bytes = BODY, name: str = "x", path: str = "/invocations", more: str = "") -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: x\r\nContent-Type: application/json\r\nX-Request-Id: {name}\r\n{more}"
    )
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


PING = b"GET /ping HTTP/1.1\r\nhost: x\r\nx-request-id: ping\r\n\r\n"
LAST = b"GET /ping HTTP/1.1\r\nhost: x\r\nx-request-id: last\r\nconnection: close\r\n\r\n"


def told(received: bytes) -> list[tuple[int, str]]:
    """The status of each answer, and whose it is."""
    answers = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        answers.append((int(lines[0].split()[1]), headers.get("x-request-id", "")))
        received = received[int(headers["content-length"]) :]
    return answers


def exchanged(server, *pieces: bytes) -> bytes:
    """All that comes back until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            client.sendall(piece)
        return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.fixture(params=["alone", "beside another"], autouse=True)
def company(request, server):
    """Another client, or none: where there is none, no request waits for others of its moment."""
    if request.param == "alone":
        yield
        return
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as other:
        other.sendall(PING)
        assert other.recv(65536)
        yield


def test_requests_in_one_piece_are_answered_in_their_order(server):
    assert len(LONG) > 32_768
    sent = [asking(name="1"), asking(LONG, "2"), asking(name="3"), PING, asking(name="4"), LAST]
    wanted = [(200, name) for name in ("1", "2", "3", "ping", "4", "last")]
    assert told(exchanged(server, b"".join(sent))) == wanted


def test_requests_in_any_two_pieces_are_answered_in_their_order(server):
    whole = asking(name="1") + asking(name="2") + LAST
    wanted = [(200, "1"), (200, "2"), (200, "last")]
    for cut in range(1, len(whole), 17):
        assert told(exchanged(server, whole[:cut], whole[cut:])) == wanted


def test_what_is_answered_otherwise_stands_in_the_order_too(server):
    sent = [
        asking(name="query", path="/invocations?a=b"),
        asking(b"{", name="broken"),
        b"HEAD /ping HTTP/1.1\r\nhost: x\r\n\r\n",
        asking(name="percent", path="/%69nvocations"),
        LAST,
    ]
    received = exchanged(server, *sent)
    for status, name in ((200, b"query"), (400, b"broken"), (200, b"percent"), (200, b"last")):
        place = received.index(b"x-request-id: " + name)
        start = received.rindex(b"HTTP/1.1 ", 0, place)
        assert received[start:].startswith(b"HTTP/1.1 %d" % status)
        received = received[place:]


def test_what_is_no_http_behind_a_request_keeps_it_from_no_answer(server):
    received = exchanged(server, asking(name="1") + b"\x16\x03\x01\r\n\r\n")
    assert [status for status, _ in told(received)] == [200, 400]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (asking(), True),
        (asking(more="Connection: close\r\n"), False),
        (asking().replace(b"HTTP/1.1", b"HTTP/1.0"), False),
        (asking(path="/nowhere"), True),
        (asking(path="/nowhere")[:-1], False),
    ],
)
def test_a_connection_is_kept_as_http_has_it(server, sent, kept):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(sent)
        received = client.recv(65536)
        assert received.startswith(b"HTTP/1.1 ")
        assert (b"connection: close\r\n" not in received) == kept
        if kept:
            client.sendall(LAST)
            received = client.recv(65536)
        while received:
            received = client.recv(65536)


def test_many_clients_at_once_are_each_answered_with_their_own(server):
    ages = list(range(20, 52))
    alone = [server.post({"instances": [{**ROW, "age": age}]})[1]["predictions"][0] for age in ages]
    found: dict[int, list[float]] = {}
    together = threading.Barrier(len(ages))

    def ask(age: int) -> None:
        body = json.dumps({"instances": [{**ROW, "age": age}]}).encode()
        together.wait()
        received = exchanged(server, asking(body) * 10 + LAST)
        found[age] = [
            json.loads(part.partition(b"\r\n\r\n")[2])["predictions"][0]["y_score"]
            for part in received.split(b"HTTP/1.1 ")[1:11]
        ]

    threads = [threading.Thread(target=ask, args=(age,)) for age in ages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for age, said in zip(ages, alone, strict=True):
        assert found[age] == pytest.approx([said["y_score"]] * 10, abs=1e-14)
