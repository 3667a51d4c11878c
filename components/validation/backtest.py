"""How a metric ages: what models that were fitted on rows up to a moment score on the rows of later periods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.training.candidates import FAMILIES, Params, build
from components.training.scoring import response
from components.validation.comparison import PairedDifference
from components.validation.intervals import interval
from components.validation.metrics import METRICS, Estimate, Metric, Rule
from components.validation.resampling import Design, Difference, Floats, MeanRatio, Statistic, Strata

if TYPE_CHECKING:
    from components.data.origins import Origins, Rows
    from components.training.examples import Examples
    from components.training.features import Columns
    from components.training.target import Target

LEAST_ROWS = 200
"""With fewer rows no model is fitted, and no period is scored."""

Said = Mapping[tuple[int, int], Floats]
"""The scores of a period's rows by the model of an origin, by origin and period."""


@dataclass(frozen=True)
class Score:
    """What one model scored in one period.

    Attributes:
        origin: the last period whose rows the model was fitted on.
        period: of the rows that are scored.
        age: how many periods lie between, 0 for the same.
        rows: how many were scored.
        metric: the primary metric.
    """

    origin: str
    period: str
    age: int
    rows: int
    metric: Estimate


@dataclass(frozen=True)
class Age:
    """What models of one age scored, over all periods that have one; a period counts by its rows.

    Attributes:
        age: in periods.
        periods: how many.
        rows: how many were scored.
        metric: the primary metric.
        difference: from models of age 0 on the very same rows, above 0 where the aged ones are better; None for age 0
            itself, and where there are none.
        gap: mean of actual minus predicted, of numbers in their standard deviations; None for several classes.
    """

    age: int
    periods: int
    rows: int
    metric: Estimate
    difference: PairedDifference | None
    gap: Estimate | None


@dataclass(frozen=True)
class Backtest:
    """How the primary metric ages.

    Attributes:
        metric: its name.
        length: how long a period is, in words.
        labels: what the periods are called, oldest first.
        scores: of every model in its own period and every later one.
        ages: the same by age.
        left_out: what was not fitted or not scored, and why.
        reason: why there is no curve; "" if there is one.
    """

    metric: str
    length: str
    labels: tuple[str, ...]
    scores: tuple[Score, ...]
    ages: tuple[Age, ...]
    left_out: tuple[str, ...] = ()
    reason: str = ""


def backtest(
    origins: Origins,
    known: Examples | None,
    *,
    family: str,
    params: Params,
    columns: Columns,
    target: Target,
    metric: str,
    threshold: Rule,
    group: Sequence[str] = (),
    seed: int = 0,
) -> Backtest:
    """The primary metric against the age of a model, by fitting a configuration again up to each origin.

    Nothing is searched anew and nothing recalibrated; the threshold of the model that was chosen decides where the metric
    needs decisions. The 95 % intervals hold each by itself, for the models as they were fitted.

    Args:
        origins: which rows.
        known: the examples of ``origins.rows``; None if there is nothing to do.
        family: the winning family's name.
        params: its configuration.
        columns: the features.
        target: what is predicted.
        metric: the primary metric.
        threshold: what turns scores into decisions.
        group: columns whose equal values mark rows that are not independent.
        seed: of the estimator.

    Source: Tashman (2000), Out-of-sample tests of forecasting accuracy, for rolling origins.
    """
    if origins.reason or known is None:
        return Backtest(metric, origins.length, origins.labels, (), (), (), origins.reason)
    data = _Data(known, origins, target, METRICS[metric], threshold, known.groups(group))
    labels, said, left_out = origins.labels, dict[tuple[int, int], Floats](), []
    scored = [
        period
        for period in origins.scored
        if not data.missing(origins.scored[period], METRICS[metric].classes)
    ]
    for origin, rows in origins.fitted.items():
        try:
            if missing := data.missing(rows, target.task != "regression"):
                left_out.append(f"no model up to {labels[origin]}: {missing}")
                continue
            model = build(FAMILIES[family], params, columns, seed, target.task)
            at = data.at(rows)
            weight = None if known.weight is None else known.weight[at]
            model.fit(known.X.iloc[at], known.y[at], model__sample_weight=weight)
            for period in (each for each in scored if each >= origin):
                said[origin, period] = response(model, known.X.iloc[data.at(origins.scored[period])])
        except Exception as failure:  # what only informs ends no training
            left_out.append(f"no model up to {labels[origin]}: {type(failure).__name__}: {failure}")
    left_out += [
        f"{labels[period]} is not scored: {data.missing(rows, METRICS[metric].classes)}"
        for period, rows in origins.scored.items()
        if period not in scored
    ]
    ages = sorted({period - origin for origin, period in said})
    if not any(ages):
        reason = f"Nothing could be scored at a later period than it was fitted on ({'; '.join(left_out)})."
        return Backtest(metric, origins.length, labels, (), (), tuple(left_out), reason)
    scores = (
        Score(labels[origin], labels[period], period - origin, *data.estimate({period: values}))
        for (origin, period), values in said.items()
    )
    return Backtest(
        metric,
        origins.length,
        labels,
        tuple(scores),
        tuple(data.age(age, said) for age in ages),
        tuple(left_out),
    )


