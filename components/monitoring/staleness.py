"""How old the model is, and what its age has cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from components.monitoring.finding import Finding
from components.monitoring.windows import Window
from components.validation.bounds import normal_quantile
from components.validation.metrics import Estimate

DAY_SECONDS = 86_400.0
LEAST_WINDOWS = 3


def age_days(created: str, window: Window) -> float:
    """Days from when the model was made to the window's end; below 0 where old data are looked at."""
    made = datetime.fromisoformat(created)
    made = made if made.tzinfo else made.replace(tzinfo=UTC)
    return (window.end - made).total_seconds() / DAY_SECONDS


def staleness_finding(age: float, *, most_days: float) -> Finding:
    """An alarm where the model is older than is allowed."""
    if age < 0:
        reason = "The model was made after this window: it looks back, and has no age here."
        return Finding("staleness", "", False, reason, limit=most_days, judged=False)
    reason = f"The model is {age:,.0f} days old at the window's end; {most_days:g} are allowed."
    return Finding("staleness", "", age > most_days, reason, age, limit=most_days)


def metric_by_age(metrics: Sequence[tuple[float, Estimate]]) -> Estimate | None:
    """How the metric changed by year of age, by weighted least squares over labelled windows; None for fewer than three.

    Windows weigh by the inverse square of the standard error that their interval tells. A slope whose 95 % interval leaves
    out 0 says that age costs.

    Args:
        metrics: by window, its age in days and the metric.
    """
    known = [(age, each) for age, each in metrics if each.high > each.low]
    if len(known) < LEAST_WINDOWS:
        return None
    years = np.array([age for age, _ in known]) / 365.25
    value = np.array([each.value for _, each in known])
    errors = np.array([(each.high - each.low) / (2 * normal_quantile(each.level)) for _, each in known])
    weight = errors**-2
    centred = years - np.average(years, weights=weight)
    spread = float((weight * centred**2).sum())
    if spread <= 0:
        return None
    slope, error = float((weight * centred * value).sum() / spread), spread**-0.5
    return Estimate(slope, slope - 1.96 * error, slope + 1.96 * error)
