"""What is exported computes what was trained: to the last digits, for values that floats lose, or not at all."""

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, TargetEncoder

from components.errors import BundleError
from components.release.categories import NotCompilableError, encodings
from components.release.export import Compiled, export, program
from components.release.inputs import ROWS, Inputs, fed
from components.training.candidates import FAMILIES, build
from components.training.features import MISSING, Columns, inputs, preprocessor
from components.training.predictor import ALWAYS, NEVER, Predictor

ROOT = Path(__file__).parents[3]
NUMERIC = ("age", "education", "foreign_born", "stamp", "cents", "person", "gaps", "empty")
CATEGORICAL = ("marital_status", "relationship", "citizenship", "ancestry")
COLUMNS = Columns(NUMERIC, CATEGORICAL)
TRAINED = 1500
PIPELINES: dict[str, Pipeline] = {}  # each family is fitted once


@pytest.fixture(scope="module")
def table() -> tuple[pd.DataFrame, np.ndarray]:
    """Real rows, with columns added that float32 would ruin, and a target that depends on their last digits."""
    people = pd.read_parquet(ROOT / "data" / "acs_employment_ma_18_64.parquet").sample(2500, random_state=1)
    random = np.random.default_rng(1)
    people["stamp"] = 1_700_000_000_000_000_000 + random.integers(0, 10**9, len(people)) * 1000
    people["cents"] = random.integers(0, 2**40, len(people)) + 0.25
    people["person"] = 2**24 + random.integers(0, 8, len(people))
    people["gaps"] = np.where(random.random(len(people)) < 0.3, np.nan, random.normal(size=len(people)))
    people["empty"] = np.nan
    people["marital_status"] = people.marital_status.astype(object).mask(random.random(len(people)) < 0.1)
    y = np.where(random.random(len(people)) < 0.3, people.person % 2, people.employed).astype(int)
    return inputs(people, COLUMNS), y


@pytest.fixture(scope="module")
def hard(table: tuple[pd.DataFrame, np.ndarray]) -> pd.DataFrame:
    """Rows not trained on, some of them all missing, new or far away."""
    X = table[0][TRAINED:].reset_index(drop=True)
    X.loc[0:49, list(NUMERIC)] = np.nan
    X.loc[50:99, list(CATEGORICAL)] = "né à l'étranger"
    X.loc[100:149, list(CATEGORICAL)] = MISSING
    X.loc[150:199, "stamp"] *= -1
    X.loc[200:249, "cents"] = 1e30
    return X


def fitted(table: tuple[pd.DataFrame, np.ndarray], pipeline: Pipeline) -> Predictor:
    X, y = table
    return Predictor(pipeline).fit(X[:TRAINED], y[:TRAINED])


def of_family(table: tuple[pd.DataFrame, np.ndarray], name: str = "linear", **settings: float) -> Predictor:
    if name not in PIPELINES:
        small = {"max_iter": 10} if name == "gradient_boosting" else {}
        PIPELINES[name] = fitted(
            table, build(FAMILIES[name], FAMILIES[name].default | small, COLUMNS, 0)
        ).pipeline
    return Predictor(copy.deepcopy(PIPELINES[name]), **settings)


def with_model(table: tuple[pd.DataFrame, np.ndarray], model: object, kind: str = "tree") -> Predictor:
    return fitted(table, Pipeline([("features", preprocessor(COLUMNS, kind)), ("model", model)]))


def with_encoder(table: tuple[pd.DataFrame, np.ndarray], encoder: object) -> Predictor:
    encoded = ColumnTransformer([("category", encoder, list(CATEGORICAL))], sparse_threshold=0.0)
    return fitted(table, Pipeline([("features", encoded), ("model", LogisticRegression())]))


def session_of(compiled: bytes):
    import onnxruntime

    return onnxruntime.InferenceSession(compiled)


def scored(compiled: Compiled, X: pd.DataFrame, columns: Columns = COLUMNS) -> tuple[np.ndarray, np.ndarray]:
    feed = fed(X, columns, compiled.categories, {})
    y_score, y_pred = session_of(compiled.model).run(["y_score", "y_pred"], feed)
    return y_score, y_pred


