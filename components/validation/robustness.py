"""What faults in the input cost: the loss of a metric when values go missing, get mixed up, or shift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from components.training.features import MISSING, Columns
from components.validation.comparison import paired_difference
from components.validation.metrics import METRICS, Estimate, Rule
from components.validation.resampling import Design, Groups

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["missing", "category_noise", "shift"]

UNSEEN = "__unseen__"
"""A category that no training row has."""


@dataclass(frozen=True)
class Perturbation:
    """One fault and what it costs.

    Attributes:
        kind: ``missing``: values go missing. ``category_noise``: half of the values hit are those of other rows, half
            a category never seen (other rows' alone for texts, and for yes or no). ``shift``: numbers and dates are too
            high, or too low.
        feature: The column hit; None for the whole table.
        strength: The fraction of values hit; for ``shift`` the distance in standard deviations.
        drop: Loss of the metric on the same rows, above 0 if the fault makes it worse.
    """

    kind: Kind
    feature: str | None
    strength: float
    drop: Estimate


@dataclass(frozen=True)
class RobustnessReport:
    """The loss of the metric under each fault: the whole table first, then feature by feature."""

    metric: str
    perturbations: tuple[Perturbation, ...]


def robustness_report(
    score: Callable[[pd.DataFrame], Any],
    X: pd.DataFrame,
    y_true: ArrayLike,
    *,
    columns: Columns,
    metric: str,
    threshold: Rule = 0.5,
    missing: float = 0.1,
    noise: float = 0.1,
    shift: float = 0.1,
    feature_rows: int = 4000,
    sample_weight: ArrayLike | None = None,
    groups: Groups | None = None,
    level: float = 0.95,
    seed: int,
) -> RobustnessReport:
    """The paired loss of the metric under faults of a stated strength, for the whole table and for each feature.

    The interval is over rows, for the faults that the seed drew.

    Args:
        score: From model inputs to scores.
        X: Model inputs (rows, features), as :func:`components.training.features.inputs` makes them.
        y_true: Codes, or numbers, (rows,).
        columns: Which features are numbers, categories, dates and texts.
        metric: Name in :data:`~components.validation.metrics.METRICS`.
        threshold: What turns scores into decisions.
        missing: Fraction of values that go missing.
        noise: Fraction of categories that are mixed up.
        shift: By how many standard deviations numbers are off.
        feature_rows: Rows, drawn at random, on which single features are spoiled.
        sample_weight: (rows,).
        groups: What rows come in together, (rows,).
        level: Of the intervals.
        seed: Of the faults.
    """
    y, clean, design = (
        METRICS[metric].truth(y_true),
        np.asarray(score(X), dtype=np.float64),
        Design(len(X), sample_weight, groups),
    )
    generator, fragile = np.random.default_rng(seed), _fragile(X, columns)
    blanks: dict[str, Any] = dict.fromkeys(columns.categorical, MISSING) | dict.fromkeys(columns.texts, "")
    everywhere = np.arange(len(X))
    some = np.sort(generator.permutation(everywhere)[:feature_rows])

    def cost(
        kind: Kind, strength: float, rows: NDArray[np.int64], feature: str | None = None
    ) -> Perturbation:
        spoiled = X.iloc[rows].copy()
        for name in fragile[kind] if feature is None else (feature,):
            values = X[name].to_numpy()
            spoiled[name] = _spoiled(kind, values, strength, blanks.get(name, np.nan), generator)[rows]
        part = design.part(rows)
        difference = paired_difference(
            metric,
            y[rows],
            clean[rows],
            np.asarray(score(spoiled), dtype=np.float64),
            threshold=threshold,
            sample_weight=part.sample_weight,
            groups=part.groups,
            level=level,
        )
        return Perturbation(
            kind, feature, strength, Estimate(difference.value, difference.low, difference.high, level)
        )

    strengths: dict[Kind, tuple[float, ...]] = {
        "missing": (missing,),
        "category_noise": (noise,),
        "shift": (shift, -shift),
    }
    whole = [
        cost(kind, strength, everywhere)
        for kind, each in strengths.items()
        for strength in each
        if fragile[kind]
    ]
    single = [
        cost(kind, each[0], some, name)
        for name in columns.names
        for kind, each in strengths.items()
        if name in fragile[kind]
    ]
    return RobustnessReport(metric, (*whole, *single))


def _fragile(X: pd.DataFrame, columns: Columns) -> dict[Kind, tuple[str, ...]]:
    """The columns that each kind of fault can hit: two numbers are a choice, and a single value cannot be mixed up."""
    distinct = {name: X[name].nunique() for name in columns.names}
    numbers = tuple(name for name in (*columns.numeric, *columns.dates) if distinct[name] > 2)
    choices = tuple(name for name in columns.names if name not in numbers and distinct[name] > 1)
    return {"missing": columns.names, "category_noise": choices, "shift": numbers}


def _spoiled(
    kind: Kind, values: NDArray[Any], strength: float, blank: Any, generator: np.random.Generator
) -> NDArray[Any]:
    """The values of a column with one fault; `blank` is what a missing one is there."""
    if kind == "shift":
        return np.asarray(values + strength * np.nanstd(values))
    chance = generator.random(len(values))
    if kind == "missing":
        return np.where(chance < strength, blank, values)
    mixed = np.where(chance < strength, generator.permutation(values), values)
    return np.where(chance < strength / 2, UNSEEN, mixed) if blank == MISSING else mixed
