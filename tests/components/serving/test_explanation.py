"""Contributions are Shapley values: exact where the model is additive, and shap's own elsewhere."""

import numpy as np
import pytest
import shap

from components.serving.explanation import MOST_ROWS, contributions
from components.serving.openapi import MOST_EXPLAINED
from tests.components.serving.conftest import ROW as ROW_OF_A_PERSON

RNG = np.random.default_rng(3)
NAMES = ("a", "b", "c", "d")
BACKGROUND = {name: RNG.normal(size=30).astype(object) for name in NAMES}
ROW = {"a": 1.5, "b": -0.5, "c": 2.0, "d": 0.1}


def table(columns):
    return np.column_stack([columns[name].astype(float) for name in NAMES])


def interacting(X):
    """Products, a step and a sigmoid: no part of it is additive."""
    return 1 / (1 + np.exp(-(X[:, 0] * X[:, 1] + (X[:, 2] > 0.3) * X[:, 3] + X[:, 0])))


def test_of_a_sum_each_feature_gets_its_own_part():
    weights = np.array([1.0, -2.0, 0.5, 0.0])
    found = contributions(lambda columns: table(columns) @ weights, ROW, BACKGROUND, pairs=2)
    for weight, name in zip(weights, NAMES, strict=True):
        mean = BACKGROUND[name].astype(float).mean()
        assert found.values[name] == pytest.approx(weight * (ROW[name] - mean), abs=1e-12)
        assert found.errors[name] == pytest.approx(0, abs=1e-12)


def test_they_sum_to_the_prediction():
    found = contributions(lambda columns: interacting(table(columns)), ROW, BACKGROUND, pairs=3)
    row = {name: np.array([value]) for name, value in ROW.items()}
    assert found.expected + sum(found.values.values()) == pytest.approx(interacting(table(row)), abs=1e-12)


def test_they_are_those_of_shap_within_their_error():
    exact = shap.explainers.ExactExplainer(interacting, table(BACKGROUND))(
        np.array([[ROW[name] for name in NAMES]])
    )
    found = contributions(lambda columns: interacting(table(columns)), ROW, BACKGROUND, pairs=400)
    for name, wanted in zip(NAMES, exact.values[0], strict=True):
        assert abs(found.values[name][0] - wanted) <= 5 * found.errors[name][0] + 1e-9
        assert found.errors[name][0] < 0.01


def test_several_outputs_are_explained_at_once():
    def two(columns):
        first = interacting(table(columns))
        return np.column_stack([first, 1 - first])

    found = contributions(two, ROW, BACKGROUND, pairs=2)
    for values in found.values.values():
        assert values[0] == pytest.approx(-values[1], abs=1e-12)


def test_many_rows_of_background_are_taken_in_parts(monkeypatch):
    whole = contributions(lambda columns: interacting(table(columns)), ROW, BACKGROUND, pairs=2)
    monkeypatch.setattr("components.serving.explanation.MOST_AT_ONCE", 45)
    parts = contributions(lambda columns: interacting(table(columns)), ROW, BACKGROUND, pairs=2)
    for name in NAMES:
        assert parts.values[name] == pytest.approx(whole.values[name], abs=1e-12)


def test_the_server_explains_a_row_and_the_parts_sum_to_its_score(server):
    status, said = server.post({"dataframe_records": [ROW_OF_A_PERSON]})
    assert status == 200
    status, explained, _ = server.ask("POST", "/explain", {"dataframe_records": [ROW_OF_A_PERSON]})
    assert status == 200
    (each,) = explained["explanations"]
    assert each["contributions"].keys() == ROW_OF_A_PERSON.keys()
    assert each["y_score"] == pytest.approx(said["predictions"][0]["y_score"], abs=1e-12)
    assert each["expected"] + sum(each["contributions"].values()) == pytest.approx(each["y_score"], abs=1e-12)


def test_a_row_that_breaks_the_contract_is_not_explained(server):
    status, said, _ = server.ask(
        "POST", "/explain", {"dataframe_records": [{**ROW_OF_A_PERSON, "age": 1000}]}
    )
    assert (status, said["problems"][0]["column"]) == (422, "age")


def test_no_more_rows_are_explained_than_is_told(server):
    assert MOST_ROWS == MOST_EXPLAINED
    rows = {"dataframe_records": [ROW_OF_A_PERSON] * (MOST_ROWS + 1)}
    assert server.ask("POST", "/explain", rows)[0] == 413
