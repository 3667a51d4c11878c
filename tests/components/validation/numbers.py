"""Real numbers to predict: how a disease went on in 442 patients, four times with noise, and two models of it."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge


@dataclass(frozen=True)
class Numbers:
    """Outcomes, two models' predictions, weights of 1 to 3, and rows in groups of four."""

    y: np.ndarray
    score: np.ndarray
    weaker: np.ndarray
    weight: np.ndarray
    group: np.ndarray


@cache
def numbers(copies: int = 4) -> Numbers:
    X, y = load_diabetes(return_X_y=True)
    generator = np.random.default_rng(0)
    X, y = np.repeat(X, copies, axis=0), np.repeat(y, copies) + generator.normal(0, 20, copies * len(y))
    order = generator.permutation(len(y))
    X, y = X[order], y[order]
    half = len(y) // 2
    strong, weak = (Ridge(alpha=0.1).fit(X[half:, :k], y[half:]).predict(X[:half, :k]) for k in (10, 3))
    return Numbers(y[:half], strong, weak, 1.0 + np.arange(half) % 3, np.arange(half) // 4)
