"""What a target's values make of it."""

import polars as pl
import pytest

from components.data.adopt.look import look
from components.data.adopt.target import Target, task_of
from components.errors import ConfigError, DataError


def target(values: list, wanted: str = "") -> Target:
    return task_of(look(pl.Series("t", values)), wanted)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["yes", "no"] * 50, "binary"),
        (["red", "white", "rosé"] * 50, "multiclass"),
        ([1, 2, 3, 4] * 50, "multiclass"),
        (list(range(20)) * 10, "regression"),
        ([n / 7 for n in range(200)], "regression"),
        (["1,234.5", "2,000.0", "17.25", "900.0"] * 50, "regression"),
    ],
    ids=[
        "two words",
        "three words",
        "few whole numbers",
        "many whole numbers",
        "fractions",
        "numbers as texts",
    ],
)
def test_the_task_follows_the_values(values, task):
    assert target(values).task == task


def test_whole_numbers_that_could_be_amounts_are_asked_about_and_may_be_named():
    stars = [1, 2, 3, 4, 5] * 60
    assert "TASK=regression" in target(stars).decide
    assert target(stars, "regression").task == "regression"
    assert target(stars, "regression").codes.dtype.kind == "f"


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (["a", "b", "c"] * 40, "regression"),
        ([n / 7 for n in range(200)], "multiclass"),
        (["yes", "no"] * 50, "multiclass"),
    ],
)
def test_a_task_that_does_not_fit_is_refused_with_what_was_found(values, wanted):
    with pytest.raises(ConfigError, match=f"TASK is '{wanted}', but 't' has"):
        target(values, wanted)


def test_classes_are_in_the_order_of_their_numbers():
    assert target(["10", "9", "11"] * 60).classes == ("9", "10", "11")


def test_missing_targets_are_counted_and_not_learned_from():
    found = target([1.5, 2.5, None, 4.0] * 50)
    assert (found.rows, len(found.codes), found.missing) == (200, 150, 0.25)
    assert "50 rows have no target" in found.notes[0]


def test_a_heap_of_equal_numbers_is_named():
    found = target([0.0] * 100 + [n + 0.5 for n in range(100)])
    assert any("50% of the rows have the target 0" in note for note in found.notes)


def test_shares_of_classes_add_up():
    assert target(["a"] * 100 + ["b"] * 60 + ["c"] * 40).rates.tolist() == [0.5, 0.3, 0.2]


def test_too_many_words_are_no_classes():
    with pytest.raises(ConfigError, match="80 different values that are no numbers"):
        target([f"kind {n}" for n in range(80)] * 5)


def test_dates_are_not_predicted():
    with pytest.raises(ConfigError, match="holds dates"):
        task_of(look(pl.Series("t", [f"2020-01-{n % 28 + 1:02}" for n in range(100)])))


@pytest.mark.parametrize("values", [[None] * 10, ["a"] * 10])
def test_nothing_to_learn_is_said(values):
    with pytest.raises(DataError, match=r"has no value|nothing to learn"):
        target(values)


@pytest.mark.parametrize("odd", [float("inf"), 2.1e20, -1e19])
def test_whole_numbers_beyond_integers_are_numbers(odd):
    found = target([float(n % 49) for n in range(300)] + [odd] * 4)
    assert found.task == "regression"
    infinite = odd == float("inf")
    assert len(found.codes) == (300 if infinite else 304)
    assert (
        any("4 rows have an infinite target; they are set aside" in note for note in found.notes) == infinite
    )


@pytest.mark.parametrize("odd", ["--1", "²", "m²", "٣"])
def test_words_that_look_like_numbers_are_words(odd):
    assert target([odd, "2", "10"] * 60).classes == ("2", "10", odd)


def test_fractions_are_no_classes():
    with pytest.raises(ConfigError, match=r"'t' holds fractions, .*cast them to text in the source"):
        target([0.5, 1.0, 1.5] * 60, "multiclass")
    assert target([1.0, 2.0, 3.0] * 60, "multiclass").classes == ("1", "2", "3")
    assert target(["0.5", "x", "1.5"] * 60).classes == ("0.5", "1.5", "x")
