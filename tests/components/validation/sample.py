"""Real people of the sample, scored by two models that never saw them."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

SOURCE = "data/acs_employment_ma_18_64.parquet"
STRONG = ["age", "education", "disability", "cognitive_difficulty", "foreign_born"]
WEAK = ["age", "education"]


@dataclass(frozen=True)
class People:
    """Rows, outcomes and two models' scores; weights are 1, 2 or 3, and rows come in groups of four."""

    frame: pd.DataFrame
    y: np.ndarray
    score: np.ndarray
    weaker: np.ndarray
    weight: np.ndarray
    group: np.ndarray


@cache
def people(rows: int = 1500) -> People:
    table = pd.read_parquet(SOURCE).query("year == 2015").sample(2 * rows, random_state=3)
    y = table["employed"].to_numpy(np.int64)
    strong, weak = (_scores(table[features].to_numpy(float), y, rows) for features in (STRONG, WEAK))
    frame = table.drop(columns=["employed", "year"])[:rows].reset_index(drop=True)
    weight = 1.0 + frame["age"].to_numpy() % 3
    return People(frame, y[:rows], strong, weak, weight, np.arange(rows) // 4)


def _scores(X: np.ndarray, y: np.ndarray, rows: int) -> np.ndarray:
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    X = np.column_stack([X, X[:, 0] ** 2])
    return LogisticRegression().fit(X[rows:], y[rows:]).predict_proba(X[:rows])[:, 1]
