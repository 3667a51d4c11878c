"""Whatever is sent, a client is told what was wrong with it, where, and by which rule; the server goes on."""

import json
import math
import socket
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.components.serving.conftest import ROW, deployed, serving

JSON = "application/json"


def problems(content) -> set[tuple]:
    return {(each["row"], each["column"], each["rule"]) for each in content["problems"]}


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("age", "old", "not of type integer"),
        ("age", 30.5, "not of type integer"),
        ("age", True, "not of type integer"),
        ("age", None, "missing"),
        ("age", math.nan, "missing"),
        ("age", 940, "above"),
        ("age", -1, "below"),
        ("age", 10**30, "not of type integer"),
        ("age", [40], "not of type integer"),
        ("age", {"years": 40}, "not of type integer"),
        ("age", "", "missing"),
        ("foreign_born", 2, "not of type boolean"),
        ("foreign_born", "perhaps", "not of type boolean"),
        ("marital_status", "in love", "no known category"),
        ("marital_status", 1, "no known category"),
        ("marital_status", 1.5, "not of type category"),
        ("marital_status", None, "missing"),
        ("marital_status", [], "not of type category"),
    ],
)
def test_a_value_that_breaks_a_rule_is_named_by_row_column_and_rule(server, column, value, rule):
    status, content = server.post({"instances": [ROW, {**ROW, column: value}]})
    assert status == 422
    ((row, name, broken),) = problems(content)
    assert (row, name, broken.startswith(rule)) == (1, column, True)
    assert f"row 1, column '{column}': {rule}" in content["message"]


@pytest.mark.parametrize("number", ["1e400", "-1e400", "Infinity", "-Infinity", "9" * 5000])
def test_numbers_beyond_all_doubles_are_refused(server, number):
    body = json.dumps({"instances": [ROW]}).replace("40", number)
    status, content = server.post(body.encode(), content_type=JSON)
    assert 400 <= status < 500
    assert content["message"]


def test_missing_and_unknown_columns_are_every_rows_problem(server):
    row = {name: value for name, value in ROW.items() if name != "age"} | {"salary": 1}
    status, content = server.post({"instances": [row]})
    assert status == 422
    assert problems(content) == {(None, "age", "missing column"), (None, "salary", "unknown column")}


def test_sensitive_columns_are_taken_and_checked_though_the_model_does_not_see_them(server):
    _, plain = server.post({"instances": [ROW]})
    assert server.post({"instances": [{**ROW, "sex": "female", "race": "white"}]}) == (200, plain)
    status, content = server.post({"instances": [{**ROW, "sex": "unheard of"}]})
    assert (status, problems(content)) == (422, {(0, "sex", "no known category")})


SPLIT = {"columns": list(ROW), "data": [list(ROW.values())]}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"dataframe_split": {**SPLIT, "data": [list(ROW.values()), [1]]}}, "row 1 has 1 values"),
        ({"dataframe_split": {**SPLIT, "data": [1]}}, "row 0 has no list"),
        ({"dataframe_split": {**SPLIT, "data": 1}}, "must be a list of rows"),
        ({"dataframe_split": {**SPLIT, "columns": 1}}, "must be a list of names"),
        ({"dataframe_split": {"columns": ["age", "age"], "data": [[1, 2]]}}, "'age' comes twice"),
        ({"dataframe_split": {**SPLIT, "more": 1}}, "dataframe_split must be"),
        ({"dataframe_split": {**SPLIT, "data": []}}, "no rows"),
        ({"dataframe_records": [ROW, 1]}, "Row 1 is no object"),
        ({"dataframe_records": ROW}, "must be a list of objects"),
        ({"instances": [[1, 2]]}, "Row 0 is no object"),
        ({"inputs": {"age": [1], "education": [1, 2]}}, "Ragged columns"),
        ({"inputs": {"age": [1], "education": 1}}, "is no list, and others are"),
        ({"inputs": {}}, "no rows"),
        ({"inputs": 3}, "must be a list of objects"),
        ({"instances": [ROW], "inputs": {}}, "an object with one of"),
        ({"instances": [ROW], "params": {"temperature": 1}}, "takes no params"),
        ({"rows": [ROW]}, "an object with one of"),
        ([ROW], "an object with one of"),
        (None, "an object with one of"),
    ],
)
def test_a_body_of_another_form_is_told_what_is_wanted(server, body, told):
    status, content = server.post(json.dumps(body), content_type=JSON)
    assert (status, told in content["message"]) == (400, True), content


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b'{"instances": [', b"\xff\xfe", b'{"instances": "\xff"}', b"[" * 15_000, b'{"a":' * 15_000,
        b'{"instances": [NaN', b"NaN", b'{"instances": [{"age": "\\ud800", "x": NaN}]}', b"nul", b'{"instances": [1,]}',
        b"[" * 15_000 + b"NaN" + b"]" * 15_000,
    ],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
