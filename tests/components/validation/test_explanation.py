import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline

from components.errors import DataError
from components.training.candidates import FAMILIES, build
from components.training.features import Columns, Kind, inputs, preprocessor
from components.training.predictor import Predictor
from components.validation.explanation import (
    CONTRIBUTION,
    Explanation,
    additivity_error,
    beeswarm,
    dependence,
    explain,
)
from tests.components.films import COLUMNS as MIXED
from tests.components.films import films

COLUMNS = Columns(("age", "education", "disability"), ("relationship", "marital_status"))


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    table = pd.read_parquet("data/acs_employment_ma_18_64.parquet")
    return table[table["year"] == 2015].sample(4000, random_state=4).reset_index(drop=True)


def fitted(kind: Kind, model: Any, train: pd.DataFrame) -> Pipeline:
    pipeline = Pipeline([("features", preprocessor(COLUMNS, kind)), ("model", model)])
    return pipeline.fit(inputs(train, COLUMNS), train["employed"].astype(int))


@pytest.fixture(scope="module")
def predictor(people: pd.DataFrame) -> Predictor:
    """A boosted model with a recalibration, which the contributions come before."""
    model = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=8, random_state=0)
    pipeline = fitted("tree", model, people.iloc[:2000])
    return Predictor(pipeline, intercept=0.2, slope=0.9, threshold=0.6)


@pytest.fixture(scope="module")
def holdout(people: pd.DataFrame) -> pd.DataFrame:
    return people.iloc[2000:]


def explained(predictor: Predictor, holdout: pd.DataFrame, **options: Any) -> Explanation:
    options = {"rows": 300, "cases": 10, **options}
    X, y_true = inputs(holdout, COLUMNS), holdout["employed"].to_numpy(dtype=np.int64)
    return explain(predictor, X, y_true, sensitive_features=holdout[["sex", "race"]], **options)


@pytest.fixture(scope="module")
def explanation(predictor: Predictor, holdout: pd.DataFrame) -> Explanation:
    return explained(predictor, holdout)


def test_it_explains_as_many_rows_as_asked_and_says_so(explanation: Explanation) -> None:
    assert explanation.values.shape == (300, 5)
    assert len(explanation.X) == explanation.rows == 300
    assert "on 300 rows drawn from 2,000" in explanation.note


def test_contributions_add_up_to_the_output_before_recalibration(
    explanation: Explanation, predictor: Predictor
) -> None:
    output = predictor.pipeline.decision_function(explanation.X)
    np.testing.assert_allclose(explanation.values.sum(axis=1) + explanation.base_value, output, atol=1e-9)
    assert explanation.additivity_error < 1e-9
    assert explanation.unit == "log-odds"


def test_the_error_of_contributions_that_do_not_add_up_is_their_largest_distance(
    explanation: Explanation,
) -> None:
    values = explanation.values.copy()
    output = values.sum(axis=1) + explanation.base_value
    values[7, 0] += 0.5
    assert additivity_error(values, explanation.base_value, output) == pytest.approx(0.5)


def test_an_undefined_output_is_infinitely_far(explanation: Explanation) -> None:
    output = np.full(explanation.rows, np.nan)
    assert additivity_error(explanation.values, explanation.base_value, output) == np.inf


def test_importance_is_the_mean_size_of_contributions(explanation: Explanation) -> None:
    for position, name in enumerate(explanation.names):
        assert explanation.importance[name] == pytest.approx(np.abs(explanation.values[:, position]).mean())
    assert explanation.importance[explanation.top[0]] == max(explanation.importance.values())


def test_importance_by_group_is_of_the_groups_own_rows(predictor: Predictor, holdout: pd.DataFrame) -> None:
    explanation = explained(predictor, holdout, rows=len(holdout))
    for sex in ("female", "male"):
        sizes = np.abs(explanation.values[(holdout["sex"] == sex).to_numpy()]).mean(axis=0)
        assert list(explanation.by_group["sex"][sex].values()) == pytest.approx(sizes.tolist())


def test_groups_of_few_sampled_rows_are_left_out(explanation: Explanation, holdout: pd.DataFrame) -> None:
    assert set(explanation.by_group["race"]) == {"white", "asian"}
    assert holdout["race"].nunique() > 5


def test_weights_change_importance(
    predictor: Predictor, holdout: pd.DataFrame, explanation: Explanation
) -> None:
    young = (holdout["age"] < 25).to_numpy(dtype=float) + 0.01
    weighted = explained(predictor, holdout, sample_weight=young)
    assert weighted.importance["age"] > explanation.importance["age"]


def test_the_most_wrong_rows_are_those_furthest_from_their_outcome(
    explanation: Explanation, predictor: Predictor, holdout: pd.DataFrame
) -> None:
    cases = explanation.cases[explanation.cases["kind"] == "most_wrong"]
    error = np.abs(holdout["employed"].to_numpy() - predictor.score_positive(inputs(holdout, COLUMNS)))
    assert cases["row"].tolist() == np.argsort(-error, kind="stable")[:10].tolist()
    assert np.abs(cases["y_true"] - cases["y_score"]).tolist() == pytest.approx(
        sorted(error, reverse=True)[:10]
    )


