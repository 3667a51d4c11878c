"""Metrics of a classifier with their uncertainty; point values are scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from components.errors import DataError
from components.training.class_predictor import decided
from components.validation.deviation import Determination, RootMean
from components.validation.intervals import bca_interval, interval
from components.validation.ranking import AreaUnderCurve, AveragePrecision
from components.validation.resampling import Design, Floats, Groups, Mean, MeanRatio, Statistic, cell_counts

if TYPE_CHECKING:
    from components.training.outcomes import Values
    from components.training.target import Task

Codes = NDArray[np.int64]
Rule = float | Floats
"""What turns scores into decisions: the least score that is called positive or, for several classes, what each decision
is worth by what is true, shape (classes, classes)."""

LARGE = 50_000
"""Rows beyond which intervals come without resampling: the two then agree, and seconds would become minutes."""


@dataclass(frozen=True)
class Estimate:
    """A number with the interval that covers the truth in a ``level`` fraction of repetitions."""

    value: float
    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True)
class Metric:
    """How good predictions are.

    Attributes:
        name: As in scikit-learn, without ``_score``.
        greater_is_better: The direction.
        needs: Whether ``statistic`` takes scores or predicted codes.
        statistic: From ``y_true`` (codes) and the prediction to a function of the rows' weights. Where ``by_class``, it
            takes the number of classes too, which rows that lack some cannot tell.
        bounded: Whether it is a share, within [0, 1] and a mean of what is nearly yes or no.
        classes: Whether it needs rows of every class.
        tasks: What it measures.
        within: For metrics that compare with the spread of the rows: the statistic of some of the rows, by the spread of
            all of them. From all ``y_true`` and their weights to such a statistic.
        by_class: Whether it counts by classes.
    """

    name: str
    greater_is_better: bool
    needs: Literal["score", "label"]
    statistic: Callable[..., Statistic]
    bounded: bool = True
    classes: bool = False
    tasks: tuple[Task, ...] = ("binary",)
    within: Callable[[Floats, Floats], Callable[[Floats, Floats], Statistic]] | None = None
    by_class: bool = False

    def truth(self, y_true: ArrayLike) -> NDArray[Any]:
        """The outcomes as the metric reads them: codes as whole numbers, or numbers."""
        return np.asarray(y_true, dtype=np.float64) if "regression" in self.tasks else codes(y_true)

    def of(self, y_true: ArrayLike, y_score: ArrayLike, threshold: Rule) -> Statistic:
        """The statistic of these scores, decided by ``threshold`` where the metric needs predicted codes."""
        y, scores = self.truth(y_true), np.asarray(y_score, dtype=np.float64)
        return self.among(classes_of(scores))(
            y, scores if self.needs == "score" else labels(scores, threshold)
        )

    def among(self, classes: int) -> Callable[[Any, Any], Statistic]:
        """The statistic where there are so many classes."""
        return partial(self.statistic, classes=classes) if self.by_class else self.statistic

    def function(
        self, y_true: ArrayLike, prediction: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """The value; 0 for a share of no rows, NaN where it is undefined. The last class must occur in either."""
        y, given = self.truth(y_true), np.asarray(prediction)
        classes = int(max(y.max(initial=1), given.max(initial=1))) + 1
        return self.defined(Design(len(y), sample_weight).value(self.among(classes)(y, given)))

    def defined(self, value: float) -> float:
        """The value, or scikit-learn's 0 for a share of no rows."""
        return 0.0 if np.isnan(value) and self.needs == "label" and not self.classes else value


def undefined(metric: Metric, design: Design) -> str:
    """Why there is no value, and what to do."""
    return (
        f"{metric.name} is undefined on these {design.rows:,} rows: it needs rows of every class. "
        "Use more rows, or a metric that does without."
    )


def codes(y_true: ArrayLike) -> Codes:
    """The codes as whole numbers."""
    return np.asarray(y_true).astype(np.int64)


def classes_of(y_score: Floats) -> int:
    """How many classes the scores are of."""
    return y_score.shape[1] if y_score.ndim == 2 else 2


def labels(y_score: Floats, threshold: Rule) -> Codes:
    """The codes that are decided: 1 from ``threshold`` up; of several classes the one whose choice is worth most."""
    if y_score.ndim == 1:
        return (y_score >= threshold).astype(np.int64)
    worth = np.eye(y_score.shape[1]) if np.ndim(threshold) == 0 else np.asarray(threshold)
    return np.asarray(decided(y_score, worth))


