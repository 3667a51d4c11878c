from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from components.training.candidates import FAMILIES, Family, build
from components.training.features import Columns, inputs, preprocessor
from components.validation.attribution import Attribution, attribution, encoded_from, raw_output, stages
from tests.components.films import COLUMNS as MIXED
from tests.components.films import films

COLUMNS = Columns(("age", "education", "disability"), ("relationship", "marital_status"))
MODELS: dict[str, tuple[Any, Any]] = {
    "linear": ("linear", LogisticRegression(max_iter=500)),
    "boosted": ("tree", HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=8, random_state=0)),
    "forest": ("forest", RandomForestClassifier(20, min_samples_leaf=20, random_state=0)),
    "extra-trees": ("forest", ExtraTreesClassifier(20, min_samples_leaf=20, random_state=0)),
}
METHODS = {
    "linear": ("linear", "log-odds"),
    "boosted": ("trees", "log-odds"),
    "forest": ("trees", "probability"),
    "extra-trees": ("trees", "probability"),
}


def unfitted(name: str) -> Pipeline:
    kind, model = MODELS[name]
    return Pipeline([("features", preprocessor(COLUMNS, kind)), ("model", clone(model))])


@pytest.fixture(scope="module")
def people() -> tuple[pd.DataFrame, np.ndarray]:
    table = pd.read_parquet("data/acs_employment_ma_18_64.parquet")
    table = table[table["year"] == 2015].sample(3000, random_state=2).reset_index(drop=True)
    X = inputs(table, COLUMNS)
    X.loc[X.index[::10], "age"] = np.nan
    return X, table["employed"].to_numpy(dtype=np.int64)


