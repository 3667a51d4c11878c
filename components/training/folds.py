"""Cross-validation folds, prepared once for all the trials of a search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from components.training.target import Task

Array = np.ndarray[Any, np.dtype[Any]]

CACHED_ROWS = 2_000_000
"""Prepared folds are kept for all trials up to this many rows, counted once a fold; beyond, memory is dearer."""


@dataclass(frozen=True)
class Part:
    """Rows ready for an estimator: prepared features, codes, weights."""

    X: Array
    y: Array
    sample_weight: Array | None


@dataclass(frozen=True)
class Fold:
    """What a trial is fitted on, and what it is scored on."""

    train: Part
    test: Part


def split(
    y: Array, *, folds: int, seed: int, groups: Array | None = None, task: Task = "binary"
) -> list[tuple[Array, Array]]:
    """Indices of the training and test rows of each fold, shuffled, stratified by class, groups kept together.

    Raises:
        DataError: a class has fewer rows than there are folds, or there are fewer groups than folds.
    """
    from sklearn import model_selection

    if task == "regression":
        kinds = (model_selection.KFold, model_selection.GroupKFold)
    else:
        kinds = (model_selection.StratifiedKFold, model_selection.StratifiedGroupKFold)
        codes, rows = np.unique(y, return_counts=True)
        if len(codes) < 2 or rows.min() < folds:
            counts = dict(zip(codes.tolist(), rows.tolist(), strict=True))
            raise DataError(
                f"Training rows by class are {counts}; {folds} folds need {folds} of at least two classes. "
                "Lower search.folds, or bring more data."
            )
    if groups is not None and len(np.unique(groups)) < folds:
        raise DataError(
            f"There are {len(np.unique(groups))} groups in the training rows for {folds} folds; lower search.folds."
        )
    splitter = kinds[groups is not None](n_splits=folds, shuffle=True, random_state=seed)
    return list(splitter.split(y, y, groups))


def prepare(
    X: pd.DataFrame,
    y: Array,
    parts: list[tuple[Array, Array]],
    preprocessor: Callable[[], Any],
    sample_weight: Array | None = None,
) -> Callable[[], Iterable[Fold]]:
    """A function that gives the folds, each with features learned from its own training rows alone.

    They are prepared once and kept, unless they are so large that they are better prepared again.
    """

    def prepared() -> Iterator[Fold]:
        for train, test in parts:
            features = preprocessor()
            X_train = np.asarray(features.fit_transform(X.iloc[train], y[train]))
            yield Fold(
                Part(X_train, y[train], _take(sample_weight, train)),
                Part(np.asarray(features.transform(X.iloc[test])), y[test], _take(sample_weight, test)),
            )

    if len(X) * len(parts) > CACHED_ROWS:
        return prepared
    kept = list(prepared())
    return lambda: kept


def _take(values: Array | None, rows: Array) -> Array | None:
    return None if values is None else values[rows]
