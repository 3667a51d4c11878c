"""What decisions are worth, whatever the task."""

import numpy as np
import pytest

from components.errors import ConfigError
from components.training.outcomes import ErrorValues, OutcomeValues, class_values, spoken
from components.training.target import Target


def test_each_of_four_outcomes_has_its_worth():
    value = OutcomeValues(4.0, -1.0, 0.5, -2.0, "euros")
    assert value.worth(np.array([1, 0, 0, 1]), np.array([1, 1, 0, 0])).tolist() == [4.0, -1.0, 0.5, -2.0]


def test_between_classes_what_is_named_stands_above_right_and_wrong():
    value = class_values(("a", "b"), 1.0, -1.0, {"a": {"b": -5.0}}, "euros")
    assert value.worth(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])).tolist() == [1.0, -5.0, -1.0, 1.0]


def test_a_class_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="names the class 'c'; the target has a, b"):
        class_values(("a", "b"), 0.0, -1.0, {"c": {"a": 1.0}}, "euros")


def test_errors_cost_by_their_size_and_their_side():
    value = ErrorValues(too_high=-1.0, too_low=-3.0, unit="euros")
    assert value.worth(np.array([10.0, 10.0]), np.array([12.0, 8.0])).tolist() == [-2.0, -6.0]


def test_the_best_number_is_the_quantile_at_which_both_sides_cost_the_same():
    value, outcomes = ErrorValues(-1.0, -3.0, "euros"), np.random.default_rng(0).normal(size=4000)
    tried = np.linspace(-2, 2, 401)
    best = tried[np.argmax([value.worth(outcomes, np.full(4000, each)).sum() for each in tried])]
    assert value.quantile == pytest.approx(0.75)
    assert best == pytest.approx(np.quantile(outcomes, value.quantile), abs=0.02)


def test_every_outcome_is_said_in_words():
    value = class_values(("a", "b", "c"), 0.0, -1.0, {}, "euros")
    told = spoken(value, Target("t", "multiclass", ("a", "b", "c")))
    assert told["b decided where a is true"] == -1.0
    assert len(told) == 9
