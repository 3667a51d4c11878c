import pickle

import pytest

from components.data.contract import ColumnRule, Contract
from components.errors import ContractError


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (ColumnRule("a", "integer", minimum=18.0, maximum=64.0), "at least 18 and at most 64"),
        (ColumnRule("a", "number", maximum=0.5), "at most 0.5"),
        (ColumnRule("a", "category", categories=("x", "y")), "x, y"),
        (ColumnRule("a", "boolean"), "any boolean"),
    ],
)
def test_a_rule_says_what_is_allowed(rule: ColumnRule, words: str) -> None:
    assert rule.allowed == words


def test_a_contract_gives_its_columns(contract: Contract) -> None:
    assert contract.names[:2] == ("year", "age")
    assert contract.types["race"] == "category"
    assert contract.column("age").maximum == 69


def test_a_column_that_is_not_there_is_named(contract: Contract) -> None:
    with pytest.raises(ContractError, match="no column 'income'; it has year, age"):
        contract.column("income")


def test_a_contract_can_be_an_artifact(contract: Contract) -> None:
    assert pickle.loads(pickle.dumps(contract)) == contract