def _area(y_true: Codes, y_score: Floats) -> Statistic:
    """Of several classes the mean over each against the rest."""
    if y_score.ndim == 1:
        return AreaUnderCurve(y_true, y_score)
    return Mean(
        [
            AreaUnderCurve((y_true == code).astype(np.int64), y_score[:, code])
            for code in range(y_score.shape[1])
        ]
    )


def _log_loss(y_true: Codes, y_score: Floats) -> MeanRatio:
    smallest = np.finfo(y_score.dtype).eps
    score = np.clip(y_score, smallest, 1 - smallest)
    own = np.where(y_true == 1, score, 1 - score) if score.ndim == 1 else score[np.arange(len(score)), y_true]
    return MeanRatio(-np.log(own))


def _brier_score(y_true: Codes, y_score: Floats) -> MeanRatio:
    if y_score.ndim == 1:
        return MeanRatio((y_true - y_score) ** 2)
    return MeanRatio(((_of_class(y_true, y_score.shape[1]) - y_score) ** 2).sum(axis=1))


def _recalls(y_true: Codes, y_pred: Codes, *, classes: int) -> MeanRatio:
    of_class = _of_class(y_true, classes)
    return MeanRatio(of_class * (y_true == y_pred)[:, None], of_class)


def _f1(y_true: Codes, y_pred: Codes, *, classes: int) -> MeanRatio:
    """Of several classes the mean over those that occur, in truth or as a decision."""
    true, pred = _of_class(y_true, classes), _of_class(y_pred, classes)
    kept = np.arange(classes) == 1 if classes == 2 else (true | pred).any(axis=0)
    return MeanRatio(2 * (true & pred)[:, kept], (1 * true + pred)[:, kept])


def _of_class(codes_: Codes, classes: int) -> NDArray[np.bool_]:
    return np.asarray(codes_[:, None] == np.arange(classes))


def _against_spread(y_true: Floats, weight: Floats) -> Callable[[Floats, Floats], Statistic]:
    """R² of some rows by the spread of all: that of their own spread is poor wherever they are alike."""
    spread = float(np.average((y_true - np.average(y_true, weights=weight)) ** 2, weights=weight))
    return lambda y, p: MeanRatio(1 - (y - p) ** 2 / spread)


_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_NUMBERS: tuple[Task, ...] = ("regression",)

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("roc_auc", True, "score", _area, classes=True, tasks=_CLASSES),
        Metric("average_precision", True, "score", AveragePrecision, classes=True),
        Metric("log_loss", False, "score", _log_loss, bounded=False, tasks=_CLASSES),
        Metric("brier_score", False, "score", _brier_score, bounded=False, tasks=_CLASSES),
        Metric("accuracy", True, "label", lambda y, p: MeanRatio(y == p), tasks=_CLASSES),
        Metric("balanced_accuracy", True, "label", _recalls, classes=True, tasks=_CLASSES, by_class=True),
        Metric("precision", True, "label", lambda y, p: MeanRatio((y == 1) & (p == 1), p == 1)),
        Metric("recall", True, "label", lambda y, p: MeanRatio((y == 1) & (p == 1), y == 1)),
        Metric("specificity", True, "label", lambda y, p: MeanRatio((y == 0) & (p == 0), y == 0)),
        Metric("f1", True, "label", _f1, tasks=_CLASSES, by_class=True),
        Metric("r2", True, "score", Determination, bounded=False, tasks=_NUMBERS, within=_against_spread),
        Metric("root_mean_squared_error", False, "score", RootMean, bounded=False, tasks=_NUMBERS),
        Metric(
            "mean_absolute_error",
            False,
            "score",
            lambda y, p: MeanRatio(np.abs(y - p)),
            bounded=False,
            tasks=_NUMBERS,
        ),
    )
}


def metrics_of(task: Task) -> tuple[str, ...]:
    """The names of a task's metrics."""
    return tuple(name for name, metric in METRICS.items() if task in metric.tasks)


def bootstrap(
    metric: str,
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    threshold: Rule,
    sample_weight: ArrayLike | None = None,
    groups: Groups | None = None,
    replicates: int = 1000,
    seed: int,
    level: float = 0.95,
) -> Estimate:
    """One metric with its interval; see :func:`estimates`."""
    return estimates(
        y_true,
        y_score,
        metrics=[metric],
        threshold=threshold,
        sample_weight=sample_weight,
        groups=groups,
        replicates=replicates,
        seed=seed,
        level=level,
    )[metric]