def assert_same(predictor: Predictor, X: pd.DataFrame, columns: Columns = COLUMNS) -> None:
    y_score, y_pred = scored(export(predictor, columns, X[:50]), X, columns)
    np.testing.assert_allclose(y_score, predictor.score_positive(X), rtol=0, atol=1e-14)
    np.testing.assert_array_equal(y_pred, predictor.predict(X))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_repeated_in_double_precision(table, hard, family):
    assert_same(of_family(table, family), hard)


@pytest.mark.parametrize("family", FAMILIES)
def test_recalibration_and_threshold_are_in_the_program(table, hard, family):
    assert_same(of_family(table, family, intercept=0.31, slope=0.83, threshold=0.47), hard)


@pytest.mark.parametrize("forest", [RandomForestClassifier, ExtraTreesClassifier])
def test_forests_that_read_missing_values_are_repeated(table, hard, forest):
    assert_same(with_model(table, forest(n_estimators=10, random_state=0)), hard)


def test_trees_of_a_single_leaf_are_repeated(table, hard):
    assert_same(with_model(table, HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=TRAINED)), hard)


def test_scores_near_zero_and_one_survive_recalibration(table, hard):
    predictor = of_family(table, intercept=-9.0, slope=0.4)
    predictor.pipeline.named_steps["model"].coef_ *= 40
    assert_same(predictor, hard)


@pytest.mark.filterwarnings("ignore:Found unknown categories")
@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=100, sparse_output=False),
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(handle_unknown="ignore", drop="first", sparse_output=False),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=TRAINED + 1, sparse_output=False),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=100),
        TargetEncoder(random_state=0),
    ],
    ids=[
        "one-hot infrequent",
        "one-hot sparse",
        "one-hot drop",
        "one-hot all infrequent",
        "ordinal",
        "target",
    ],
)
def test_any_encoder_of_single_columns_is_repeated(table, hard, encoder):
    assert_same(with_encoder(table, encoder), hard)


def test_a_column_of_rare_categories_only_is_repeated(table):
    X = table[0].assign(ancestry=[f"a{row % 700}" for row in range(len(table[0]))])
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=100)
    assert_same(with_encoder((X, table[1]), encoder), X)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_input_is_one_matrix_of_numbers_and_of_what_stands_for_categories(table, family):
    compiled = export(of_family(table, family), COLUMNS, table[0][:50])
    (found,) = session_of(compiled.model).get_inputs()
    assert (found.name, found.type, found.shape[1]) == (ROWS, "tensor(double)", len(COLUMNS.names))
    assert {name: list(found.known) for name, found in compiled.categories.items()} == {
        name: sorted(set(table[0][name])) for name in CATEGORICAL
    }


@pytest.mark.parametrize("second", [list(CATEGORICAL[:1]), list(CATEGORICAL)])
def test_a_column_that_two_encoders_read_is_looked_up_by_its_place(table, second):
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    target = TargetEncoder(random_state=0, cv=2)
    both = ColumnTransformer([("ordinal", ordinal, list(CATEGORICAL)), ("target", target, second)])
    model = HistGradientBoostingClassifier(max_iter=5, random_state=0)
    predictor = fitted(table, Pipeline([("features", both), ("model", model)]))
    assert not encodings(predictor.pipeline["features"], COLUMNS).final
    assert_same(predictor, table[0])


@pytest.mark.parametrize(("family", "other"), [("gradient_boosting", np.nan), ("random_forest", -1.0)])
def test_what_an_encoder_makes_of_a_category_is_fed_where_it_is_one_number(table, family, other):
    made = export(of_family(table, family), COLUMNS, table[0][:50]).categories
    for name in CATEGORICAL:
        assert list(made[name].known.values()) == list(range(len(set(table[0][name]))))
        np.testing.assert_equal(made[name].other, other)
        assert made[name].to_json()["other"] == (None if np.isnan(other) else other)


