"""What the champions before would have scored on a window's labelled rows: what training again has given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.errors import FlowprintError
from components.monitoring.answers import Answers, Floats
from components.monitoring.arrivals import design_of
from components.monitoring.skew import model_input
from components.monitoring.watched import Watched
from components.release.parity import answers
from components.validation.comparison import paired_difference
from components.validation.intervals import interval
from components.validation.metrics import METRICS, Estimate, Rule
from components.validation.resampling import Design, MeanRatio, Statistic

MOST_ROWS = 20_000
"""Of more labelled rows so many are drawn, the same for all models."""


@dataclass(frozen=True)
class Former:
    """A bundle that was the champion before.

    Attributes:
        bundle_id: names it.
        promoted_at: when it became the champion, UTC in ISO 8601.
        files: its content, verified; none if it cannot be had.
        problem: why there is none; "" if it is there.
    """

    bundle_id: str
    promoted_at: str
    files: Mapping[str, bytes]
    problem: str = ""


def compared(found: Answers, formers: Sequence[Former], model: Watched, *, seed: int) -> dict[str, Any]:
    """The champion and those before it on the very same rows, as plain values; nothing where there was none before.

    Each former champion's own program answers in a clean process. ``difference`` is the gain of the champion over the former one,
    above 0 where the champion is better; ``gap`` is the mean of actual minus predicted, of numbers in their standard
    deviations. All intervals are 95 %, and go by groups and weights where the bundle does; ``unknown`` says why they do not
    where the log lacks these. A former champion that cannot be asked has a ``problem`` instead.

    Args:
        found: labelled answers of the champion.
        formers: newest first.
        model: the champion.
        seed: of the rows that are drawn where there are more than `MOST_ROWS`.
    """
    if not formers:
        return {}
    height, (design, unknown) = len(found.truth), design_of(found.rows, model.group, model.weight)
    drawn = np.random.default_rng(seed).choice(height, min(MOST_ROWS, height), replace=False)
    at = np.sort(drawn)
    y_true, y_score, rows, design = found.truth[at], found.y_score[at], found.rows[at], design.part(at)
    champion = _measured(y_true, y_score, model.threshold, model, design)
    told: dict[str, Any] = {"rows": len(at), "champion": champion, "unknown": unknown}
    told["formers"] = [
        {
            "bundle_id": each.bundle_id,
            "promoted_at": each.promoted_at,
            **_against(each, rows, y_true, y_score, model, design),
        }
        for each in formers
    ]
    return told


def _against(
    former: Former, rows: pl.DataFrame, y_true: NDArray[Any], y_score: Floats, model: Watched, design: Design
) -> dict[str, Any]:
    nothing = {"metric": None, "gap": None, "difference": None}
    if former.problem:
        return {**nothing, "problem": former.problem}
    try:
        theirs, threshold = _asked(former, rows, model)
        difference = paired_difference(
            model.metric, y_true, y_score, theirs, threshold=model.threshold, threshold_b=threshold,
            sample_weight=design.sample_weight, groups=design.groups,
        )  # fmt: skip
    except (FlowprintError, pl.exceptions.PolarsError, ValueError, TypeError, KeyError) as error:
        return {**nothing, "problem": str(error)}
    measured = _measured(y_true, theirs, threshold, model, design)
    return {**measured, "difference": asdict(difference), "problem": ""}


def _asked(former: Former, rows: pl.DataFrame, model: Watched) -> tuple[Floats, Rule]:
    """The scores of a former champion, and what turns them into decisions.

    Raises:
        FlowprintError: it cannot answer these rows.
    """
    kinds = json.loads(former.files["program.json"])["inputs"]
    lineage = json.loads(former.files["lineage.json"])
    task, classes = lineage.get("task", "binary"), tuple(lineage.get("classes", ()))
    if (task, classes) != (model.target.task, model.target.several):
        raise FlowprintError("It predicts another target, or other classes.")
    if absent := [name for name in kinds if name not in rows.columns]:
        raise FlowprintError(f"The log does not keep {', '.join(absent)} (serving.log_columns).")
    rule = np.asarray(lineage["threshold"], dtype=np.float64)
    return answers(former.files, model_input(rows, kinds)), rule if rule.ndim else float(rule)


def _measured(
    y_true: NDArray[Any], y_score: Floats, threshold: Rule, model: Watched, design: Design
) -> dict[str, Any]:
    """The primary metric and the mean of actual minus predicted."""
    metric = METRICS[model.metric]
    statistic, gap = metric.of(y_true, y_score, threshold), None
    defined = np.isfinite(design.value(statistic))
    value = asdict(_estimate(statistic, design, metric.bounded)) if defined else None
    if not model.target.several:
        unit = (float(np.std(y_true)) or 1.0) if model.target.task == "regression" else 1.0
        gap = asdict(_estimate(MeanRatio((y_true - y_score) / unit), design, bounded=False))
    return {"metric": value, "gap": gap}


def _estimate(statistic: Statistic, design: Design, bounded: bool) -> Estimate:
    return Estimate(design.value(statistic), *interval(statistic, design, bounded=bounded))
