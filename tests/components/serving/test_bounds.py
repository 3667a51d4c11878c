"""Bodies that would take many times their memory are refused before they are decoded, and all others are read."""

import json
import socket
from pathlib import Path

import pytest

from components.release.deployable.kubernetes import BASE_MEBIBYTES, PARENT_MEBIBYTES, memory_mebibytes
from components.serving import inference_protocol, mlflow_protocol
from components.serving.answers import RequestError
from components.serving.settings import ServingSettings
from tests.components.serving.conftest import ROW, deployed, serving, until

SETTINGS = ServingSettings()
MOST = SETTINGS.max_body_bytes


def filled(head: str, unit: str, tail: str) -> bytes:
    """As many units as the longest body has room for."""
    room = MOST - len(head) - len(tail)
    return (head + ",".join([unit] * (room // (len(unit.encode()) + 1))) + tail).encode()


SPLIT = '{"dataframe_split": {"columns": ["age"], "data": ['
HOSTILE = {
    "objects": filled('{"instances": [', "{}", "]}"),
    "lists": filled(SPLIT, "[]", "]}}"),
    "lists in lists": b"[" * MOST,
    "numbers": filled(SPLIT + "[", "1.5", "]]}}"),
    "texts": filled(SPLIT + "[", '"ab"', "]]}}"),
    "after an escaped quotation mark": filled(r'{"params": {"\\\"": "\\"}, "instances": [', "{}", "]}"),
    "columns": (
        '{"instances": [{' + ",".join(f'"{number:x}":1' for number in range(1_500_000)) + "}]}"
    ).encode(),
    "numbers that only Python writes": filled(SPLIT + "[", "NaN", "]]}}"),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_what_no_number_of_rows_needs_is_refused_before_it_is_decoded(body):
    with pytest.raises(RequestError, match=r"The body holds [0-9,]+ (values|lists and objects)") as caught:
        mlflow_protocol.table("application/json", body, SETTINGS.max_rows, len(ROW))
    assert caught.value.status == 413


@pytest.mark.parametrize("first", ["age", "\U0001f600"], ids=["narrow", "wide"])
@pytest.mark.parametrize("row", [",", '"a\nb",'], ids=["in a line", "over lines"])
def test_a_csv_of_one_endless_row_is_refused_before_it_is_read(first, row):
    body = f"{first}\n".encode() + (row * (MOST // 8)).encode()
    with pytest.raises(RequestError, match="more than 500,000 values"):
        mlflow_protocol.table("text/csv", body, SETTINGS.max_rows, len(ROW))


def test_a_csv_of_many_rows_that_are_too_wide_is_refused_before_all_are_read():
    names = ",".join(f"c{number}" for number in range(1000)).encode()
    body = names + b"\n" + (b"a," * 999 + b"a\n") * 2000
    with pytest.raises(RequestError, match="more than 500,000 values"):
        mlflow_protocol.table("text/csv", body, SETTINGS.max_rows, len(ROW))


def test_tensors_that_no_number_of_rows_needs_are_refused_before_they_are_decoded():
    head = '{"inputs": [{"name": "age", "shape": [1], "datatype": "INT64", "data": ['
    for unit in ("[1]", "1", "{}"):
        with pytest.raises(RequestError, match="The body holds") as caught:
            inference_protocol.asked({}, filled(head, unit, "]}]}"), SETTINGS.max_rows, len(ROW))
        assert caught.value.status == 413


def test_texts_may_hold_whatever_marks_they_like():
    told = 'say "{[,' + "{[,\\" * 200_000
    body = json.dumps({"instances": [{"essay": told}, {"essay": told}]}).encode()
    assert mlflow_protocol.table("application/json", body, 2, 1).columns["essay"] == [told, told]


@pytest.mark.parametrize("rows", [1, 3, 10_000])
def test_as_many_rows_as_are_taken_are_read_in_each_form(rows):
    columns = [f"column {number}" for number in range(40)]
    read = mlflow_protocol.table
    values = [[row + place / 8 for place in range(40)] for row in range(rows)]
    records = [dict(zip(columns, row, strict=True)) for row in values]
    by_column = {name: [row[place] for row in values] for place, name in enumerate(columns)}
    tensors = [
        {"name": name, "shape": [rows, 1], "datatype": "FP64", "data": [[each] for each in column]}
        for name, column in by_column.items()
    ]
    for said in (
        {"dataframe_split": {"columns": columns, "data": values, "index": list(range(rows))}},
        {"dataframe_records": records},
        {"inputs": by_column},
    ):
        assert read("application/json", json.dumps(said).encode(), rows, 40).columns == by_column
    lines = "\n".join(",".join(map(str, line)) for line in [columns, *values])
    assert read("text/csv", lines.encode(), rows, 40).rows == rows
    asked = inference_protocol.asked({}, json.dumps({"inputs": tensors}).encode(), rows, 40)
    assert asked.table.columns == by_column


HEAD = (
    b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
)


def sent(client: socket.socket, body: bytes) -> bytes:
    """What comes back; the server may close while it is still being sent to."""
    try:
        client.sendall(body)
        return client.recv(65536)
    except (ConnectionError, TimeoutError):
        return b""


def test_bodies_that_are_held_are_limited_together_and_room_is_made_again(bundle, tmp_path):
    limits = {"max_body_bytes": 1_000_000, "max_waiting_bytes": 2_500_000}
    with serving(deployed(bundle, tmp_path / "deployment", **limits), tmp_path) as served:
        held = [socket.create_connection(("127.0.0.1", served.port), timeout=20) for _ in range(3)]
        answers = []
        for client in held:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
            client.sendall(HEAD % 1_000_000)
            client.settimeout(1 if client is not held[-1] else 20)
            answers.append(sent(client, b" " * 999_999))
        assert answers[:2] == [b"", b""]
        assert not answers[2] or answers[2].startswith(b"HTTP/1.1 503")
        _, text, _ = served.ask("GET", "/metrics")
        assert 'serving_requests_rejected_total{reason="memory"} 1' in text.decode()
        assert served.post({"instances": [ROW]})[0] == 200  # what comes in one piece is no matter
        for client in held:
            client.close()
        body = json.dumps({"instances": [ROW]}).encode().ljust(1_000_000)
        until(lambda: served.post(body, content_type="application/json")[0] == 200)


def most_mebibytes(process: int) -> float:
    """The most memory that a process has had resident."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel does not tell it")
def test_the_worst_that_clients_can_send_stays_within_the_memory_of_the_pod(bundle, tmp_path):
    with serving(deployed(bundle, tmp_path / "deployment", timeout_seconds=60.0), tmp_path) as served:
        stalled = [socket.create_connection(("127.0.0.1", served.port), timeout=1) for _ in range(3)]
        for client in stalled:
            client.sendall(HEAD % MOST)
            assert sent(client, b" " * (MOST - 1_000_000)) == b""
        for body in HOSTILE.values():
            assert served.post(body[:MOST], content_type="application/json")[0] == 413
        (process,) = served.workers.values()
        used = most_mebibytes(process)
        for client in stalled:
            client.close()
    allowed = memory_mebibytes(vars(SETTINGS)) - PARENT_MEBIBYTES
    assert BASE_MEBIBYTES / 4 < used < allowed
