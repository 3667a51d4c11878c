"""What a bundle that stands beside the champion did in a window, by what its decisions turned out to be worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Any

import polars as pl

from components.monitoring.answers import Answers, answers
from components.monitoring.experiment import Moments, experiment_finding, shadowed, split, total
from components.monitoring.finding import Finding
from components.monitoring.labels import Settled, joined, settled
from components.monitoring.predictions import CHAMPION, Predictions
from components.monitoring.watched import Watched
from components.monitoring.windows import Window
from components.training.outcomes import Values

Numbers = dict[str, Any]
WAYS = {"shadow": "shadow", "challenger": "split"}
"""By the variant in the log, the way of the trial."""


def trial(
    found: Predictions, labels: pl.LazyFrame, until: datetime, window: Window, model: Watched
) -> dict[str, Numbers]:
    """What is kept of a window's trials, by way and challenger; nothing where there was none.

    A shadow is compared with the champion on the very same rows, a split on rows of their own.

    Args:
        found: the predictions.
        labels: all of them.
        until: later labels are not looked at.
        window: which one.
        model: the champion.
    """
    beside = found.within(window.start, window.end, "", tuple(WAYS))
    trials = beside.select("variant", "bundle_id").unique().sort("variant", "bundle_id").collect().rows()
    if not trials:
        return {}
    champion = found.within(window.start, window.end, model.bundle_id, CHAMPION)
    everyone = pl.concat([each.select("prediction_id") for each in (champion, beside)])
    given = settled(labels, until=until, of=everyone)
    ours = _labelled(champion, given, model)
    kept: dict[str, Numbers] = {}
    for variant, bundle_id in trials:
        rows = beside.filter(pl.col("variant") == variant, pl.col("bundle_id") == bundle_id)
        theirs, way = _labelled(rows, given, model), WAYS[variant]
        numbers = _paired(ours, theirs, model) if way == "shadow" else _apart(ours, theirs, model)
        kept[f"{way} {bundle_id[:12]}"] = numbers
    return kept


def trial_findings(
    kept: Mapping[str, Numbers], before: Sequence[Mapping[str, Numbers]], *, alpha: float, value: Values
) -> list[Finding]:
    """What each trial of this window says, with all windows before it; it may be asked as often as one likes.

    Args:
        kept: of this window, as :func:`trial` gives it.
        before: of earlier ones.
        alpha: the chance of ever being wrong about one trial.
        value: what each outcome is worth.
    """
    findings = []
    for name in kept:
        every = [each[name] for each in (*before, kept) if name in each]
        if name.startswith("shadow"):
            differences = total(each["differences"] for each in every)
            most = max(each.get("most_apart") or value.most_apart for each in every)
            estimate, rows = shadowed(differences, most=most, alpha=alpha), differences.rows
        else:
            champion, challenger = (total(each[arm] for each in every) for arm in ("champion", "challenger"))
            lows, highs = zip(*(_known_bounds(each, value) for each in every), strict=True)
            estimate = split(champion, challenger, bounds=(min(lows), max(highs)), alpha=alpha)
            rows = challenger.rows
        findings.append(
            experiment_finding(name, estimate, rows, value.unit, bounded=isfinite(value.most_apart))
        )
    return findings


def _known_bounds(kept: Numbers, value: Values) -> tuple[float, float]:
    """The bounds of worth in a window; today's for accounts that were kept before they had any."""
    low, high = kept.get("bounds") or value.bounds
    return (value.bounds[0] if low is None else low), (value.bounds[1] if high is None else high)


def _labelled(rows: pl.LazyFrame, labels: Settled, model: Watched) -> Answers:
    return answers(joined(rows, labels).rows, model.target, labelled=True)


def _apart(ours: Answers, theirs: Answers, model: Watched) -> Numbers:
    moments = {
        arm: Moments.of(model.value.worth(each.truth, each.y_pred)).to_json()
        for arm, each in (("champion", ours), ("challenger", theirs))
    }
    return {**moments, "bounds": list(model.value.bounds)}


def _paired(ours: Answers, theirs: Answers, model: Watched) -> Numbers:
    worth = [
        each.rows.select("prediction_id").with_columns(
            pl.Series(name, model.value.worth(each.truth, each.y_pred), dtype=pl.Float64)
        )
        for name, each in (("ours", ours), ("theirs", theirs))
    ]
    first, second = (each.unique("prediction_id", keep="none") for each in worth)
    both = first.join(second, on="prediction_id")
    differences = Moments.of((both["theirs"] - both["ours"]).to_numpy())
    return {"differences": differences.to_json(), "most_apart": model.value.most_apart}
