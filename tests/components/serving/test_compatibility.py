"""A split needs two bundles that take and answer the same; a shadow needs what the champion is sent."""

import json

import pytest

from components.serving.compatibility import Interface, apart, differences
from components.serving.contract import Rules
from components.training.features import Columns
from tests.components.serving.bundles import bundle


def interface(features: str, optional: str = "", predictions: str = "y_score y_pred") -> Interface:
    return Interface(*(frozenset(words.split()) for words in (features, optional, predictions)))


CHAMPION = interface("age education", "sex")


def test_an_interface_is_what_contract_and_recorded_predictions_name():
    files = bundle(columns=Columns(("age",), ("relationship",))).files
    said = json.loads(files["smoke.json"])["predictions"]
    found = Interface.of(Rules.from_json(json.loads(files["contract.json"])), said)
    assert found == interface("age relationship", "sex")


@pytest.mark.parametrize("mode", ["split", "shadow"])
def test_the_same_columns_and_predictions_stand_beside_each_other(mode):
    assert apart(mode, CHAMPION, interface("education age", "sex", "y_pred y_score")) == ""


@pytest.mark.parametrize(
    ("challenger", "told"),
    [
        (interface("age education city", "sex"), "the challenger alone wants 'city'"),
        (interface("age", "sex"), "the champion alone wants 'education'"),
        (interface("age education"), "the champion alone may be given 'sex'"),
        (interface("age education", "sex race"), "the challenger alone may be given 'race'"),
        (
            interface("age education", "sex", "y_score_a y_pred"),
            "the champion alone answers 'y_score'; the challenger alone answers 'y_score_a'",
        ),
    ],
)
def test_a_split_between_two_contracts_is_refused_with_what_differs(challenger, told):
    assert differences(CHAMPION, challenger) == told
    assert told in apart("split", CHAMPION, challenger)


def test_a_shadow_that_wants_what_the_champion_never_gets_is_refused():
    assert "takes no 'city'" in apart("shadow", CHAMPION, interface("age city"))


@pytest.mark.parametrize("challenger", [interface("age"), interface("age sex"), interface("age", "race")])
def test_a_shadow_may_take_less_than_the_champion(challenger):
    assert apart("shadow", CHAMPION, challenger) == ""