def test_a_score_on_the_threshold_is_positive(table):
    X = table[0][:200]
    predictor = of_family(table)
    y_score, _ = scored(export(predictor, COLUMNS, X), X)
    predictor.set_params(threshold=float(y_score[7]))
    on = scored(export(predictor, COLUMNS, X), X)[1][7]
    predictor.set_params(threshold=float(np.nextafter(y_score[7], 1)))
    below = scored(export(predictor, COLUMNS, X), X)[1][7]
    assert (on, below) == (1, 0)


@pytest.mark.parametrize(("threshold", "share"), [(ALWAYS, 1.0), (NEVER, 0.0)])
def test_thresholds_for_always_and_never_hold(table, threshold, share):
    predictor = of_family(table, threshold=threshold)
    assert scored(export(predictor, COLUMNS, table[0][:50]), table[0])[1].mean() == share


def test_the_same_predictor_gives_the_same_bytes(table):
    predictor = of_family(table, "gradient_boosting")
    one, other = (export(predictor, COLUMNS, table[0][:50]) for _ in range(2))
    assert one.model == other.model


def test_columns_may_bear_any_name(table):
    columns = Columns(("constant_0", "Concat_2"), ("Wörter & mehr",))
    X = table[0][["age", "education", "ancestry"]].set_axis(list(columns.names), axis=1)
    predictor = Predictor(build(FAMILIES["linear"], {"C": 1.0}, columns, 0)).fit(X, table[1])
    assert_same(predictor, X, columns)


def test_a_model_without_an_onnx_form_is_named(table):
    with pytest.raises(NotCompilableError, match="GradientBoostingClassifier has no ONNX form here"):
        export(
            with_model(table, GradientBoostingClassifier(n_estimators=2), "forest"), COLUMNS, table[0][:50]
        )


def test_native_categories_of_gradient_boosting_are_refused(table):
    X, y = table
    category = Columns((), CATEGORICAL)
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features=[0, 1, 2, 3])
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    encoded = ColumnTransformer([("category", ordinal, list(CATEGORICAL))])
    predictor = Predictor(Pipeline([("features", encoded), ("model", model)])).fit(X, y)
    with pytest.raises(NotCompilableError, match="categorical_features"):
        export(predictor, category, X[list(CATEGORICAL)][:50])


def test_an_encoder_that_refuses_new_categories_is_refused(table):
    with pytest.raises(NotCompilableError, match="refuses a category"):
        export(with_encoder(table, OrdinalEncoder()), COLUMNS, table[0][:50])


@pytest.mark.parametrize(
    "last", [PCA(2), FunctionTransformer(lambda X: X[:, ::-1])], ids=["mixed", "in another order"]
)
def test_an_encoder_that_mixes_columns_is_refused(table, last):
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    with pytest.raises(NotCompilableError, match="does not keep the columns apart"):
        export(with_encoder(table, make_pipeline(ordinal, last)), COLUMNS, table[0][:50])


def test_a_program_that_computes_something_else_is_refused(table):
    predictor = of_family(table)
    model = predictor.pipeline.named_steps["model"]
    halved = type(model).predict_proba
    model.predict_proba = lambda X: halved(model, X) / 2
    with pytest.raises(NotCompilableError, match="away from the predictor"):
        export(predictor, COLUMNS, table[0][:50])


def test_the_program_is_compared_with_the_flow_on_every_row(table, hard):
    made = program(of_family(table, "gradient_boosting"), COLUMNS, hard)
    assert (made.runtime, made.parity.rows, made.parity.decisions_changed) == ("onnx", len(hard), 0)
    assert made.parity.max_abs_difference <= 1e-12


def test_the_program_says_what_it_costs(table):
    made = program(of_family(table), COLUMNS, table[0][:300])
    assert 0 < made.latency.p50_milliseconds <= made.latency.p99_milliseconds
    assert made.latency.rows_per_second > 0
    assert made.size_bytes == sum(len(content) for content in made.files.values())


def test_a_model_without_an_onnx_form_is_served_as_python(table, hard):
    predictor = with_model(table, GradientBoostingClassifier(n_estimators=2), "forest")
    made = program(predictor, COLUMNS, hard)
    assert made.runtime == "skops"
    assert "GradientBoostingClassifier" in made.reason
    assert (made.parity.max_abs_difference, made.parity.decisions_changed) == (0.0, 0)


