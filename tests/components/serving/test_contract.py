"""The server's verdict on a row is the one that training gave, rule by rule."""

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.data import checks
from components.data.contract import ColumnRule, Contract
from components.data.contract_json import to_json
from components.errors import BundleError, ContractError, DataError
from components.serving.contract import MISSING_COLUMN, UNKNOWN_COLUMN, WHOLE, Rules

WORDS = [
    "a",
    "b",
    "7",
    "true",
    "false",
    "NA",
    "N/A",
    "null",
    "",
    "nan",
    "None",
    " a",
    "A",
    "1",
    "0",
    "T",
    "yes",
    "off",
    "1.0",
    "-3",
    "+4",
    "1e3",
]
ODD = [
    " 12 ",
    "1_000",
    "0x10",
    "1.",
    ".5",
    "--1",
    "1e",
    "9223372036854775807",
    "9223372036854775808",
    "1e400",
    "inf",
    "-Infinity",
    "٣",
]
DATES = ["2015-01-02", "2015-1-2", "2015-02-30", "2015-01-02T03:04", "2015-01-02 03:04:05.123456789", "2015-01-02T03:04:05Z",
    "2015-01-02T03:04:05+0230", "2015-01-02T03:04:05-23:59", "2015-01-02T03:04Z", "2015-01-02T24:00:00", "2015/01/02", "20150102",
    "2015-01-02T03:04:05+25:00", "0001-01-01", "9999-12-31", "2015-01-02t03:04", "2015-01-02T03", "2015-01-02T03:04:05.", "N/A "]  # fmt: skip

texts = (
    st.sampled_from(WORDS + ODD + DATES)
    | st.text(max_size=4)
    | st.integers().map(str)
    | st.floats(width=32).map(str)
)
SERIES = {
    pl.Int64: st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5),
    pl.Float64: st.floats() | st.integers(-5, 5).map(float) | st.sampled_from([1.5, 2.0**63, -0.0]),
    pl.Boolean: st.booleans(),
    pl.String: texts,
}
bounds = st.none() | st.integers(-3, 3).map(float) | st.sampled_from([-2.5, 0.5, 1e18])
categories = st.none() | st.lists(st.sampled_from(WORDS), min_size=1, max_size=8, unique=True).map(tuple)


@st.composite
def rules(draw: st.DrawFn) -> ColumnRule:
    kind = draw(st.sampled_from(["boolean", "integer", "number", "category", "text", "datetime"]))
    numeric = kind in ("integer", "number")
    named = draw(st.lists(st.sampled_from(WORDS), min_size=1, unique=True)) if kind == "category" else None
    return ColumnRule(
        "x",
        kind,
        nullable=draw(st.booleans()),
        minimum=draw(bounds) if numeric else None,
        maximum=draw(bounds) if numeric else None,
        categories=tuple(named) if named else None,
    )


@st.composite
def columns(draw: st.DrawFn) -> tuple[Any, list[Any]]:
    dtype = draw(st.sampled_from(list(SERIES)))
    return dtype, draw(st.lists(st.none() | SERIES[dtype], min_size=3, max_size=8))


def verdicts(rule: ColumnRule, dtype: Any, values: list[Any]) -> list[set[str]] | None:
    """The rules that each row breaks, as training's check tells them; None where no value is of the type at all."""
    n, classes = list(range(len(values))), [row % 2 == 0 for row in range(len(values))]
    table = pl.DataFrame({"x": pl.Series(values, dtype=dtype), "n": n, "y": classes})
    contract = Contract((rule, ColumnRule("n", "integer"), ColumnRule("y", "boolean")))
    try:
        checked = checks.check(table, contract, target="n")
    except ContractError:
        return None
    bad = dict(checked.quarantined.select("n", checks.REASONS).iter_rows())
    return [{reason.removeprefix("x: ") for reason in bad.get(row, "").split("; ") if reason} for row in n]


@settings(max_examples=500, deadline=None)
@given(rule=rules(), column=columns())
def test_verdicts_are_those_of_training(rule, column):
    dtype, values = column
    try:
        wanted = verdicts(rule, dtype, values)
    except DataError:
        return  # fewer than two rows are left, which training cannot learn from
    checked = Rules.from_json(to_json(Contract((rule,)), ["x"])).check({"x": values}, len(values))
    found: list[set[str]] = [set() for _ in values]
    for problem in checked.problems:
        found[problem.row].add(problem.rule)
    if wanted is None:
        assert {f"not of type {rule.type}"} in found
        assert set().union(*found) <= {f"not of type {rule.type}", "missing"}
        return
    for value, ours, theirs in zip(values, found, wanted, strict=True):
        if ours == {"infinite"}:
            assert rule.type == "number"  # which training lets pass where there is no bound
            assert not theirs
        else:
            assert bool(ours) == bool(theirs), (value, ours, theirs)
            assert ours <= theirs  # of two rules that a value breaks, the server tells the first


