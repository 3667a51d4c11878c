"""How good the predictions of a window were, by the definitions by which the model was approved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.errors import DataError
from components.monitoring.answers import Answers
from components.monitoring.finding import Finding
from components.training.outcomes import ALWAYS, NEVER, OutcomeValues, Values
from components.validation.bounds import difference_bounds, normal_quantile
from components.validation.comparison import PairedDifference, utility_difference
from components.validation.metrics import (
    METRICS,
    Estimate,
    Rule,
    bootstrap,
    expected_utility,
)
from components.validation.resampling import Design


@dataclass(frozen=True)
class Performance:
    """What labels say of a window.

    Attributes:
        name: the primary metric.
        metric: its value; None where it is undefined.
        utility: what one decision was worth on average; None without rows.
        gained: utility minus that of one decision for all, by its name; of two classes alone.
        undefined: why there is no value.
    """

    name: str
    metric: Estimate | None
    utility: Estimate | None
    gained: Mapping[str, PairedDifference]
    undefined: str = ""


def performance(
    found: Answers,
    *,
    metric: str,
    threshold: Rule,
    value: Values,
    rate: float,
    utility_rate: float,
    replicates: int,
    seed: int,
    design: Design | None = None,
) -> Performance:
    """The primary metric and the expected utility of labelled rows, each with its interval.

    Args:
        found: labelled answers.
        metric: the primary metric's name.
        threshold: what turns scores into decisions.
        value: what each outcome is worth.
        rate: one end of the metric's interval is wrong in at most this share of windows.
        utility_rate: the upper end of any gain over one decision for all is wrong in at most this share of windows.
        replicates: of the bootstrap.
        seed: of the bootstrap.
        design: how the rows came; each by itself and all alike by default.
    """
    if not len(found.truth):
        return Performance(metric, None, None, {}, "No row has a label.")
    design = design or Design(len(found.truth))
    rows: dict[str, Any] = {"sample_weight": design.sample_weight, "groups": design.groups}
    drawn: dict[str, Any] = {"replicates": replicates, "seed": seed, **rows}
    utility = expected_utility(found.truth, found.y_pred, value, **drawn)
    constants = {"always": ALWAYS, "never": NEVER} if isinstance(value, OutcomeValues) else {}
    shared: dict[str, Any] = {"level": 1 - utility_rate / max(len(constants), 1), "one_sided": True}
    gained = {
        name: utility_difference(found.truth, found.y_pred, int(name == "always"), value, **shared, **rows)
        for name in constants
    }
    try:
        estimate = bootstrap(
            metric, found.truth, found.y_score, threshold=threshold, level=1 - 2 * rate, **drawn
        )
    except DataError as error:
        return Performance(metric, None, utility, gained, str(error))
    return Performance(metric, estimate, utility, gained)


def approved_with(decision: Mapping[str, Any], code: str) -> Estimate | None:
    """What a check measured on the holdout, as a bundle's decision.json has it; None where it was not judged."""
    for check in decision["checks"]:
        if check["code"] == code and check["value"] is not None and check["interval"]:
            return Estimate(check["value"], *check["interval"])
    return None


def performance_findings(found: Performance, then: Estimate | None, *, alarm_drop: float) -> list[Finding]:
    """An alarm where the metric surely fell by more than is allowed, or where deciding without the model was better.

    Args:
        found: of a window.
        then: the metric on the holdout.
        alarm_drop: how far the metric may fall.
    """
    findings = [_metric_finding(found, then, alarm_drop)]
    for name, gain in found.gained.items():
        reason = (
            f"Decisions were worth {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}) more each than deciding "
            f"{name} the same for all."
        )
        findings.append(
            Finding("utility", f"against {name}", gain.high < 0, reason, gain.value, gain.low, gain.high, 0.0, severity="critical")
        )  # fmt: skip
    return findings


def _metric_finding(found: Performance, then: Estimate | None, alarm_drop: float) -> Finding:
    now, name = found.metric, found.name
    if now is None:
        return Finding("performance", name, False, found.undefined, judged=False)
    if then is None:
        reason = f"{name} is {now.value:.4f} ({now.low:.4f} to {now.high:.4f}); the bundle records none to compare with."
        return Finding("performance", name, False, reason, now.value, now.low, now.high, judged=False)
    loss, low, high = _loss(name, now, then)
    reason = (
        f"{name} is {now.value:.4f} ({now.low:.4f} to {now.high:.4f}), {then.value:.4f} when the model was approved: worse by "
        f"{loss:+.4f} ({low:+.4f} to {high:+.4f}); {alarm_drop:g} is allowed."
    )
    return Finding(
        "performance", name, low > alarm_drop, reason, loss, low, high, alarm_drop, severity="critical"
    )


def _loss(name: str, now: Estimate, then: Estimate) -> tuple[float, float, float]:
    """By how much it got worse, with an interval at the level of today's."""
    before = at_level(then, now.level)
    pairs = ((then.value, before), (now.value, (now.low, now.high)))
    (first, first_bounds), (second, second_bounds) = pairs if METRICS[name].greater_is_better else pairs[::-1]
    return first - second, *difference_bounds(first, first_bounds, second, second_bounds)


def at_level(estimate: Estimate, level: float) -> tuple[float, float]:
    """The ends of the interval at another level, by the normal distribution's quantiles."""
    wider = normal_quantile(level) / normal_quantile(estimate.level)
    low, high = estimate.value - estimate.low, estimate.high - estimate.value
    return estimate.value - wider * low, estimate.value + wider * high
