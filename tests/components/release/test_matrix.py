"""The same rows through the compiled preprocessing and through the pipeline's give the same features."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from components.release.categories import NotCompilableError, encodings
from components.release.export import export
from components.release.matrix import feature_distance
from components.training.features import MISSING, Columns
from components.training.missing import FillMissing
from components.training.predictor import Predictor

COLUMNS = Columns(("age", "income"), ("kind",))


@pytest.fixture
def predictor() -> Predictor:
    """A model that does not look at the first number."""
    X, generator = rows(), np.random.default_rng(2)
    parts = [
        ("numbers", make_pipeline(FillMissing(), StandardScaler()), ["age", "income"]),
        ("labels", OneHotEncoder(handle_unknown="ignore"), ["kind"]),
    ]
    pipeline = Pipeline([("features", ColumnTransformer(parts)), ("model", LogisticRegression())])
    made = Predictor(pipeline).fit(
        X, (X.income + generator.normal(0, 1e4, len(X)) > 3e4).astype(int).to_numpy()
    )
    made.pipeline.named_steps["model"].coef_[0, 0] = 0.0
    return made


def rows() -> pd.DataFrame:
    generator = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "age": generator.normal(40, 12, 400),
            "income": generator.normal(3e4, 1e4, 400),
            "kind": generator.choice(["a", "b", MISSING], 400),
        }
    )


def distance(predictor: Predictor, X: pd.DataFrame) -> float:
    steps = predictor.pipeline.named_steps
    encoded = encodings(steps["features"], COLUMNS)
    return feature_distance(steps["features"], X, COLUMNS, encoded, {})


def test_every_feature_is_the_same_to_the_last_digits(predictor):
    assert distance(predictor, rows()) < 1e-12
    assert distance(predictor, rows().assign(kind="never seen", age=1e12)) < 1e-12


def test_a_feature_that_no_score_shows_is_refused(predictor, monkeypatch):
    """The model gives the age no weight: scores agree to the last digit, and the feature is off by one."""
    scaler = predictor.pipeline.named_steps["features"].named_transformers_["numbers"][-1]
    right, X = scaler.transform, rows()
    before = predictor.respond(X)
    monkeypatch.setattr(scaler, "transform", lambda given: np.add(right(given), [1.0, 0.0]))
    assert np.array_equal(predictor.respond(X), before)
    assert distance(predictor, X) > 0.1
    with pytest.raises(NotCompilableError, match="makes a feature that is"):
        export(predictor, COLUMNS, X)


def test_a_feature_that_is_missing_on_one_side_only_is_as_far_as_can_be(predictor, monkeypatch):
    scaler = predictor.pipeline.named_steps["features"].named_transformers_["numbers"][-1]
    right = scaler.transform
    monkeypatch.setattr(scaler, "transform", lambda given: np.where(right(given) > 2, np.nan, right(given)))
    assert distance(predictor, rows()) == np.inf
