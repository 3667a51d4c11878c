"""What is predicted: codes of classes, or numbers, and nothing that training did not know."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from components.errors import ConfigError, DataError
from components.training.target import Target, require_every_class, shares, target_of

WINES = pl.DataFrame(
    {"wine": ["red", "white", "rosé", "red"], "points": [80.0, 90.5, 70.0, 85.0], "stars": [1, 2, 10, 1]}
)


def test_of_two_classes_the_positive_one_has_code_one_whatever_its_case():
    target = target_of(WINES, "wine", "binary", "RED")
    assert target.encoded(WINES["wine"].to_pandas()).tolist() == [1, 0, 0, 1]


def test_of_two_classes_the_others_are_known_unless_they_are_too_many():
    assert target_of(WINES, "wine", "binary", "RED").negatives == ("rosé", "white")
    many = pl.DataFrame({"x": list(range(60))})
    assert target_of(many, "x", "binary", "1").negatives == ()


@pytest.mark.parametrize("positive", ["1", "1.0"])
@pytest.mark.parametrize("values", [[0, 1], [0.0, 1.0], ["0", "1"], ["0.0", "1.0"]])
def test_whole_numbers_are_one_class_however_they_are_written(values, positive):
    target = target_of(pl.DataFrame({"paid": [0, 1]}), "paid", "binary", positive)
    assert target.negatives == ("0",)
    assert target.encoded(pd.Series(values)).tolist() == [0, 1]


def test_several_classes_are_coded_in_order_and_numbers_as_numbers():
    target = target_of(WINES, "stars", "multiclass")
    assert target.classes == ("1", "2", "10")
    assert target.encoded(pd.Series([10.0, 1.0, 2.0])).tolist() == [2, 0, 1]


def test_a_class_that_training_did_not_know_is_named():
    target = target_of(WINES, "wine", "multiclass")
    with pytest.raises(DataError, match=r"'wine' holds \['orange'\]"):
        target.encoded(pd.Series(["red", "orange"]))


def test_numbers_stay_what_they_are():
    target = target_of(WINES, "points", "regression")
    np.testing.assert_array_equal(target.encoded(WINES["points"].to_pandas()), [80.0, 90.5, 70.0, 85.0])


def test_numbers_that_are_not_finite_are_counted():
    with pytest.raises(DataError, match="has 2 values that are no finite numbers"):
        Target("points", "regression").encoded(pd.Series([1.0, np.nan, np.inf], name="points"))


@pytest.mark.parametrize(
    ("column", "task", "said"),
    [
        ("wine", "regression", "holds no numbers"),
        ("points", "multiclass", None),
        ("wine", "multiclass", None),
    ],
)
def test_a_task_that_does_not_fit_is_refused(column, task, said):
    if said is None:
        assert len(target_of(WINES, column, task).classes) >= 3
        return
    with pytest.raises(ConfigError, match=said):
        target_of(WINES, column, task)


@pytest.mark.parametrize("values", [["a", "b"], [str(n) for n in range(60)]], ids=["two", "sixty"])
def test_too_few_or_too_many_classes_are_refused_with_their_number(values):
    with pytest.raises(ConfigError, match=f"holds {len(values)} classes"):
        target_of(pl.DataFrame({"kind": values}), "kind", "multiclass")


def test_a_class_that_is_missing_in_a_part_is_named_with_the_part():
    target = target_of(WINES, "wine", "multiclass")
    values, part = pd.Series(["red", "rosé", "white"] * 4), np.array([0] * 9 + [1] * 3)
    require_every_class(target, values, part, ("train", "holdout"), least=1)
    with pytest.raises(
        DataError, match=r"The holdout part has too few rows of red \(1\), rosé \(1\), white \(1\)"
    ):
        require_every_class(target, values, part, ("train", "holdout"), least=2)


def test_shares_are_weighted():
    np.testing.assert_allclose(shares([0, 1, 1], 3, np.array([2.0, 1.0, 1.0])), [0.5, 0.5, 0.0])