@pytest.fixture(scope="module", params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def pipeline(people: tuple[pd.DataFrame, np.ndarray], name: str) -> Pipeline:
    return unfitted(name).fit(*people)


def attributed(pipeline: Pipeline, X: pd.DataFrame) -> tuple[Attribution, np.ndarray]:
    parts = stages(pipeline)
    columns = parts.columns(X)
    explainer = attribution(parts, columns, seed=0)
    return explainer, explainer.values(columns)


def error(pipeline: Pipeline, explainer: Attribution, values: np.ndarray, X: pd.DataFrame) -> float:
    output = raw_output(pipeline, X, explainer.unit)
    return float(np.abs(values.sum(axis=1) + explainer.base_value - output).max())


def test_each_kind_of_model_is_attributed_exactly_in_its_own_unit(
    pipeline: Pipeline, people: Any, name: str
) -> None:
    explainer, values = attributed(pipeline, people[0].iloc[:60])
    assert (explainer.method, explainer.unit) == METHODS[name]
    assert values.shape == (60, 5)
    assert explainer.names == COLUMNS.names


@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_contributions_add_up_for_every_candidate(family: Family, people: Any) -> None:
    X, y = people[0].iloc[:1000], people[1][:1000]
    pipeline = build(family, family.default, COLUMNS, 0).fit(X, y)
    explainer, values = attributed(pipeline, X.iloc[:20])
    assert error(pipeline, explainer, values, X.iloc[:20]) < 1e-9


def test_contributions_add_up_to_the_models_own_output(pipeline: Pipeline, people: Any) -> None:
    X = people[0].iloc[:60]
    explainer, values = attributed(pipeline, X)
    assert X["age"].isna().any()
    assert error(pipeline, explainer, values, X) < 1e-9


def test_they_add_up_for_values_that_training_never_saw(pipeline: Pipeline, people: Any) -> None:
    X = people[0].iloc[:40].assign(relationship="lodger", education=1e6)
    explainer, values = attributed(pipeline, X)
    assert error(pipeline, explainer, values, X) < 1e-9


def test_a_columns_contribution_is_the_sum_of_what_it_was_encoded_to(people: Any) -> None:
    pipeline = unfitted("linear").fit(*people)
    X = people[0].iloc[:200]
    _, values = attributed(pipeline, X)
    encoded = pipeline["features"].transform(X)
    each = pipeline["model"].coef_[0] * (encoded - encoded.mean(axis=0))
    names = pipeline["features"].get_feature_names_out()
    mine = [i for i, name in enumerate(names) if "relationship" in name]
    assert len(mine) > 5
    np.testing.assert_allclose(
        values[:, COLUMNS.names.index("relationship")], each[:, mine].sum(axis=1), atol=1e-9
    )


def test_categories_that_the_explainer_misreads_do_not_add_up(people: Any) -> None:
    """Known of native categories: it is for the gate on additivity to stop them."""
    X, y = people
    native = HistGradientBoostingClassifier(max_iter=30, categorical_features=[3, 4], random_state=0)
    pipeline = Pipeline([("features", preprocessor(COLUMNS, "tree")), ("model", native)]).fit(X, y)
    explainer, values = attributed(pipeline, X.iloc[:200])
    assert error(pipeline, explainer, values, X.iloc[:200]) > 0.1


def test_users_own_features_are_what_is_explained(people: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from components.training import features

    monkeypatch.setattr(features, "TRANSFORM", young_and_old)
    X, y = people
    pipeline = unfitted("boosted").fit(X, y)
    explainer, values = attributed(pipeline, X.iloc[:50])
    assert explainer.names == ("young", "relationship")
    assert error(pipeline, explainer, values, X.iloc[:50]) < 1e-9


def young_and_old(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"young": 1.0 * (table["age"] < 30), "relationship": table["relationship"]})


@pytest.mark.parametrize("encode", [StandardScaler(), PCA(2)], ids=["other-model", "other-encoding"])
def test_any_other_pipeline_is_attributed_by_sampling_and_adds_up(people: Any, encode: Any) -> None:
    X, y = people[0][["age", "education"]].fillna(40), people[1]
    encoder = ColumnTransformer([("all", encode, ["age", "education"])])
    pipeline = Pipeline([("features", encoder), ("model", GaussianNB())]).fit(X, y)
    explainer, values = attributed(pipeline, X.iloc[:40])
    assert (explainer.method, explainer.unit) == ("sampled", "probability")
    assert error(pipeline, explainer, values, X.iloc[:40]) < 1e-9


def test_sampling_gives_nothing_to_a_column_that_the_model_does_not_read(people: Any) -> None:
    X, y = people[0][["age", "education"]].fillna(40), people[1]
    encoder = ColumnTransformer([("some", StandardScaler(), ["age"])])
    pipeline = Pipeline([("features", encoder), ("model", GaussianNB())]).fit(X, y)
    _, values = attributed(pipeline, X.iloc[:40])
    assert np.abs(values[:, 0]).max() > 0.01
    assert np.abs(values[:, 1]).max() < 1e-12


def test_the_longest_column_name_owns_an_encoded_feature() -> None:
    table = pd.DataFrame({"job": ["a", "b"], "job_title": ["x", "y"]})
    encoder = ColumnTransformer([("category", OneHotEncoder(), ["job", "job_title"])]).fit(table)
    owner = encoded_from(encoder, ["job", "job_title"])
    assert owner is not None
    assert owner.tolist() == [0, 0, 1, 1]


def test_deeper_forests_have_fewer_rows_explained_in_the_same_time(people: Any) -> None:
    def rows(leaf: int) -> int:
        pipeline = unfitted("forest").set_params(model__min_samples_leaf=leaf).fit(*people)
        return attributed(pipeline, people[0].iloc[:2])[0].rows_within(3.0)

    assert rows(5) < rows(200) / 5


def test_a_date_owns_its_parts_though_another_column_is_called_like_one_of_them() -> None:
    columns = Columns(("date_year", "n"), ("date_month",), ("date", "date_days"), ("date_day",))
    moments = pd.date_range("2013-04-01", periods=60, freq="19D4h")
    table = pd.DataFrame(
        {
            "date_year": np.arange(60),
            "n": np.arange(60) % 7,
            "date_month": ["a", "b", "c"] * 20,
            "date": moments,
            "date_days": moments + pd.to_timedelta(np.arange(60) % 9, "D"),
            "date_day": ["wet cold", "dry warm", "wet warm"] * 20,
        }
    )
    encoder = preprocessor(columns, "tree").fit(inputs(table, columns), np.arange(60) % 2)
    owner = encoded_from(encoder, list(columns.names))
    assert owner is not None
    owned = dict.fromkeys(columns.names, 0)
    for position in owner:
        owned[columns.names[position]] += 1
    between = sum("days_to" in name for name in encoder.get_feature_names_out())
    assert (owned["date_year"], owned["n"], owned["date_month"], between) == (1, 1, 1, 1)
    assert owned["date"] == owned["date_days"] + between == 7
    assert owned["date_day"] == encoder.named_transformers_["text1"].components_.shape[1]


def test_a_category_owns_its_values_whatever_they_are_called() -> None:
    table = pd.DataFrame({"job": ["title_x", "b"], "job_title": ["x", "y"]})
    encoder = ColumnTransformer([("category", OneHotEncoder(), ["job", "job_title"])]).fit(table)
    owner = encoded_from(encoder, ["job", "job_title"])
    assert owner is not None
    assert owner.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_contributions_of_dates_texts_and_many_categories_add_up(family: Family) -> None:
    X, y = films().X, films().y
    pipeline = build(family, family.default, MIXED, 0).fit(X[:2500], y[:2500])
    parts, rows = stages(pipeline), X[2500:2560]
    explainer = attribution(parts, X[2500:2700], seed=0)
    assert explainer.method in ("linear", "trees")
    values = explainer.values(rows)
    assert values.shape == (60, len(MIXED.names))
    output = raw_output(pipeline, rows, explainer.unit)
    np.testing.assert_allclose(values.sum(axis=1) + explainer.base_value, output, atol=1e-8)
    assert (np.abs(values).sum(axis=0) > 0).all()