@dataclass(frozen=True)
class _Data:
    """The examples, and how they are measured."""

    known: Examples
    origins: Origins
    target: Target
    metric: Metric
    threshold: Rule
    groups: NDArray[np.int64] | None

    def at(self, rows: Rows) -> Rows:
        """Where rows of the table stand among the examples."""
        return np.searchsorted(self.origins.rows, rows)

    def missing(self, rows: Rows, every_class: bool) -> str:
        """What these rows lack, in words; "" if nothing."""
        at = self.at(rows)
        at = at if self.known.weight is None else at[self.known.weight[at] > 0]
        if len(at) < LEAST_ROWS:
            return f"{len(at):,} rows, and {LEAST_ROWS} are wanted"
        classes = max(len(self.target.classes), 2)
        if every_class and len(np.unique(self.known.y[at])) < classes:
            return f"not every class is among {len(at):,} rows"
        return ""

    def age(self, age: int, said: Said) -> Age:
        """What models of this age scored, and what fresh ones did on the same rows."""
        aged = {period: values for (origin, period), values in said.items() if period - origin == age}
        fresh = {period: said[period, period] for period in aged if (period, period) in said}
        rows, metric = self.estimate(aged)
        difference = self._difference(aged, fresh) if age and fresh else None
        gap = None if self.target.task == "multiclass" else self._gap(aged)
        return Age(age, len(aged), rows, metric, difference, gap)

    def estimate(self, said: Mapping[int, Floats]) -> tuple[int, Estimate]:
        """The number of rows, and the metric over these periods."""
        design, statistic = self._design(said), self._statistic(said)
        return design.rows, _estimate(statistic, design, self.metric.bounded)

    def _difference(self, aged: Mapping[int, Floats], fresh: Mapping[int, Floats]) -> PairedDifference:
        """Between the aged and the fresh models, over the periods that have both."""
        both = {period: aged[period] for period in fresh}
        design, first, second = self._design(both), self._statistic(both), self._statistic(fresh)
        better = Difference(first, second) if self.metric.greater_is_better else Difference(second, first)
        found = _estimate(better, design, bounded=False)
        values = design.value(first), design.value(second)
        return PairedDifference(
            self.metric.name, found.value, found.low, found.high, found.level, design.rows, *values
        )

    def _gap(self, said: Mapping[int, Floats]) -> Estimate:
        at, score = self._places(said), np.concatenate(list(said.values()))
        numbers = self.target.task == "regression"
        unit = float(self.known.y[self._places(self.origins.scored)].std()) or 1.0 if numbers else 1.0
        return _estimate(MeanRatio((self.known.y[at] - score) / unit), self._design(said), bounded=False)

    def _statistic(self, said: Mapping[int, Floats]) -> Statistic:
        parts: list[tuple[Rows, Statistic]] = []
        shares, start = [], 0
        for period, values in said.items():
            at = self._places([period])
            rows, start = np.arange(start, start + len(at)), start + len(at)
            parts.append((rows, self.metric.of(self.known.y[at], values, self.threshold)))
            shares.append(float(len(at) if self.known.weight is None else self.known.weight[at].sum()))
        return Strata(parts, shares, start)

    def _design(self, periods: Iterable[int]) -> Design:
        at = self._places(periods)
        weight, groups = (None if each is None else each[at] for each in (self.known.weight, self.groups))
        return Design(len(at), weight, groups)

    def _places(self, periods: Iterable[int]) -> Rows:
        return np.concatenate([self.at(self.origins.scored[period]) for period in periods])


def _estimate(statistic: Any, design: Design, bounded: bool) -> Estimate:
    return Estimate(design.value(statistic), *interval(statistic, design, bounded=bounded))
