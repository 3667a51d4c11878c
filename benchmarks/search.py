"""Time to reach the cross-validated AUC of a random search: 30 trials by 3 folds on the sample.

Both search the space of gradient boosting on the same training rows and folds, in one process, one after the other.
Ours may use as many trials; it is stopped when its best score reaches the peer's.
"""

import statistics
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.result import Result
from components.training.candidates import GRADIENT_BOOSTING, Family, build
from components.training.features import Columns, inputs, select
from components.training.folds import split
from components.training.search import Trial, search

SAMPLE = Path(__file__).parents[1] / "data" / "acs_employment_ma_18_64.parquet"
TRIALS, FOLDS, GOAL = 30, 3, 0.33
SEEDS = (0, 1, 2)


class Reached(Exception):  # noqa: N818
    """The search need not go on."""


def training_rows() -> tuple[pd.DataFrame, np.ndarray[Any, np.dtype[np.int64]], Columns]:
    table = pd.read_parquet(SAMPLE)
    table = table[table["year"] == 2015].sample(frac=0.6, random_state=0)
    types = {
        name: "category" if str(kind) == "category" else "integer" for name, kind in table.dtypes.items()
    }
    columns = select(types, target="employed", excluded=["year", "sex", "race", "disability"])
    return inputs(table, columns), table["employed"].to_numpy(np.int64), columns


def distributions(family: Family) -> dict[str, Any]:
    """The family's space as scipy distributions, as RandomizedSearchCV wants them."""
    import optuna
    from scipy.stats import loguniform, randint, uniform

    trial = optuna.create_study().ask()
    family.suggest(trial)
    chosen: dict[str, Any] = {}
    spaces: dict[str, Any] = trial.distributions
    for name, space in spaces.items():
        whole = isinstance(space, optuna.distributions.IntDistribution)
        if whole and space.log:  # as integers, by equal steps of the logarithm
            chosen[name] = np.geomspace(space.low, space.high, 200).round().astype(int).tolist()
        elif whole:
            chosen[name] = randint(space.low, space.high + 1)
        elif space.log:
            chosen[name] = loguniform(space.low, space.high)
        else:
            chosen[name] = uniform(space.low, space.high - space.low)
    return {f"model__{name}": distribution for name, distribution in chosen.items()}


def random_search(X: pd.DataFrame, y: Any, columns: Columns, seed: int) -> tuple[float, float]:
    """Seconds, and the score that was found."""
    from sklearn.model_selection import RandomizedSearchCV

    start = perf_counter()
    peer = RandomizedSearchCV(
        build(GRADIENT_BOOSTING, {}, columns, seed),
        distributions(GRADIENT_BOOSTING),
        n_iter=TRIALS,
        scoring="roc_auc",
        cv=split(y, folds=FOLDS, seed=seed),
        refit=False,
        random_state=seed,
    ).fit(X, y)
    return perf_counter() - start, float(peer.best_score_)


def seconds_to_reach(target: float, X: pd.DataFrame, y: Any, columns: Columns, seed: int) -> float:
    """Seconds until our search has the score; infinity if it never does."""
    start = perf_counter()

    def report(trial: Trial, best: float) -> None:
        if best >= target:
            raise Reached

    try:
        search(
            X, y, family=GRADIENT_BOOSTING, columns=columns, metric="roc_auc", trials=TRIALS, folds=FOLDS,
            patience=TRIALS, seed=seed, report=report,
        )  # fmt: skip
    except Reached:
        return perf_counter() - start
    return float("inf")


def benchmarks(seeds: tuple[int, ...] = SEEDS) -> list[Result]:
    """The seed whose ratio is the median."""
    X, y, columns = training_rows()
    seconds_to_reach(0.0, X[:2000], y[:2000], columns, seed=0)  # imports are nobody's lead
    times, told = [], []
    for seed in seeds:
        peer, target = random_search(X, y, columns, seed)
        ours = seconds_to_reach(target, X, y, columns, seed)
        times.append((ours / peer, ours, peer))
        told.append(f"seed {seed}: {ours:.1f} s and {peer:.1f} s to {target:.5f}")
    _, ours, peer = statistics.median_low(times)
    return [
        Result(
            "search: time to a random search's cross-validated AUC",
            ours,
            peer,
            goal=GOAL,
            peer_name=f"RandomizedSearchCV, {TRIALS} trials × {FOLDS} folds",
            note=f"{'; '.join(told)}. The line is the median ratio's.",
        )
    ]