def test_borderline_rows_are_those_nearest_the_threshold(
    explanation: Explanation, predictor: Predictor
) -> None:
    cases = explanation.cases[explanation.cases["kind"] == "borderline"]
    assert len(cases) == 10
    assert np.abs(cases["y_score"] - predictor.threshold).max() < 0.02


def test_each_case_carries_its_columns_and_contributions_that_add_up(
    explanation: Explanation, predictor: Predictor, holdout: pd.DataFrame
) -> None:
    cases = explanation.cases
    X = inputs(holdout, COLUMNS).iloc[cases["row"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(cases[list(COLUMNS.names)], X, check_dtype=False)
    total = cases["base_value"] + cases[[CONTRIBUTION + name for name in explanation.names]].sum(axis=1)
    np.testing.assert_allclose(total, predictor.pipeline.decision_function(X), atol=1e-9)


def test_cases_survive_parquet(explanation: Explanation, tmp_path: Path) -> None:
    explanation.cases.to_parquet(tmp_path / "cases.parquet")
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "cases.parquet"), explanation.cases, check_dtype=False
    )


def test_permutation_importance_comes_with_its_rule(explanation: Explanation) -> None:
    assert set(explanation.permutation) == set(COLUMNS.names)
    assert explanation.permutation_metric == "roc_auc"
    assert "2,000 rows" in explanation.useless_rule


def test_the_beeswarm_has_a_dot_a_row_and_places_values_from_low_to_high(explanation: Explanation) -> None:
    dots = beeswarm(explanation, most=3)
    assert len(dots) == 3 * explanation.rows
    assert list(dots["feature"].unique()) == explanation.top[:3]
    age = beeswarm(explanation)[lambda table: table["feature"] == "age"]
    youngest = explanation.X["age"].to_numpy().argmin()
    assert age["position"].iloc[youngest] == age["position"].min()
    assert beeswarm(explanation)[lambda table: table["feature"] == "relationship"]["position"].isna().all()


def test_dependence_pairs_values_with_contributions(explanation: Explanation) -> None:
    pairs = dependence(explanation, most=2)
    assert list(pairs) == explanation.top[:2]
    for name, pair in pairs.items():
        assert pair["value"].tolist() == explanation.X[name].tolist()
        assert pair["contribution"].tolist() == explanation.values[:, explanation.names.index(name)].tolist()


def test_a_slow_model_has_fewer_rows_explained_and_says_so(
    people: pd.DataFrame, holdout: pd.DataFrame
) -> None:
    forest = fitted("forest", RandomForestClassifier(min_samples_leaf=5, random_state=0), people.iloc[:2000])
    explanation = explained(Predictor(forest), holdout, seconds=0.1)
    assert explanation.unit == "probability"
    assert 50 <= explanation.rows < 300
    assert "300 were asked for, but this model is slow to explain" in explanation.note
    assert explanation.additivity_error < 1e-9


def test_the_same_seed_gives_the_same_explanation(
    explanation: Explanation, predictor: Predictor, holdout: pd.DataFrame
) -> None:
    again = explained(predictor, holdout)
    assert pickle.dumps(again) == pickle.dumps(explanation)


def test_nothing_cannot_be_explained(predictor: Predictor, holdout: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="no rows to explain"):
        explained(predictor, holdout.iloc[:0])


@pytest.fixture(scope="module")
def of_films() -> Explanation:
    """Of a forest on films, whose columns are texts, dates and categories, one of them called ``kind``."""
    made = films()
    family = FAMILIES["random_forest"]
    predictor = Predictor(build(family, family.default, MIXED, 0)).fit(made.X[:2500], made.y[:2500])
    return explain(predictor, made.X[2500:], made.y[2500:], columns=MIXED, rows=120, cases=5)


def test_dates_texts_and_many_categories_are_explained(of_films: Explanation) -> None:
    assert of_films.names == MIXED.names
    assert of_films.additivity_error < 1e-9
    assert of_films.importance["released"] == max(of_films.importance.values())
    assert set(of_films.permutation) == set(MIXED.names)
    assert of_films.texts == ("title",)


def test_dates_are_shown_as_dates(of_films: Explanation) -> None:
    assert pd.api.types.is_datetime64_any_dtype(of_films.X["released"])
    assert pd.api.types.is_datetime64_any_dtype(of_films.cases["premiered"])
    places = beeswarm(of_films, most=6).groupby("feature")["position"]
    assert places.max()["released"] > 0.9
    assert places.count()["title"] == 0


def test_a_column_may_be_called_like_a_fact_about_a_case(of_films: Explanation) -> None:
    assert of_films.cases.columns.is_unique
    assert set(of_films.cases["kind"]) == {"most_wrong", "borderline"}
    assert set(of_films.cases["feature_kind"]) <= set(films().X["kind"])
