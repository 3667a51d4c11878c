"""Many rows are answered by tables of leaves with the very sums that the graph's trees have."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from components.release import compiler, export, leaves
from components.release.trees import from_boosting
from components.serving import program as runtime
from components.serving.program import MANY, PART, ROWS, Program
from components.training.candidates import FAMILIES, build
from components.training.features import Columns, inputs
from components.training.predictor import Predictor
from tests.components.serving.bundles import people

COLUMNS = Columns(("age", "education", "foreign_born"), ("marital_status", "relationship"))


def table(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """Numbers that are often equal, and sometimes missing or far."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, columns)).round(1)
    X[random.random(X.shape) < 0.05] = np.nan
    X[random.random(X.shape) < 0.01] = np.inf
    return X


def totals(model, X) -> np.ndarray:
    """What the trees answer, added up one after the other."""
    total = np.zeros(len(X))
    known, bitsets = np.zeros((0, 8), dtype=np.uint32), np.zeros(0, dtype=np.uint32)
    for (tree,) in model._predictors:
        total += tree.predict(X, known, bitsets, 1)
    return total


@pytest.mark.parametrize("most", [2, 16, 31, 64])
@pytest.mark.parametrize("columns", [1, 5, 20])
def test_the_sums_are_the_same_to_the_last_bit(most, columns):
    X = table(4000, columns)
    y = np.nan_to_num(X, posinf=3).sum(axis=1) + np.isnan(X).sum(axis=1)
    model = HistGradientBoostingRegressor(
        max_iter=30, max_leaf_nodes=most, min_samples_leaf=2, early_stopping=False
    ).fit(X, y)
    tables = leaves.tables(compiler.boosted_trees(model), range(columns))
    for rows in (X, table(PART + 1, columns, seed=1), table(MANY, columns, seed=2)):
        found = runtime._Trees(**tables).totals(rows)
        assert found.shape == (len(rows), 1)
        np.testing.assert_array_equal(found[:, 0], totals(model, rows))


def test_a_tree_that_compares_nothing_answers_its_only_leaf():
    X = np.arange(40.0).reshape(-1, 1)
    model = HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=15, early_stopping=False).fit(
        X, X[:, 0]
    )
    trees = compiler.boosted_trees(model)
    lone = HistGradientBoostingRegressor(max_iter=1, min_samples_leaf=30).fit(X, X[:, 0])
    trees.append(from_boosting(lone._predictors[0][0]))
    assert trees[-1].leaf.all()
    found = runtime._Trees(**leaves.tables(trees, [0])).totals(X)[:, 0]
    np.testing.assert_array_equal(found, totals(model, X) + trees[-1].value[0])


def test_columns_are_found_where_they_stand():
    X = table(500, 3)
    model = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=2).fit(
        X, np.nan_to_num(X[:, 0], posinf=3)
    )
    tables = leaves.tables(compiler.boosted_trees(model), [4, 2, 0])
    wide = np.full((500, 5), 17.0)
    wide[:, [4, 2, 0]] = X
    np.testing.assert_array_equal(runtime._Trees(**tables).totals(wide)[:, 0], totals(model, X))


def test_what_would_not_be_quicker_has_no_tables():
    X = table(3000, leaves.MOST_FEATURES + 1)
    y = np.nan_to_num(X, posinf=3).sum(axis=1)
    wide = HistGradientBoostingRegressor(max_iter=40, min_samples_leaf=2).fit(X, y)
    assert leaves.tables(compiler.boosted_trees(wide), range(X.shape[1])) is None
    deep = HistGradientBoostingRegressor(max_iter=2, max_leaf_nodes=65, min_samples_leaf=2).fit(X, y)
    assert leaves.tables(compiler.boosted_trees(deep), range(X.shape[1])) is None
    several = HistGradientBoostingClassifier(max_iter=2).fit(X, np.arange(3000) % 3)
    assert leaves.tables(compiler.boosted_trees(several), range(X.shape[1])) is None


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> tuple[Program, Path, pd.DataFrame, Predictor]:
    frame = people().to_pandas()
    X, y = inputs(frame, COLUMNS), frame.employed.to_numpy(int)
    family = FAMILIES["gradient_boosting"]
    predictor = Predictor(
        build(family, family.default | {"max_iter": 30}, COLUMNS, 0), slope=0.9, intercept=0.1
    )
    made = export.program(predictor.fit(X, y), COLUMNS, X)
    folder = tmp_path_factory.mktemp("boosted")
    for name, content in made.files.items():
        (folder / name).write_bytes(content)
    return Program.load(folder), folder, X, predictor


def test_a_program_of_boosted_trees_answers_many_rows_as_few(served):
    program, folder, X, predictor = served
    assert {leaves.TREES, leaves.AFTER} <= {path.name for path in folder.iterdir()}
    columns = {name: X[name].to_numpy() for name in X.columns}
    many = program.predict(columns)
    few = [
        program.predict({name: values[start : start + MANY - 1] for name, values in columns.items()})
        for start in range(0, len(X), MANY - 1)
    ]
    np.testing.assert_allclose(
        many["y_score"], np.concatenate([each["y_score"] for each in few]), rtol=0, atol=3e-16
    )
    np.testing.assert_array_equal(many["y_pred"], np.concatenate([each["y_pred"] for each in few]))
    np.testing.assert_allclose(many["y_score"], predictor.score_positive(X), rtol=0, atol=1e-15)
    assert [each.dtype for each in many.values()] == [each.dtype for each in few[0].values()]


def test_many_rows_are_answered_by_the_tables(served):
    _, folder, X, _ = served
    with np.load(folder / leaves.TREES) as arrays:
        altered = {**arrays, "answers": arrays["answers"] + 1.0}
    other = folder.parent / "altered"
    other.mkdir(exist_ok=True)
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (other / leaves.TREES).write_bytes(leaves.saved(altered))
    columns = {name: X[name].to_numpy() for name in X.columns}
    first = {name: values[: MANY - 1] for name, values in columns.items()}
    ours, theirs = Program.load(folder), Program.load(other)
    assert (theirs.predict(columns)["y_score"] > ours.predict(columns)["y_score"]).all()
    np.testing.assert_array_equal(theirs.predict(first)["y_score"], ours.predict(first)["y_score"])


def test_the_tables_are_the_same_bytes_for_the_same_trees():
    X = table(500, 3)
    model = HistGradientBoostingRegressor(max_iter=5).fit(X, np.nan_to_num(X[:, 0], posinf=3))
    made = [leaves.saved(leaves.tables(compiler.boosted_trees(model), range(3))) for _ in range(2)]
    assert made[0] == made[1]


def test_other_models_have_no_tables():
    frame = people().to_pandas()
    X, y = inputs(frame, COLUMNS), frame.employed.to_numpy(int)
    linear = Predictor(build(FAMILIES["linear"], {"C": 1.0}, COLUMNS, 0)).fit(X, y)
    assert export.export(linear, COLUMNS, X[:50]).batches == {}


def test_a_matrix_may_be_given_in_place_of_columns(served):
    program, _, X, _ = served
    rows = runtime._matrix(program.inputs, program.numbers)({name: X[name].tolist() for name in X.columns})
    columns = {name: X[name].to_numpy() for name in X.columns}
    for count in (1, MANY - 1, len(X)):
        said = program.run({ROWS: rows[:count]})
        wanted = program.predict({name: values[:count] for name, values in columns.items()})
        np.testing.assert_array_equal(said["y_score"], wanted["y_score"])
