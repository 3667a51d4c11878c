"""The best configuration of a family by cross-validation, and the best of the families."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from components.errors import DataError
from components.training.candidates import Family, Params
from components.training.features import Columns, preprocessor
from components.training.folds import Fold, prepare, split
from components.training.scoring import Score, response, scorer
from components.training.target import Task
from components.training.trials import State, Trial, best_of, hopeless, settled

if TYPE_CHECKING:
    import optuna
    import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]


__all__ = ["SearchResult", "Trial", "choose", "search"]


@dataclass(frozen=True)
class SearchResult:
    """A family's trials, in order, and the best of them with its score."""

    family: str
    trials: tuple[Trial, ...]
    best: Trial
    score: float
    standard_error: float
    simplicity: int


def _silent(trial: Trial, best: float) -> None:
    """Report nothing."""


def search(
    X: pd.DataFrame,
    y: Array,
    *,
    family: Family,
    columns: Columns,
    metric: str,
    trials: int,
    folds: int,
    patience: int,
    seed: int,
    sample_weight: Array | None = None,
    groups: Array | None = None,
    report: Callable[[Trial, float], None] = _silent,
    task: Task = "binary",
) -> SearchResult:
    """A family's trials and the best of them: the same for the same data and seed, on any machine.

    The family's default is tried first, then what Optuna's TPE suggests from the trials so far. A trial is pruned
    when, on the folds it has seen, it trails the best one by more than a standard error of such differences. The
    search ends after `trials`, or when the last `patience` of them have raised the best score by no more than its
    standard error: less is noise. Only trials are counted, never seconds.

    Args:
        X: model inputs, as `features.inputs` gives them.
        y: codes of the target, or numbers where the task is regression, shape (n,).
        family: what to search.
        columns: the features.
        metric: a name in `scoring.SCORERS`.
        trials: how many at most.
        folds: how many, at least 2, stratified by class.
        patience: see above.
        seed: of the folds, the sampler and the estimators.
        sample_weight: shape (n,), for fitting and for scoring.
        groups: shape (n,); the rows of a group stay in one fold.
        report: called after each trial with the trial and the best score so far (NaN while there is none).
        task: what is learned.

    Raises:
        ConfigError: the metric is not known.
        DataError: a class has too few rows for the folds, or every trial failed.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    score, study = scorer(metric, task), _study(family, seed)
    parts = split(y, folds=folds, seed=seed, groups=groups, task=task)
    history: list[Trial] = []
    with threadpool_limits(1, user_api="blas"):  # sums must not depend on the number of threads
        prepared = prepare(X, y, parts, partial(preprocessor, columns, family.kind, task), sample_weight)
        while len(history) < trials and not settled(history, patience):
            asked = study.ask()
            params = family.suggest(asked)
            estimator = partial(family.estimator, params, seed, task)
            trial = _attempt(asked.number, params, estimator, prepared(), score, history)
            _tell(study, asked, trial)
            history.append(trial)
            best = best_of(history)
            report(trial, best.score if best else math.nan)
    return _result(family, history)


def choose(results: Sequence[SearchResult]) -> SearchResult:
    """The simplest family that scores within one standard error of the highest score; the higher of equals.

    The standard error is that of the highest score over its folds (Breiman et al., 1984). That of the paired
    differences would be smaller, but folds share training rows and so understate it (Bengio and Grandvalet,
    2004), and what it would save is a gain too small to pay for a model that is harder to explain.
    """
    top = max(results, key=lambda result: result.score)
    close = [result for result in results if result.score >= top.score - top.standard_error]
    return min(close, key=lambda result: (result.simplicity, -result.score))


def _study(family: Family, seed: int) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=4, multivariate=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.enqueue_trial(family.default)
    return study


def _attempt(
    number: int,
    params: Params,
    estimator: Callable[[], Any],
    folds: Iterable[Fold],
    score: Score,
    history: Sequence[Trial],
) -> Trial:
    start = perf_counter()
    scores: list[float] = []
    state: State = "complete"
    error = ""
    try:
        for fold in folds:
            if hopeless(scores, history):
                state = "pruned"
                break
            scores.append(_fold_score(estimator(), fold, score))
    except Exception as failure:  # whatever a configuration breaks, the others go on
        state, error = "failed", f"{type(failure).__name__}: {failure}"
    return Trial(number, params, tuple(scores), state, perf_counter() - start, error)


def _fold_score(model: Any, fold: Fold, score: Score) -> float:
    model.fit(fold.train.X, fold.train.y, sample_weight=fold.train.sample_weight)
    value = score(fold.test.y, response(model, fold.test.X), fold.test.sample_weight)
    if not np.isfinite(value):
        raise ValueError(f"its score is {value}")
    return value


def _tell(study: optuna.Study, asked: optuna.Trial, trial: Trial) -> None:
    from optuna.trial import TrialState

    for fold, _ in enumerate(trial.fold_scores):
        asked.report(fmean(trial.fold_scores[: fold + 1]), fold)
    if trial.state == "complete":
        study.tell(asked, trial.score)
    else:
        study.tell(asked, state=TrialState.PRUNED if trial.state == "pruned" else TrialState.FAIL)


def _result(family: Family, history: Sequence[Trial]) -> SearchResult:
    best = best_of(history)
    if best is None:
        raise DataError(
            f"All {len(history)} trials of '{family.name}' failed, the first with: {history[0].error}. "
            "Correct its estimator or its space in candidates.py, or leave the family out of search.families."
        )
    return SearchResult(family.name, tuple(history), best, best.score, best.standard_error, family.simplicity)
