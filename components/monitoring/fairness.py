"""Whether groups are treated as they were at training: the same disparities, against the same limits, over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from components.monitoring.answers import Answers
from components.monitoring.finding import Finding
from components.training.target import Target
from components.validation.audit import sensitive_features
from components.validation.fairness import FairnessReport, fairness_by_class, fairness_report
from components.validation.gaps import gaps_report
from components.validation.resampling import Design

if TYPE_CHECKING:
    import pandas as pd


def disparities(
    found: Answers,
    target: Target,
    *,
    sensitive: Sequence[str],
    bands: Mapping[str, Sequence[float]],
    min_rows: int,
    replicates: int,
    level: float,
    seed: int,
    design: Design | None = None,
) -> FairnessReport:
    """The disparities of a window between the groups of each sensitive feature.

    Args:
        found: labelled answers.
        target: what is predicted.
        sensitive: the features; those that the log does not have are left out.
        bands: for sensitive numbers, the lower edge of each band.
        min_rows: smaller groups are named, not scored.
        replicates: of the bootstrap.
        level: of each end of an interval; of several classes for all of them together.
        seed: of the bootstrap.
        design: how the rows came; each by itself and all alike by default.
    """
    there = [name for name in sensitive if name in found.rows.columns]
    if not there or not len(found.truth):
        return FairnessReport((), None, min_rows)
    frame: pd.DataFrame = found.rows.select(there).to_pandas()
    groups = sensitive_features(frame, there, {name: bands[name] for name in there if name in bands})
    design = design or Design(len(found.truth))
    came: dict[str, Any] = {"sample_weight": design.sample_weight, "clusters": design.codes}
    if target.task == "regression":
        gaps = gaps_report(found.truth, found.y_pred, groups, min_rows=min_rows, level=level, **came)
        return FairnessReport((), None, min_rows, gaps)
    truth, decided = found.truth.astype(np.int64), found.y_pred.astype(np.int64)
    options: dict[str, Any] = {"min_rows": min_rows, "replicates": replicates, "seed": seed, **came}
    if target.several:
        # Any class of any pair of groups may alarm: the classes share what a disparity may use up.
        shared = 1 - (1 - level) / len(target.several)
        return fairness_by_class(truth, decided, groups, classes=target.several, level=shared, **options)
    return fairness_report(truth, decided, groups, level=level, **options)


def fairness_findings(
    report: FairnessReport, limits: Mapping[str, float | None], waived: Mapping[str, str]
) -> list[Finding]:
    """An alarm for each disparity that surely exceeds the limit that its gate had; waived ones are told, with no alarm.

    Args:
        report: of a window.
        limits: the thresholds of F01 and F02.
        waived: features and pairs of them that are reported only, with the reason.
    """
    findings = []
    for feature in report.compared:
        excused = next((name for name in (feature.feature, *feature.crossed) if name in waived), None)
        for code, (name, estimate) in feature.judged.items():
            subject = " ".join(filter(None, [name, "by", feature.feature, feature.outcome]))
            limit = limits.get(code)
            if estimate is None:
                reason = f"{subject} cannot be told: fewer than two groups have the rows."
                findings.append(Finding("fairness", subject, False, reason, judged=False))
                continue
            reason = (
                f"{subject} is {estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f}); "
                + ("no limit is set." if limit is None else f"{code} allows {limit:g}.")
                + (f" Waived: {waived[excused]}" if excused else "")
            )
            alarm = limit is not None and not excused and estimate.low > limit
            findings.append(
                Finding("fairness", subject, alarm, reason, estimate.value, estimate.low, estimate.high, limit)
            )  # fmt: skip
    return findings
