"""What forest plots show here: slices, baselines, spoiled inputs, groups of people, features left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from components.reporting.figure import Figure, slug
from components.reporting.forest import Panel, Row, forest
from components.reporting.formats import (
    count,
    fixed,
    interval,
    percent,
    shortened,
    signed,
    with_interval,
    words,
)

if TYPE_CHECKING:
    from components.validation.comparison import PairedDifference
    from components.validation.fairness import FairnessOfFeature
    from components.validation.metrics import Estimate
    from components.validation.robustness import Perturbation, RobustnessReport
    from components.validation.slices import Slice, SliceReport

MOST_ROWS = 60
MOST_GROUPS, MOST_SMALL_GROUPS = 40, 3
RATES = {
    "selection_rate": "decided “{}”",
    "true_positive_rate": "true positive rate",
    "false_positive_rate": "false positive rate",
}
PERTURBATIONS = {
    "missing": "{:.0%} of values missing",
    "category_noise": "{:.0%} of categories wrong",
    "shift": "numbers shifted by {:+g} SD",
}


def slices(
    report: SliceReport, threshold: float | None, overall: Estimate, booleans: Collection[str] = ()
) -> Figure:
    """The primary metric by slice, grouped by feature, the features with the weakest slices first.

    Args:
        report: The slices.
        threshold: The limit of the worst slice.
        overall: The metric on all rows.
        booleans: Features whose 0 and 1 mean false and true.
    """
    worst, metric = report.worst, words(report.metric)
    less_is_better = report.worst_low > worst.value  # the bound then lies above
    ordered = sorted(report.slices or (worst,), key=lambda s: -s.value if less_is_better else s.value)
    ordered = ordered[:MOST_ROWS]
    features = list(dict.fromkeys(s.feature for s in ordered))
    rows = [
        Row(_bin(s, booleans), (s,), s.rows, "worst" if s == worst else "model", s.feature)
        for s in sorted(ordered, key=lambda s: features.index(s.feature))
    ]
    finding = (
        f"Of {len(report.slices)} slices, {worst.feature} = {_bin(worst, booleans)} is the one that can be vouched for least: {metric} "
        f"{with_interval(worst)} on {count(worst.rows)} rows. The bound that holds for all slices at once is {fixed(report.worst_low)}."
    )
    if not report.slices:
        finding = "No slice has the rows to be scored."
    elif len(report.slices) > len(rows):
        finding += f" Shown are the {len(rows)} weakest."
    reference = (overall.value, f"all rows {fixed(overall.value)}")
    panel = Panel(metric, reference, None if threshold is None else (threshold, f"limit {threshold:g}"))
    return forest("slices", f"{metric} by slice", finding, [panel], rows, "slice")


def baselines(differences: Mapping[str, PairedDifference], names: Mapping[str, str]) -> Figure:
    """How much better the model is than each baseline, on the same rows."""
    metric = words(next(iter(differences.values())).metric)
    rows = [
        Row(names.get(name, name), (d,), mark="model" if d.low > 0 else "worst" if d.high < 0 else "quiet")
        for name, d in differences.items()
    ]
    finding = "; ".join(
        f"{signed(d.value)} ({interval(d.low, d.high, 3)}) against {names.get(name, name)}"
        for name, d in differences.items()
    )
    panel = Panel(f"gain in {metric}", (0.0, "no gain"), signs=True)
    title = "Against simpler models, on the same rows"
    return forest("baselines", title, f"What the model gains: {finding}.", [panel], rows, "against")


def robustness(report: RobustnessReport, thresholds: Sequence[float | None]) -> Figure:
    """The loss of the primary metric under each perturbation; those of the whole table first."""
    whole = "all features at once"
    rows = [
        Row(
            p.feature or _perturbation(p),
            (p.drop,),
            mark="quiet" if p.drop.low <= 0 <= p.drop.high else "model",
            heading=f"{_perturbation(p)}, one feature at a time" if p.feature else whole,
        )
        for p in sorted(report.perturbations, key=lambda p: -p.drop.value)
    ]
    headings = [whole, *dict.fromkeys(row.heading for row in rows if row.heading != whole)]
    rows = sorted(rows, key=lambda row: headings.index(row.heading))[:MOST_ROWS]
    worst = max(report.perturbations, key=lambda p: p.drop.value)
    metric = words(report.metric)
    finding = (
        f"The greatest loss of {metric} is {with_interval(worst.drop)}: {_perturbation(worst)}, {worst.feature or whole}. "
        "Grey intervals hold 0: no loss was found."
    )
    limit = min((threshold for threshold in thresholds if threshold is not None), default=None)
    panel = Panel(
        f"loss of {metric}", (0.0, "no loss"), None if limit is None else (limit, f"limit {limit:g}")
    )
    return forest("robustness", "What spoiled inputs cost", finding, [panel], rows, "spoiled")


def fairness(feature: FairnessOfFeature, positive: str = "positive") -> Figure:
    """Selection, true positive and false positive rates by group of one sensitive feature.

    Args:
        feature: With its groups.
        positive: How the positive class is called.
    """
    scored = [group for group in feature.groups if group.scored]
    largest = sorted((group.rows for group in scored), reverse=True)[:MOST_GROUPS]
    rows = [
        Row(g.group, tuple(getattr(g, rate) for rate in RATES), g.rows)
        for g in scored
        if g.rows >= largest[-1]
    ]
    panels = [
        Panel(
            title.format(shortened(positive, 14)),
            _average(scored, rate),
            decimals=2,
            within=(0, 1),
            least_width=0.3,
        )
        for rate, title in RATES.items()
    ]
    decided = f", “{feature.outcome}” or not" if feature.outcome else ""
    title = f"Decisions by {feature.feature}{decided}"
    key = f"fairness-{slug(feature.feature)}{f'-{slug(feature.outcome)}' if feature.outcome else ''}"
    return forest(
        key,
        title,
        _fairness_finding(feature, positive),
        panels,
        rows + small_groups(feature.groups),
        feature.feature,
    )


def permutation(importance: Mapping[str, Estimate], useless: Sequence[str], metric: str) -> Figure:
    """The loss of the metric when one feature's values are shuffled, the largest first."""
    ordered = sorted(importance.items(), key=lambda item: -item[1].value)
    rows = [Row(name, (e,), mark="quiet" if name in useless else "model") for name, e in ordered[:MOST_ROWS]]
    first = f"Shuffling {ordered[0][0]} costs most, {with_interval(ordered[0][1])}. " if ordered else ""
    rest = f"Of no use: {', '.join(useless)}." if useless else "Every feature is of use."
    panel = Panel(f"loss of {words(metric)}", (0.0, "no use"))
    title = "What the model loses without a feature"
    return forest("permutation", title, first + rest, [panel], rows, "feature")


