"""The verdict on a row of a scored table is the one that training gave, and the one that the server gives."""

import math
from typing import Any

import polars as pl
from hypothesis import example, given, settings

from components.data.checks import judge
from components.data.contract import ColumnRule, Contract
from components.data.contract_json import from_json, to_json
from components.errors import DataError
from components.serving.contract import Rules
from tests.components.serving.test_contract import columns, rules, verdicts


def found(rule: ColumnRule, dtype: Any, values: list[Any]) -> list[set[str]]:
    """The rules that each row breaks, by a contract that came out of its bundle's form again."""
    contract, _ = from_json(to_json(Contract((rule,)), ["x"]))
    judged = judge(pl.DataFrame({"x": pl.Series(values, dtype=dtype)}), contract)
    reasons = iter(judged.reasons.to_list())
    told = (next(reasons) if bad else "" for bad in judged.bad)
    return [{reason.removeprefix("x: ") for reason in each.split("; ") if reason} for each in told]


@settings(max_examples=300, deadline=None)
@given(rule=rules(), column=columns())
def test_they_are_those_of_training_and_infinite_numbers_besides(rule, column):
    dtype, values = column
    try:
        wanted = verdicts(rule, dtype, values)
    except DataError:
        return  # fewer than two rows are left, which training cannot learn from
    ours = found(rule, dtype, values)
    if wanted is None:  # training refuses a table of whose column no value can be read
        assert {f"not of type {rule.type}"} in ours
        assert set().union(*ours) <= {f"not of type {rule.type}", "missing"}
        return
    assert [each - {"infinite"} for each in ours] == wanted


@settings(max_examples=300, deadline=None)
@given(rule=rules(), column=columns())
@example(rule=ColumnRule("x", "number"), column=(pl.Float64, [math.inf, 0.0, -math.inf]))
def test_they_are_those_of_the_server(rule, column):
    dtype, values = column
    checked = Rules.from_json(to_json(Contract((rule,)), ["x"])).check({"x": values}, len(values))
    theirs: list[set[str]] = [set() for _ in values]
    for problem in checked.problems:
        theirs[problem.row].add(problem.rule)
    for value, ours, server in zip(values, found(rule, dtype, values), theirs, strict=True):
        assert server <= ours, value  # of two rules that a value breaks, the server tells the first
        assert bool(server) == bool(ours), value


@settings(max_examples=200, deadline=None)
@given(rule=rules(), column=columns())
def test_the_values_that_are_scored_are_those_that_the_server_scores(rule, column):
    dtype, values = column
    checked = Rules.from_json(to_json(Contract((rule,)), ["x"])).check({"x": values}, len(values))
    judged = judge(pl.DataFrame({"x": pl.Series(values, dtype=dtype)}), Contract((rule,)))
    read = judged.rows["x"]
    if rule.type == "datetime":
        read = read.dt.epoch("us") / 1e6
    ours = [value for value, bad in zip(read.to_list(), judged.bad, strict=True) if not bad]
    theirs = [value for row, value in enumerate(checked.columns["x"]) if row not in checked.bad_rows]
    assert ours == theirs