def test_python_from_outside_the_project_is_refused(table):
    own = Pipeline(
        [("own", FunctionTransformer(_first_columns)), ("columns", preprocessor(COLUMNS, "linear"))]
    )
    predictor = fitted(table, Pipeline([("features", own), ("model", LogisticRegression())]))
    with pytest.raises(BundleError, match=r"_first_columns.*components/training"):
        program(predictor, COLUMNS, table[0][:50])


def _first_columns(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


@pytest.mark.parametrize("name", ["y_score", "y_score_a", "variant", "prediction_id", "served_at"])
def test_a_feature_with_the_name_of_a_prediction_or_of_the_logs_is_refused(table, name):
    with pytest.raises(BundleError, match=rf"\['{name}'\] have the names of predictions"):
        program(of_family(table), Columns((name,), CATEGORICAL), table[0][:50])


TRANSFORM = """

def _with_a_square(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(square=frame["age"] ** 2)


TRANSFORM = _with_a_square
"""
EXPORTS = """
import json, sys
import numpy as np, pandas as pd
from components.release.export import program
from components.training.candidates import FAMILIES, build
from components.training.features import Columns, inputs
from components.training.predictor import Predictor

columns = Columns(("age", "education"), ("marital_status",))
people = pd.read_parquet(sys.argv[1]).head(600)
X = inputs(people, columns)
predictor = Predictor(build(FAMILIES["linear"], {"C": 1.0}, columns, 0)).fit(X, people.employed.to_numpy(int))
made = program(predictor, columns, X)
print(json.dumps([made.runtime, made.parity.rows, made.parity.max_abs_difference, list(made.trusted_types)]))
"""


def test_features_in_the_users_own_python_travel_with_the_program(tmp_path):
    shutil.copytree(
        ROOT / "components", tmp_path / "components", ignore=shutil.ignore_patterns("__pycache__")
    )
    features = tmp_path / "components" / "training" / "features.py"
    features.write_text(features.read_text() + TRANSFORM)
    sample = ROOT / "data" / "acs_employment_ma_18_64.parquet"
    done = subprocess.run(
        [sys.executable, "-c", EXPORTS, sample], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    runtime, rows, difference, types = json.loads(done.stdout)
    assert (runtime, rows, difference) == ("skops", 600, 0.0)
    assert "components.training.features._with_a_square" in types


def test_fifty_thousand_categories_are_repeated():
    towns = [f"town {row}" for row in range(50_000)]
    rows = pd.DataFrame({"town": towns * 2, "first": [town[:7] for town in towns] * 2})
    columns = Columns((), ("town", "first"))
    answers = np.random.default_rng(0).integers(0, 2, len(rows))
    predictor = Predictor(build(FAMILIES["linear"], {"C": 1.0}, columns, 0)).fit(rows, answers)
    later = pd.concat([rows[:300], rows[:3].assign(town="nowhere", first=MISSING)], ignore_index=True)
    assert_same(predictor, later, columns)


@pytest.mark.parametrize("classes", [3, 5])
def test_target_encoding_of_several_classes_is_repeated(table, classes):
    from components.release import compiler
    from components.release.graph import Graph

    X, y = table[0], np.arange(len(table[0])) % classes
    towns = X.assign(
        ancestry=[f"a{row % 90}" for row in range(len(X))],
        citizenship=[f"c{row % 40}" for row in range(len(X))],
    )
    columns = Columns((), ("ancestry", "citizenship", "relationship"))
    prepared = preprocessor(columns, "tree", "multiclass").fit(towns, y)
    graph, encoded = Graph(), encodings(prepared, columns)
    made = compiler.features(graph, prepared, Inputs.of(graph, columns, encoded, {}), columns)
    flat = graph.add("Reshape", made, graph.constant([-1]))
    feed = fed(towns, columns, encoded.numbers, {})
    found = session_of(graph.to_bytes({"made": (flat, "double")})).run(["made"], feed)[0]
    np.testing.assert_array_equal(found.reshape(len(X), -1), prepared.transform(towns))
