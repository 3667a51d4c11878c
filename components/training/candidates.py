"""The model families that compete, each with its search space and the configuration to try first. Yours to edit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

    from components.training.features import Columns, Kind
    from components.training.target import Task

Params = dict[str, Any]


@dataclass(frozen=True)
class Family:
    """A kind of model and what may be tuned about it.

    Attributes:
        name: how `config.toml` names it.
        simplicity: 0 for the simplest; between equals the simpler family wins.
        kind: which preprocessing it wants.
        default: the first configuration tried.
        suggest: draws a configuration for an Optuna trial.
        estimator: the unfitted model of a configuration, a seed and a task; its `fit` takes `sample_weight`.
    """

    name: str
    simplicity: int
    kind: Kind
    default: Params
    suggest: Callable[[optuna.Trial], Params]
    estimator: Callable[[Params, int, Task], BaseEstimator]


def _suggest_linear(trial: optuna.Trial) -> Params:
    return {"C": trial.suggest_float("C", 1e-4, 100, log=True)}


def _linear(params: Params, seed: int, task: Task = "binary") -> BaseEstimator:
    from sklearn.linear_model import LogisticRegression, Ridge

    if task == "regression":
        return Ridge(alpha=1 / params["C"], random_state=seed)
    return LogisticRegression(**params, max_iter=1000, random_state=seed)


def _suggest_gradient_boosting(trial: optuna.Trial) -> Params:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.3, log=True),
        "max_iter": trial.suggest_int("max_iter", 50, 250, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 8, 48, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, 100, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 0.01, 100, log=True),
        "max_features": trial.suggest_float("max_features", 0.3, 1.0),
    }


def _gradient_boosting(params: Params, seed: int, task: Task = "binary") -> BaseEstimator:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    return kind(**params, early_stopping=False, random_state=seed)


def _suggest_random_forest(trial: optuna.Trial) -> Params:
    return {
        "max_features": trial.suggest_float("max_features", 0.2, 1.0),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 3, 100, log=True),
        "max_samples": trial.suggest_float("max_samples", 0.2, 0.8),
    }


def _random_forest(params: Params, seed: int, task: Task = "binary") -> BaseEstimator:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestRegressor if task == "regression" else RandomForestClassifier
    return kind(**params, n_estimators=50, random_state=seed)


LINEAR = Family("linear", 0, "linear", {"C": 1.0}, _suggest_linear, _linear)

GRADIENT_BOOSTING = Family(
    "gradient_boosting",
    1,
    "tree",
    {
        "learning_rate": 0.1,
        "max_iter": 100,
        "max_leaf_nodes": 16,
        "min_samples_leaf": 10,
        "l2_regularization": 5.0,
        "max_features": 0.7,
    },
    _suggest_gradient_boosting,
    _gradient_boosting,
)

RANDOM_FOREST = Family(
    "random_forest",
    2,
    "forest",
    {"max_features": 0.4, "min_samples_leaf": 10, "max_samples": 0.4},
    _suggest_random_forest,
    _random_forest,
)

FAMILIES: dict[str, Family] = {family.name: family for family in (LINEAR, GRADIENT_BOOSTING, RANDOM_FOREST)}


def build(family: Family, params: Params, columns: Columns, seed: int, task: Task = "binary") -> Pipeline:
    """The unfitted pipeline of a configuration: `features`, then `model`."""
    return _pipeline(columns, family.kind, family.estimator(params, seed, task), task)


def untuned_linear(columns: Columns, seed: int, task: Task = "binary") -> Pipeline:
    """The baseline that a searched model must not fall behind: logistic or ridge regression as it comes."""
    return _pipeline(columns, "linear", _linear({"C": 1.0}, seed, task), task)


def dummy(columns: Columns, seed: int, task: Task = "binary") -> Pipeline:
    """The baseline that every model must beat: it predicts the classes' shares, or the mean, and reads no feature."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    if task == "regression":
        return _pipeline(columns, "tree", DummyRegressor(strategy="mean"), task)
    return _pipeline(columns, "tree", DummyClassifier(strategy="prior", random_state=seed), task)


def _pipeline(columns: Columns, kind: Kind, model: BaseEstimator, task: Task) -> Pipeline:
    from sklearn.pipeline import Pipeline

    from components.training.features import preprocessor

    return Pipeline([("features", preprocessor(columns, kind, task)), ("model", model)])
