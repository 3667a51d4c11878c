"""A real model of the real sample: a table, its parts, a fitted predictor, and what the holdout says of it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.pipeline import Pipeline

from components.data import schema, split
from components.data.split import PARTS, Split, SplitRule
from components.training import fitting
from components.training.examples import Examples, examples
from components.training.features import Columns, select
from components.training.predictor import OutcomeValues, Predictor
from components.training.target import Target
from components.validation.metrics import Estimate, estimates

ROOT = Path(__file__).parents[4]
SENSITIVE = ("sex", "race", "disability")
VALUE = OutcomeValues(0.0, 0.0, 1.0, -1.0, "hundred dollars")
PARAMS: dict[str, dict[str, Any]] = {
    "gradient_boosting": {"learning_rate": 0.1, "max_iter": 80, "max_leaf_nodes": 15, "min_samples_leaf": 30},
    "linear": {"C": 1.0},
}


@dataclass
class Model:
    """A table, its parts, and a predictor fitted on them."""

    table: pl.DataFrame
    excluded: tuple[str, ...] = (*SENSITIVE, "year")
    params: dict[str, Any] | None = None

    rule = SplitRule("hash", "flowprint-1", 0.6, 0.2, 0.2)

    @cached_property
    def split(self) -> Split:
        return split.assign(self.table, self.rule)

    @cached_property
    def columns(self) -> Columns:
        return select(schema.infer(self.table).types, target="employed", excluded=self.excluded)

    def part(self, name: str) -> Examples:
        where = self.split.part == PARTS.index(name)
        return examples(
            self.table, where, columns=self.columns, target=Target("employed", "binary", ("true",))
        )

    @cached_property
    def holdout(self) -> Examples:
        return self.part("holdout")

    @cached_property
    def predictor(self) -> Predictor:
        return fitting.fit(
            "gradient_boosting",
            self.params or PARAMS["gradient_boosting"],
            self.part("train"),
            self.part("validation"),
            columns=self.columns,
            value=VALUE,
            alpha=0.01,
            seed=0,
        ).predictor

    @cached_property
    def baselines(self) -> dict[str, Pipeline]:
        return fitting.baselines(self.part("train"), columns=self.columns, seed=0)

    @cached_property
    def y_score(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        return self.predictor.score_positive(self.holdout.X)

    @cached_property
    def y_pred(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        return (self.y_score >= self.predictor.threshold).astype(np.int64)

    def baseline_score(self, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.asarray(self.baselines[name].predict_proba(self.holdout.X)[:, 1])


def estimate(model: Model, metric: str = "roc_auc") -> Estimate:
    """The metric on the model's holdout, with its interval."""
    found = estimates(
        model.holdout.y,
        model.y_score,
        metrics=[metric],
        threshold=model.predictor.threshold,
        replicates=300,
        seed=0,
    )
    return found[metric]
