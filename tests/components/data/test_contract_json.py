import json

import pytest

from components.data.contract import ColumnRule, Contract
from components.data.contract_json import to_json
from components.errors import ContractError

CONTRACT = Contract(
    (
        ColumnRule("age", "integer", minimum=18, maximum=64),
        ColumnRule("race", "category", nullable=True, categories=("asian", "white")),
        ColumnRule("person", "integer", unique=True),
    )
)


def test_the_features_carry_the_rules_that_one_row_can_break() -> None:
    assert to_json(CONTRACT, ["age"], [])["features"] == [
        {
            "name": "age",
            "type": "integer",
            "nullable": False,
            "minimum": 18,
            "maximum": 64,
            "categories": None,
        }
    ]


def test_optional_columns_stand_apart() -> None:
    written = to_json(CONTRACT, ["age"], ["race"])
    assert [rule["name"] for rule in written["optional"]] == ["race"]
    assert written["optional"][0]["categories"] == ["asian", "white"]


def test_a_sensitive_feature_is_written_once() -> None:
    assert to_json(CONTRACT, ["age", "race"], ["race"])["optional"] == []


def test_the_features_keep_the_order_of_the_model() -> None:
    assert [rule["name"] for rule in to_json(CONTRACT, ["race", "age"], [])["features"]] == ["race", "age"]


def test_it_is_plain_json() -> None:
    written = to_json(CONTRACT, ["age", "race"], ["person"])
    assert json.loads(json.dumps(written, allow_nan=False)) == written


def test_a_feature_that_is_no_column_is_named() -> None:
    with pytest.raises(ContractError, match="no column 'income'"):
        to_json(CONTRACT, ["income"], [])


def test_columns_that_are_kept_for_monitoring_take_any_value_of_their_type() -> None:
    """A person that training never saw has a number above all that it saw."""
    rules = (
        ColumnRule("age", "integer"),
        ColumnRule("person", "integer", minimum=1, maximum=900, unique=True),
    )
    (kept,) = to_json(Contract(rules), ["age"], kept=["person", "age"])["optional"]
    assert (kept["name"], kept["type"], kept["minimum"], kept["maximum"]) == ("person", "integer", None, None)
    assert kept["nullable"]


@pytest.mark.parametrize("part", range(3))
def test_no_column_has_the_name_of_one_of_the_prediction_logs(part) -> None:
    given: list[list[str]] = [["age"], [], []]
    given[part] = [*given[part], "variant"]
    with pytest.raises(ContractError, match=r"\['variant'\] have the names .* rename"):
        to_json(CONTRACT, *given)
