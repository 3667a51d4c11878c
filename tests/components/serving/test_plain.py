"""Plain rows are read straight into the program's matrix, and are what a closer look makes of them; others are left to it."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.serving import mlflow_protocol
from components.serving import program as runtime
from components.serving.columns import Rule
from components.serving.contract import Rules
from components.serving.deployment import Deployment
from components.serving.metrics import Metrics
from components.serving.plain import MOST_ORDERS, Reader
from components.serving.prediction_log import PredictionLog, Record, Written, read
from components.serving.scoring import Scorer
from components.serving.settings import ServingSettings
from tests.components.serving.conftest import ROW, deployed, serving

FEATURES = (
    Rule("age", "integer", False, 16, 64, None, True),
    Rule("children", "integer", True, 0, None, None, True),
    Rule("employed", "boolean", False, None, None, None, True),
    Rule("income", "number", True, None, 1e6, None, True),
    Rule("town", "category", False, None, None, ("a", "b", 'c "ü"'), True),
    Rule("colour", "category", True, None, None, ("red", "", "blue"), True),
)
OPTIONAL = (Rule("sex", "category", True, None, None, ("f", "m"), False),)
KINDS = {rule.name: "string" if rule.textual else "double" for rule in FEATURES}
NUMBERS = {
    "town": runtime._numbers({"numbers": {"a": 2.0, "b": 0.5, "__missing__": 9.0}, "other": -1.0}),
    "colour": runtime._numbers({"numbers": {"red": 4.0, "blue": 3.0, "__missing__": 7.0}, "other": None}),
}
PLAIN = {"age": 40, "children": 2, "employed": True, "income": 10.5, "town": "a", "colour": "red"}
RULES = Rules(FEATURES, OPTIONAL)


def reader() -> Reader:
    made = Reader.of(FEATURES, OPTIONAL, tuple(KINDS), NUMBERS)
    assert made is not None
    return made


def split(rows: list[dict], names: list[str] | None = None, **more) -> bytes:
    names = names or list(rows[0])
    data = [[row[name] for name in names] for row in rows]
    return json.dumps({"dataframe_split": {"columns": names, "data": data, **more}}).encode()


def closely(body: bytes):
    """The rows as the contract reads them, and their matrix."""
    table = mlflow_protocol.table("application/json", body, 10_000, 100)
    checked = RULES.check(table.columns, table.rows)
    return checked, None if checked.problems else runtime._matrix(KINDS, NUMBERS)(checked.columns)


VALUES = {
    "age": [
        16,
        64,
        40.0,
        40.0000000001,
        39.99999999999999,
        64.00000000000001,
        15,
        64.5,
        65,
        True,
        "40",
        None,
        2**53 + 1,
        -0.0,
    ],
    "children": [0, 3, 2.0, None, -1, 1.5, 2**53 - 1, 2**53, 2**64],
    "employed": [True, False, 0, 1, 0.0, 1.0, 2, 0.5, "yes", None],
    "income": [0, -1.5, 1e6, 1e6 + 1, None, 5e-324, True, "7", 10**30, -(2**63)],
    "town": ["a", "b", 'c "ü"', "d", "", None, 1],
    "colour": ["red", "blue", "green", "", None, ["red"]],
    "sex": ["f", "m", "x", None],
}


@st.composite
def tables(draw):
    """Rows that are plain but for a few values, their columns in any order."""
    names = draw(st.permutations([*PLAIN, *draw(st.sampled_from([(), ("sex",)]))]))
    count = draw(st.sampled_from([1, 2, 30]))
    rows = [{**PLAIN, "sex": "f"} for _ in range(count)]
    for row, name in draw(st.lists(st.tuples(st.integers(0, count - 1), st.sampled_from(names)), max_size=3)):
        rows[row][name] = draw(st.sampled_from(VALUES[name]))
    return split(rows, names)


READER = reader()


@settings(max_examples=400, deadline=None)
@given(tables())
def test_what_is_read_plainly_is_what_a_closer_look_finds(body):
    plain = READER.read(body)
    checked, matrix = closely(body)
    if plain is None:
        return
    assert checked.problems == ()
    np.testing.assert_array_equal(plain.matrix, matrix)
    assert Written.of(plain.kinds, body).columns() == checked.columns


@pytest.mark.parametrize("count", [1, 9])
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"age": 64.0, "employed": 0},
        {"children": None},
        {"colour": None},
        {"income": None, "colour": "blue"},
        {"town": 'c "ü"', "income": 3},
    ],
)
def test_plain_values_are_read_without_a_closer_look(count, changed):
    body = split([{**PLAIN, **changed}] * count)
    plain = reader().read(body)
    assert plain is not None
    np.testing.assert_array_equal(plain.matrix, closely(body)[1])


@pytest.mark.parametrize("count", [1, 9])
@pytest.mark.parametrize(
    "changed",
    [
        {"age": 15},
        {"age": 16.5},
        {"age": None},
        {"age": True},
        {"employed": 2},
        {"income": 1e6 + 1},
        {"town": "d"},
    ],
)
def test_what_breaks_a_rule_is_left_to_a_closer_look(count, changed):
    assert reader().read(split([*[PLAIN] * (count - 1), {**PLAIN, **changed}])) is None


def test_columns_may_come_in_any_order_and_with_those_that_only_the_log_keeps():
    found, row = reader(), {**PLAIN, "sex": "m"}
    first = found.read(split([row]))
    for names in ([*row][::-1], sorted(row), [*PLAIN]):
        again = found.read(split([row], names))
        np.testing.assert_array_equal(again.matrix, first.matrix)
    assert found.read(split([row], [*PLAIN][1:])) is None
    assert found.read(split([{**row, "other": 1}])) is None


def test_so_many_orders_are_remembered_and_no_more():
    found, names = reader(), [*PLAIN]
    for place in range(3 * MOST_ORDERS):
        order = sorted(names, key=lambda name, place=place: hash((name, place)))
        assert found.read(split([PLAIN], order)) is not None
    assert len(found._orders) <= MOST_ORDERS


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"dataframe_split": {"columns": [], "data": []}}',
        b'{"dataframe_split": {"data": [[1]]}}',
        b'{"instances": [{"age": 40}]}',
        split([PLAIN])[:-1],
        split([PLAIN]).replace(b"40", b"NaN"),
        split([PLAIN]).replace(b'"children"', b'"age"'),
        split([PLAIN], params={}),
        split([PLAIN]).replace(b"[[", b"[[1,"),
        b"[" * 100_000,
    ],
)
def test_what_is_no_such_table_is_left_to_a_closer_look(body):
    assert reader().read(body) is None


def test_an_index_of_numbers_is_plain_too():
    assert reader().read(split([PLAIN], index=[0])) is not None
    assert reader().read(split([PLAIN], index=["a"])) is None
    assert reader().read(split([PLAIN], index=[0]).replace(b"[0]", b'["\xff"]')) is None


def test_the_columns_that_count_are_those_that_the_body_names_last():
    body = split([PLAIN]).decode()
    other = json.dumps([*PLAIN][::-1])
    twice = body.replace('"data"', f'"columns": {other}, "data"').encode()
    assert reader().read(twice) is None


@pytest.mark.parametrize(
    "rule",
    [
        Rule("note", "text", True, None, None, None, True),
        Rule("when", "datetime", False, None, None, None, True),
        Rule("town", "category", False, None, None, None, True),
    ],
)
def test_texts_dates_and_open_categories_are_never_read_plainly(rule):
    assert Reader.of([rule], (), (rule.name,), {rule.name: NUMBERS["town"]}) is None


def test_a_category_that_the_program_takes_for_missing_is_not_read_plainly():
    rule = Rule("colour", "category", True, None, None, ("red", "green"), True)
    assert math.isnan(NUMBERS["colour"]["green"])
    assert Reader.of([rule], (), ("colour",), NUMBERS) is None


@pytest.mark.parametrize("count", [1, 3])
def test_the_log_reads_what_was_written_by_a_client_as_what_was_written_by_column(tmp_path, count):
    body = split([{**PLAIN, "age": 40.0, "employed": 1, "income": 3, "children": None}] * count)
    pretty = json.dumps(json.loads(body), indent=1).encode()
    said = {"y_score": [0.5] * count, "y_pred": [1] * count}
    checked, _ = closely(body)
    kinds = reader().read(pretty).kinds
    for name, columns, written in (
        ("written", {}, Written.of(kinds, pretty)),
        ("columns", checked.columns, None),
    ):
        log = PredictionLog(tmp_path / name, worker="w", mode="strict")
        log.append(Record("id", 1.5, "champion", "b", "1", columns, said, None, written))
        log.close()
    (written, none), (columns, _) = read(tmp_path / "written"), read(tmp_path / "columns")
    assert none == 0
    assert written.equals(columns)
    assert written.schema == columns.schema


def test_the_server_answers_and_logs_the_same_in_either_way(bundle, tmp_path):
    rows = [ROW, {**ROW, "age": 30}]
    with serving(deployed(bundle, tmp_path / "deployment"), tmp_path) as served:
        answers = [
            served.ask("POST", "/invocations", body, content_type="application/json", x_request_id=name)[1]
            for name, body in (("plain", split(rows)), ("records", json.dumps({"instances": rows}).encode()))
        ]
    assert answers[0] == answers[1]
    found, damaged = read(served.log_folder)
    assert damaged == 0
    told = {name: found.filter(found["prediction_id"].str.starts_with(name)) for name in ("plain", "records")}
    unlike = ("prediction_id", "served_at")
    assert told["plain"].height == 2
    assert told["plain"].drop(unlike).equals(told["records"].drop(unlike))


def test_where_not_all_may_be_logged_no_request_is_logged_as_it_was_written(bundle, tmp_path):
    with serving(deployed(bundle, tmp_path / "deployment", log_columns=["age"]), tmp_path) as served:
        assert served.post(split([ROW]), content_type="application/json")[0] == 200
    found, _ = read(served.log_folder)
    assert found["age"].to_list() == [40]
    assert "marital_status" not in found.columns
    assert not [path for path in served.log_folder.rglob("*.jsonl") if b"married" in path.read_bytes()]


def test_what_cannot_be_kept_behind_its_answer_is_counted_as_lost(bundle, tmp_path):
    log = PredictionLog(tmp_path / "log", worker="w")
    deployment = Deployment.of_bundle(bundle)
    scorer = Scorer(deployment, log, ServingSettings(), Metrics(tmp_path))
    request = scorer.plainly(split([ROW, ROW]), "id", 10)
    behind = []
    (scored,) = scorer.score([request], lambda *call: behind.append(call))
    assert (len(scored.predictions["y_score"]), len(behind)) == (2, 1)
    assert (log.flush(), log.written_bytes) == (True, 0)
    keep, *given = behind[0]
    keep(*given)
    assert log.flush()
    assert read(tmp_path / "log")[0].height == 2
    keep(request, [{"y_score": [object(), object()], "y_pred": [0, 0]}], scored)
    assert log.lost == 2
    log.close()
