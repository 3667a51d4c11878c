"""E01: explanations add up."""

import numpy as np
import shap
from sklearn.ensemble import HistGradientBoostingClassifier

from components.validation.checks.explanation import additive
from components.validation.explanation import explain
from components.validation.gates import Limit
from tests.components.validation.checks.models import Model


def test_the_explanation_of_an_honest_model_passes(honest: Model, limits: dict[str, Limit]) -> None:
    found = explain(
        honest.predictor, honest.holdout.X.head(300), honest.holdout.y[:300], metric="roc_auc", seed=0
    )
    assert additive(found.additivity_error, len(found.values), limits["E01"]).status == "passed"


def test_contributions_that_do_not_add_up_are_blocked(honest: Model, limits: dict[str, Limit]) -> None:
    """Native categories in gradient boosting: SHAP's TreeExplainer is wrong about them, and does not say so."""
    train, rows = honest.part("train"), honest.holdout.X.head(300)
    codes = {
        name: {value: code for code, value in enumerate(sorted(train.X[name].unique()))} for name in train.X
    }
    X, few = (
        np.column_stack([part[name].map(codes[name]).fillna(0) for name in honest.columns.categorical])
        for part in (train.X, rows)
    )
    model = HistGradientBoostingClassifier(
        categorical_features=list(range(X.shape[1])), max_iter=50, random_state=0
    ).fit(X, train.y)
    explainer = shap.TreeExplainer(model)
    values = explainer.shap_values(few, check_additivity=False)
    total = values.sum(axis=1) + float(np.ravel(explainer.expected_value)[0])
    error = float(np.abs(total - model.decision_function(few)).max())
    assert additive(error, len(few), limits["E01"]).status == "failed"
