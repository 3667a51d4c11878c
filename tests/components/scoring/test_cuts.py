"""Of a column that only trees read, a program tells apart what lies on different sides of their thresholds, and nothing else."""

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from components.release import trees
from components.release.export import export
from components.release.graph import Graph
from components.scoring.cuts import Cuts, cuts
from components.serving.program import ROWS
from components.training.candidates import FAMILIES, build
from components.training.features import inputs
from components.training.predictor import Predictor
from tests.components.serving.bundles import COLUMNS, people

PLACES = {"age": 0, "education": 1, "foreign_born": 2, "marital_status": 3, "relationship": 4}


def compiled(family: str) -> tuple[bytes, np.ndarray]:
    """The graph of a model of people, of whom some have no age, and rows as it takes them."""
    table: pd.DataFrame = people().to_pandas()
    table["age"] = table["age"].astype(float).mask(np.arange(len(table)) % 7 == 0)
    X, y = inputs(table, COLUMNS), table.employed.to_numpy(int)
    predictor = Predictor(build(FAMILIES[family], FAMILIES[family].default, COLUMNS, 0)).fit(X, y)
    found = export(predictor, COLUMNS, X.head(100))
    numbers = {name: each.known for name, each in found.categories.items()}
    matrix = [X[name].map(numbers[name]) if name in numbers else X[name] for name in PLACES]
    return found.model, np.column_stack([column.to_numpy(float) for column in matrix])


def answers(model: bytes, matrix: np.ndarray) -> list[np.ndarray]:
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {ROWS: matrix})


@pytest.mark.parametrize("family", ["gradient_boosting", "random_forest"])
def test_a_program_of_trees_answers_values_of_one_kind_alike(family):
    model, matrix = compiled(family)
    found = cuts(model, len(PLACES))
    assert set(found) == set(PLACES.values())
    moved, rng = matrix.copy(), np.random.default_rng(0)
    for place, each in found.items():
        ends = np.concatenate([[-1e6], each.at, [1e6]])
        kind = each.kinds(matrix[:, place])
        known = ~np.isnan(matrix[:, place])
        low, high = ends[kind[known]], ends[kind[known] + 1]
        within = low + (high - low) * rng.uniform(0.1, 0.9, len(low))
        moved[known, place] = within
        assert (each.kinds(moved[:, place]) == kind).all()
    assert (moved != matrix).any(axis=0).all()
    for said, then in zip(answers(model, moved), answers(model, matrix), strict=True):
        assert (said == then).all()


@pytest.mark.parametrize("family", ["gradient_boosting", "random_forest"])
def test_missing_values_and_both_sides_of_a_threshold_are_different_kinds(family):
    found = cuts(compiled(family)[0], len(PLACES))[PLACES["age"]]
    assert found.single == (family == "random_forest")
    at = found.at.astype(np.float32).astype(np.float64) if found.single else found.at
    above = (
        np.nextafter(at, np.inf)
        if not found.single
        else np.nextafter(at.astype(np.float32), np.float32(np.inf))
    )
    assert (found.kinds(above.astype(np.float64)) > found.kinds(at)).all()
    (missing,) = found.kinds(np.array([np.nan]))
    assert missing == found.base - 1 > found.kinds(np.array([np.inf]))[0]


def test_values_that_are_reckoned_with_count_whole():
    model, _ = compiled("linear")
    assert set(cuts(model, len(PLACES))).isdisjoint(PLACES.values())


def test_values_that_are_rounded_before_they_are_compared_are_compared_so():
    high = float(np.nextafter(np.float32(1), np.float32(2)))
    found = Cuts(np.array([1.0]), single=True).kinds(np.array([1.0, 1 + 1e-12, high]))
    assert found.tolist() == [0, 0, 1]
    assert Cuts(np.array([1.0])).kinds(np.array([1.0, 1 + 1e-12, high])).tolist() == [0, 1, 1]


STUMP = trees.Tree(
    left=np.array([1, -1, -1]),
    right=np.array([2, -1, -1]),
    feature=np.array([0, 0, 0]),
    threshold=np.array([0.5, 0.0, 0.0]),
    missing_left=np.zeros(3, np.int64),
    value=np.array([0.0, 1.0, 2.0]),
    leaf=np.array([False, True, True]),
)


def seen(write) -> dict[int, list[float]]:
    """The cuts of a graph of two columns that a test writes."""
    graph = Graph()
    X = graph.input(ROWS, 2)
    answer = write(graph, X)
    flat = graph.add("Squeeze", answer, graph.constant([1]))
    model = graph.to_bytes({"y_score": (flat, "double")})
    return {place: each.at.tolist() for place, each in cuts(model, 2).items()}


def stump(graph: Graph, X: str) -> str:
    return trees.ensemble(graph, X, [STUMP], "sum")


def column(graph: Graph, X: str, place: int) -> str:
    return graph.add("Gather", X, graph.constant([place]), axis=1)


def test_a_column_that_nobody_asks_has_no_thresholds():
    assert seen(stump) == {0: [0.5], 1: []}


def test_columns_keep_their_places_where_they_are_taken_apart_and_put_together():
    assert seen(lambda graph, X: stump(graph, column(graph, X, 1))) == {0: [], 1: [0.5]}
    swapped = seen(
        lambda graph, X: stump(graph, graph.concatenated([column(graph, X, 1), column(graph, X, 0)]))
    )
    assert swapped == {0: [], 1: [0.5]}


def test_a_column_that_is_added_to_what_trees_say_counts_whole():
    def write(graph: Graph, X: str) -> str:
        return graph.add("Add", stump(graph, X), column(graph, X, 0))

    assert seen(write) == {1: []}


def test_a_column_that_is_changed_on_the_way_to_the_trees_counts_whole():
    assert seen(lambda graph, X: stump(graph, graph.add("Neg", X))) == {}


def test_one_that_is_filled_with_another_ones_gaps_in_view_counts_whole():
    def write(graph: Graph, X: str) -> str:
        missing = graph.add("IsNaN", column(graph, X, 1))
        return stump(graph, graph.add("Where", missing, graph.constant([0.0]), column(graph, X, 0)))

    assert seen(write) == {}


def test_one_that_is_compared_rounded_and_as_it_is_counts_whole():
    def write(graph: Graph, X: str) -> str:
        rounded = graph.cast(graph.cast(X, "float"), "double")
        return graph.add("Add", stump(graph, X), stump(graph, rounded))

    assert seen(write) == {}
