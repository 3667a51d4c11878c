"""How good predictions are likely to be before any label is there, from what the scores themselves promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.monitoring.answers import Answers, Floats
from components.monitoring.finding import Finding, Kind
from components.training.outcomes import Values
from components.validation.metrics import METRICS, Estimate, Rule, utility_metric
from components.validation.resampling import Statistic

MOST_ROWS, DRAWS, DRAWS_AT_ONCE = 20_000, 200, 25
LEVEL = 0.95


@dataclass(frozen=True)
class Condition:
    """Something without which the estimate is not to be believed.

    Attributes:
        text: what must be so.
        holds: whether it is known to hold.
    """

    text: str
    holds: bool


@dataclass(frozen=True)
class Estimated:
    """What labels are likely to say.

    Attributes:
        name: the primary metric.
        metric: its expectation, with the interval within which the window's own labels would put it if every score were
            true; None where there are no probabilities. How far scores may be wrong is no part of the interval.
        utility: the same of a decision's worth.
        conditions: under which both may be believed.
    """

    name: str
    metric: Estimate | None
    utility: Estimate | None
    conditions: tuple[Condition, ...]

    @property
    def believed(self) -> bool:
        """Whether every condition holds."""
        return self.metric is not None and all(condition.holds for condition in self.conditions)


MOVED: tuple[Kind, ...] = ("drift", "association")
BROKEN: tuple[Kind, ...] = ("contract", "missing", "categories", "skew")


def conditions(findings: Sequence[Finding], decision: Mapping[str, Any]) -> tuple[Condition, ...]:
    """What must be so for the estimate to be believed, and whether it is.

    Args:
        findings: of the window before labels.
        decision: of the bundle, with every check.
    """
    passed = {check["code"] for check in decision["checks"] if check["status"] == "passed"}
    return (
        Condition(
            "no column has drifted, for where inputs moved far, scores may no longer be calibrated",
            not any(each.alarm or not each.judged for each in findings if each.kind in MOVED),
        ),
        Condition(
            "the rows keep the contract, miss no more values and hold no new categories, and their scores are the program's",
            not any(each.alarm for each in findings if each.kind in BROKEN),
        ),
        Condition("the mean of the scores was right when the model was approved (K01)", "K01" in passed),
        Condition(
            "scores meant what they say, high or low, when the model was approved (K02)", "K02" in passed
        ),
    )


def estimated(
    found: Answers,
    *,
    metric: str,
    threshold: Rule,
    value: Values,
    conditions: tuple[Condition, ...],
    seed: int,
) -> Estimated:
    """The primary metric that calibrated scores imply (confidence-based performance estimation).

    Outcomes are drawn from the scores, many times; what the metric says of each draw is its distribution. Of more than
    `MOST_ROWS` rows a sample is taken, which widens the interval.

    Args:
        found: answers, with or without labels.
        metric: the primary metric's name.
        threshold: what turns scores into decisions.
        value: what each outcome is worth.
        conditions: under which it may be believed.
        seed: of the draws.

    Source: Guillory et al. (2021), Predicting with confidence on unseen distributions; the confidence-based estimate
    ("CBPE") of NannyML's documentation.
    """
    if "regression" in METRICS[metric].tasks or not len(found.y_score):
        return Estimated(metric, None, None, conditions)
    generator = np.random.default_rng(seed)
    size = len(found.y_score)
    rows = generator.choice(size, MOST_ROWS, replace=False) if size > MOST_ROWS else np.arange(size)
    score, pred = found.y_score[rows], found.y_pred[rows]
    probability = np.stack([1 - score, score], axis=1) if score.ndim == 1 else score
    count, classes = probability.shape
    y = np.repeat(np.arange(classes), count)
    everything = np.concatenate([score] * classes)
    statistics = (
        METRICS[metric].of(y, everything, threshold),
        utility_metric(value).statistic(y, np.tile(pred, classes)),
    )
    drawn = _drawn(statistics, probability, generator)
    return Estimated(metric, _estimate(drawn[0]), _estimate(drawn[1]), conditions)


def _drawn(
    statistics: tuple[Statistic, ...], probability: Floats, generator: np.random.Generator
) -> tuple[Floats, ...]:
    """Each statistic under labels drawn from the probabilities, (draws,)."""
    upper = np.cumsum(probability, axis=1)
    upper = upper / upper[:, -1:]
    values: list[list[Floats]] = [[] for _ in statistics]
    for _ in range(DRAWS // DRAWS_AT_ONCE):
        weights = _labels_drawn(upper, generator)
        for place, statistic in enumerate(statistics):
            values[place].append(statistic.values(weights))
    return tuple(np.concatenate(each) for each in values)


def _labels_drawn(upper: Floats, generator: np.random.Generator) -> Floats:
    """1 for the drawn class of each row, else 0: (draws, classes times rows), the rows of the first class first."""
    count, classes = upper.shape
    chance = generator.random((DRAWS_AT_ONCE, count))
    drawn: NDArray[np.int64] = (chance[:, :, None] >= upper[None, :, :-1]).sum(axis=2)
    return np.concatenate([drawn == code for code in range(classes)], axis=1).astype(np.float64)


def _estimate(values: Floats) -> Estimate | None:
    known = values[np.isfinite(values)]
    if len(known) < DRAWS / 2:
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(known.mean()), float(low), float(high), LEVEL)