def test_a_body_that_is_no_json_is_refused(server, body):
    status, content = server.post(body, content_type=JSON)
    assert status == 400
    assert content["message"]


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/xml", "multipart/form-data", "text/csv; charset=latin-1", "\xff"],
)
def test_another_content_type_is_refused(server, content_type):
    status, content = server.post(json.dumps({"instances": [ROW]}), content_type=content_type)
    assert (status, "send" in content["message"]) == (415, True)


def test_a_compressed_body_is_refused(server):
    assert server.post(b"x", content_type=JSON, content_encoding="gzip")[0] == 415


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("age,age\n1,2\n", "'age' comes twice"),
        ("age,education\n1\n", "row 0 has 1 values"),
        ('age\n"1\n', "cannot be read"),
        ("age\n", "no rows"),
        ("", "no rows"),
        ("\0", "no rows"),
        (b"age\n\xff\n", "not in UTF-8"),
    ],
)
def test_csv_that_is_none_is_refused(server, body, told):
    status, content = server.post(body, content_type="text/csv")
    assert (status, told in content["message"]) == (400, True), content


def test_csv_may_begin_with_a_mark_and_quote_its_values(server):
    lines = ["﻿" + ",".join(f'"{name}"' for name in ROW), ",".join(f'"{value}"' for value in ROW.values())]
    assert server.post("\r\n".join(lines).encode(), content_type="text/csv") == server.post(
        {"instances": [ROW]}
    )


def test_a_path_that_there_is_not_and_a_method_that_it_does_not_know(server):
    assert server.ask("GET", "/nowhere")[0] == 404
    for method, path, allowed in (("GET", "/invocations", "POST"), ("DELETE", "/ping", "GET, HEAD")):
        status, _, answer = server.ask(method, path)
        assert (status, answer.headers["allow"]) == (405, allowed)


def test_a_truncated_body_harms_nobody_else(server):
    for length in (b"100", b"99999999999999999999", b"-1", b"ten"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(
                b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: " + length + b"\r\n\r\n{"
            )
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert server.post({"instances": [ROW]})[0] == 200


def test_a_request_in_which_all_is_odd_is_answered_in_bounded_length(server):
    row = {f"column {n} {'x' * 1000}": "y" * 10_000 for n in range(500)}
    connection = server.connect()
    connection.request("POST", "/invocations", json.dumps({"instances": [row]}), {"content-type": JSON})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status == 422
    assert len(content) < 100_000
    assert json.loads(content)["problems_total"] == 505


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(list(ROW)), inner, max_size=3)
    ),
    max_leaves=8,
)
rows = st.dictionaries(st.sampled_from(list(ROW)), anything, max_size=5).map(lambda some: {**ROW, **some})
bodies = st.one_of(
    anything,
    st.sampled_from(["dataframe_split", "dataframe_records", "instances", "inputs"]).flatmap(
        lambda form: st.dictionaries(st.just(form), anything | st.lists(rows, max_size=3), min_size=1)
    ),
    st.lists(anything, max_size=5).map(
        lambda data: {"dataframe_split": {"columns": list(ROW), "data": [data]}}
    ),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies)
def test_no_json_makes_the_server_fail(server, body):
    for path in ("/invocations", "/v2/models/job_coaching/infer"):
        status, content, _ = server.ask("POST", path, json.dumps(body), content_type=JSON)
        assert status == 200 or 400 <= status < 500
        assert "predictions" in content or content["error"]


@pytest.fixture(scope="module")
def lenient(bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lenient")
    with serving(deployed(bundle, folder / "deployment", bad_rows="set_aside"), folder) as served:
        yield served


def test_bad_rows_may_be_set_aside_and_the_others_answered(server, lenient):
    young = {**ROW, "age": 30}
    _, wanted = server.post({"instances": [ROW, young]})
    status, content = lenient.post(
        {"instances": [ROW, {**ROW, "age": 940}, young, {**ROW, "marital_status": "?"}]}
    )
    assert status == 200
    assert content["predictions"] == [wanted["predictions"][0], None, wanted["predictions"][1], None]
    assert [(each["row"], each["column"]) for each in content["problems"]] == [
        (1, "age"),
        (3, "marital_status"),
    ]
    assert content["problems_total"] == 2


def test_where_no_row_is_good_the_request_is_refused(lenient):
    assert lenient.post({"instances": [{**ROW, "age": 940}]})[0] == 422
    assert lenient.post({"instances": [{**ROW, "salary": 1}]})[0] == 422


def test_tensors_have_nothing_for_a_row_that_was_set_aside(lenient):
    values = {name: [value, value] for name, value in ROW.items()} | {"age": [940, 40]}
    types = {"age": "INT64", "education": "INT64", "foreign_born": "BOOL"}
    inputs = [
        {"name": name, "shape": [2], "datatype": types.get(name, "BYTES"), "data": data}
        for name, data in values.items()
    ]
    status, content, _ = lenient.ask("POST", "/v2/models/job_coaching/infer", {"inputs": inputs})
    assert status == 200
    assert [each["data"][0] for each in content["outputs"]] == [None, None]
    assert all(each["data"][1] is not None for each in content["outputs"])
    assert json.loads(content["parameters"]["problems"])["problems"][0]["column"] == "age"