WHOLE_NUMBERS = st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**400])
SENT = st.sampled_from([
    st.none() | WHOLE_NUMBERS,
    st.none() | WHOLE_NUMBERS | st.integers(-3, 3).map(float) | st.sampled_from([-0.0, 2.0**53, 2.0**63, 1.5, math.nan, math.inf]),
    st.none() | st.sampled_from([0, 1, 0.0, 1.0, -0.0, True, False]),
    st.none() | st.sampled_from(WORDS),
    st.none() | texts | st.booleans() | st.floats() | WHOLE_NUMBERS | st.just([1]),
]).flatmap(lambda of: st.lists(of, min_size=1, max_size=6))  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(rule=rules(), values=SENT)
def test_rows_that_come_together_are_read_as_each_alone(rule, values):
    """What is quick for many plain values says the same as reading them one by one."""
    served = Rules.from_json(to_json(Contract((rule,)), ["x"]))
    together = served.check({"x": values}, len(values))
    found = {problem.row: problem.rule for problem in together.problems}
    for row, value in enumerate(values):
        alone = served.check({"x": [value]}, 1)
        wanted, broken = served.features[0].read(value)
        assert found.get(row, "") == broken
        assert [each.rule for each in alone.problems] == ([broken] if broken else [])
        for taken in (together.columns["x"][row], alone.columns["x"][0]):
            kept = None if broken else wanted
            assert (taken, type(taken)) == (kept, type(kept))


def check(rule: ColumnRule, *values: Any) -> Any:
    return Rules.from_json(to_json(Contract((rule,)), ["x"])).check({"x": list(values)}, len(values))


def test_a_problem_names_row_column_rule_and_what_was_found():
    checked = check(ColumnRule("x", "integer", minimum=18, maximum=64), 30, 17, 65, 1.5, None, "old")
    told = [(each.row, each.column, each.rule, each.found) for each in checked.problems]
    assert told == [
        (1, "x", "below 18", "17"),
        (2, "x", "above 64", "65"),
        (3, "x", "not of type integer", "1.5"),
        (4, "x", "missing", "nothing"),
        (5, "x", "not of type integer", "'old'"),
    ]
    assert checked.bad_rows == {1, 2, 3, 4, 5}
    assert checked.columns["x"] == [30, None, None, None, None, None]


@pytest.mark.parametrize(
    "value", [math.inf, -math.inf, 10**400, -(10**400)], ids=["inf", "-inf", "huge", "-huge"]
)
def test_an_infinite_number_is_refused_even_without_bounds(value):
    assert [each.rule for each in check(ColumnRule("x", "number"), value).problems] == ["infinite"]


@pytest.mark.parametrize("value", [[1], {"a": 1}, [], [[[[[]]]]]])
def test_what_is_no_single_value_is_of_no_type(value):
    for kind in ("boolean", "integer", "number", "category", "text", "datetime"):
        problem = check(ColumnRule("x", kind), value).problems[0]
        assert problem.rule == f"not of type {kind}"
        assert problem.found in ("a list", "an object")


def test_columns_that_are_missing_or_unknown_are_every_rows_problem():
    contract = Contract((ColumnRule("x", "number"), ColumnRule("s", "text")))
    checked = Rules.from_json(to_json(contract, ["x"], ["s"])).check({"z": [1, 2]}, 2)
    assert [(each.row, each.column, each.rule) for each in checked.problems] == [
        (WHOLE, "x", MISSING_COLUMN),
        (WHOLE, "z", UNKNOWN_COLUMN),
    ]
    assert checked.bad_rows == {0, 1}


def test_optional_columns_are_checked_and_kept_for_the_log_and_not_given_to_the_program():
    contract = Contract((ColumnRule("x", "number"), ColumnRule("s", "category", categories=("a", "b"))))
    both = Rules.from_json(to_json(contract, ["x"], ["s"]))
    checked = both.check({"x": [1.0], "s": ["a"]}, 1)
    assert (checked.columns, list(checked.arrays)) == ({"x": [1.0], "s": ["a"]}, ["x"])
    assert both.check({"x": [1.0], "s": ["c"]}, 1).problems[0].rule == "no known category"
    assert not both.check({"x": [1.0]}, 1).problems


def test_rows_without_the_bad_ones_keep_their_order():
    checked = check(ColumnRule("x", "integer"), 1, "no", 3).rows([0, 2])
    assert checked.columns == {"x": [1, 3]}
    assert checked.arrays["x"].tolist() == [1.0, 3.0]
    assert not checked.problems


@pytest.mark.parametrize(
    "contract",
    [
        {},
        {"version": 2, "features": [], "optional": []},
        {"version": 1},
        {"version": 1, "features": [{"type": "colour"}], "optional": []},
    ],
)
def test_another_contract_is_refused(contract):
    with pytest.raises(BundleError, match=r"contract\.json"):
        Rules.from_json(contract)