def _bin(piece: Slice, booleans: Collection[str]) -> str:
    return {"0": "false", "1": "true"}.get(piece.bin, piece.bin) if piece.feature in booleans else piece.bin


def _perturbation(perturbation: Perturbation) -> str:
    pattern = PERTURBATIONS[perturbation.kind]
    return pattern.format(perturbation.strength).replace("%", " %").replace("-", "−")


def _fairness_finding(feature: FairnessOfFeature, positive: str) -> str:
    rated = [(g.selection_rate.value, g.group) for g in feature.groups if g.selection_rate is not None]
    if len(rated) < 2:
        return f"No two groups of {feature.feature} have rows enough to be compared."
    (most, highest), (least, lowest) = max(rated), min(rated)
    return (
        f"Decided “{positive}”: {percent(most)} of {highest}, {percent(least)} of {lowest}. "
        f"Largest difference in that {with_interval(feature.demographic_parity_difference)}, "
        f"in error rates {with_interval(feature.equalized_odds_difference)}."
    )


def small_groups(groups: Sequence[Any]) -> list[Row]:
    """A line for each group that is not scored; of many, one for all."""
    small = [group for group in groups if not group.scored]
    if len(small) <= MOST_SMALL_GROUPS:
        return [Row(g.group, rows=g.rows, note="too few rows to be scored") for g in small]
    rows = sum(group.rows for group in small)
    return [Row(f"{len(small)} smaller groups", rows=rows, note="too few rows each to be scored")]


def _average(groups: Sequence[Any], rate: str) -> tuple[float, str] | None:
    """The rate over all scored groups together."""
    of = {
        "selection_rate": [g.rows for g in groups],
        "true_positive_rate": [g.positives for g in groups],
        "false_positive_rate": [g.rows - g.positives for g in groups],
    }[rate]
    estimates = [getattr(g, rate) for g in groups]
    rated = [(e.value, weight) for e, weight in zip(estimates, of, strict=True) if e is not None]
    total = sum(weight for _, weight in rated)
    if len(rated) < 2 or not total:
        return None
    average = sum(value * weight for value, weight in rated) / total
    return average, f"together {fixed(average, 2)}"