def estimates(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    metrics: Iterable[str] = metrics_of("binary"),
    threshold: Rule,
    sample_weight: ArrayLike | None = None,
    groups: Groups | None = None,
    replicates: int = 1000,
    seed: int,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """Metrics with their bias-corrected and accelerated bootstrap intervals, all from the same resamples.

    In simulations with 50 rows or more of the rarer class, the 95 % intervals of every metric cover 93.5 to 97 %.

    Beyond :data:`LARGE` rows, and where resampling leaves nothing to see (a perfect score), the interval is that of
    :func:`interval`, which needs no resampling. Metrics of labels alone are resampled as cells of the confusion matrix.

    Args:
        y_true: Codes, or numbers, (rows,).
        y_score: P(positive), or the predicted number, (rows,); (rows, classes) for several classes.
        metrics: Names in :data:`METRICS`, all of one task.
        threshold: What turns scores into decisions.
        sample_weight: (rows,).
        groups: What rows come in, (rows,): groups are resampled, not rows.
        replicates: Resamples; with 1000 another seed moves a bound by about a hundredth of the interval.
        seed: Of the resamples.
        level: Of the intervals.

    Raises:
        DataError: A metric is undefined on these rows.
    """
    chosen = [METRICS[name] for name in metrics]
    y, score = chosen[0].truth(y_true), np.asarray(y_score, dtype=np.float64)
    design = Design(len(y), sample_weight, groups)
    statistics = [metric.of(y, score, threshold) for metric in chosen]
    if all(metric.needs == "label" for metric in chosen):
        kinds = [metric.among(classes_of(score)) for metric in chosen]
        drawn = _decisions_resampled(kinds, y, labels(score, threshold), design, replicates, seed)
    else:
        drawn = _resampled(statistics, design, replicates, seed)
    return {
        metric.name: _estimate(metric, statistic, design, each, level)
        for metric, statistic, each in zip(chosen, statistics, drawn, strict=True)
    }


def expected_utility(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    value: Values,
    *,
    sample_weight: ArrayLike | None = None,
    groups: Groups | None = None,
    replicates: int = 1000,
    seed: int,
    level: float = 0.95,
) -> Estimate:
    """What one decision is worth on average, in ``value.unit``; arguments as for :func:`estimates`."""
    y, decided = np.asarray(y_true), np.asarray(y_pred)
    design, metric = Design(len(y), sample_weight, groups), utility_metric(value)
    (drawn,) = _decisions_resampled([metric.statistic], y, decided, design, replicates, seed)
    return _estimate(metric, metric.statistic(y, decided), design, drawn, level)


def utility_metric(value: Values) -> Metric:
    """Expected utility as a metric of decisions."""
    return Metric(
        "expected_utility", True, "label", lambda y, p: MeanRatio(value.worth(y, p)), bounded=False,
        tasks=("binary", "multiclass", "regression"),
    )  # fmt: skip


def _estimate(metric: Metric, statistic: Statistic, design: Design, drawn: Floats, level: float) -> Estimate:
    value = design.value(statistic)
    if np.isnan(value):
        if np.isnan(metric.defined(value)):
            raise DataError(undefined(metric, design))
        return Estimate(0.0, 0.0, 1.0, level)  # a share of no rows: nothing is known
    finite = drawn[0, np.isfinite(drawn[0])]
    if len(finite) <= drawn.shape[1] / 2 or np.ptp(finite) < 1e-12:
        return Estimate(value, *interval(statistic, design, bounded=metric.bounded, level=level), level)
    contribution, units = design.contributions(statistic), design.units(statistic)
    low, high = bca_interval(value, drawn[0], drawn[1], contribution, units, level=level)
    return Estimate(value, *((max(low, 0.0), min(high, 1.0)) if metric.bounded else (low, high)), level)


def _resampled(statistics: Sequence[Statistic], design: Design, replicates: int, seed: int) -> Floats:
    """Replicates of each statistic and of its linear part, (statistics, 2, replicates); none beyond LARGE rows."""
    if design.rows > LARGE:
        return np.empty((len(statistics), 2, 0))
    return design.replicate(statistics, replicates, seed=seed)


def _decisions_resampled(
    kinds: Sequence[Callable[[Codes, Any], Statistic]],
    y_true: Codes,
    y_pred: Codes,
    design: Design,
    replicates: int,
    seed: int,
) -> Floats:
    """As :func:`_resampled`; rows of one cell of the confusion matrix are alike, so that counts are enough."""
    if not design.plain or y_true.dtype.kind == "f":
        return _resampled([kind(y_true, y_pred) for kind in kinds], design, replicates, seed)
    cells, counts = np.unique(np.stack([y_true, y_pred]), axis=1, return_counts=True)
    drawn, weight = cell_counts(counts, replicates, seed=seed), counts.astype(np.float64)
    parts = [
        (part.values(drawn), drawn @ part.influence(weight)) for part in (kind(*cells) for kind in kinds)
    ]
    return np.array(parts)
