"""Until a person says otherwise, errors of every class count alike, and config.toml holds what the task wants."""

import numpy as np
import pytest

from components.data.adopt.objective import objective
from components.data.adopt.target import Target
from components.training.outcomes import class_values


def of(task: str, classes: tuple[str, ...], codes: list) -> Target:
    values = np.asarray(codes, dtype=float if task == "regression" else np.int64)
    return Target("t", task, classes, values, np.ones(len(values), bool), "")


def test_deciding_one_class_for_all_costs_the_same_whichever_it_is():
    classes = ("a", "b", "c")
    said, _ = objective(of("multiclass", classes, [0] * 70 + [1] * 20 + [2] * 10))
    value = class_values(classes, said["right"], said["wrong"], said["worth"], said["unit"])
    y = np.array([0] * 70 + [1] * 20 + [2] * 10)
    costs = [value.worth(y, np.full(100, code)).mean() for code in range(3)]
    assert costs == pytest.approx([-2 / 3] * 3, abs=0.01)


def test_of_two_classes_always_and_never_cost_the_same():
    said, _ = objective(of("binary", ("no", "yes"), [0] * 90 + [1] * 10))
    assert said["false_positive"] * 0.9 == pytest.approx(said["false_negative"] * 0.1, rel=1e-3)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_keys_of_other_tasks_are_taken_away(task):
    classes = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}[task]
    said, unknown = objective(of(task, classes, [0, 1, 2][: max(len(classes), 2)]))
    assert not set(said) & set(unknown)
    assert ("too_high" in said) == (task == "regression")
    assert ("worth" in said) == (task == "multiclass")
