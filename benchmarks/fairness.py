"""Intervals of group rates and bounds of disparities, against the bootstrap of fairlearn's MetricFrame."""

import statistics
from pathlib import Path

import numpy as np
import pandas as pd
from fairlearn.metrics import (
    MetricFrame,
    false_negative_rate,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from sklearn.metrics import accuracy_score

from benchmarks.result import Result, seconds
from components.validation.fairness import FairnessOfFeature, fairness_of_feature
from components.validation.groups import bands, groups_of

SAMPLE = Path(__file__).parents[1] / "data" / "acs_employment_ma_18_64.parquet"
ROWS, GROUPS, REPLICATES, PEER_REPLICATES, GOAL = 50_000, 10, 1000, 20, 0.01
TURNS = 5
METRICS = {
    "selection_rate": selection_rate,
    "true_positive_rate": true_positive_rate,
    "false_positive_rate": false_positive_rate,
    "false_negative_rate": false_negative_rate,
    "accuracy": accuracy_score,
}


def decisions() -> pd.DataFrame:
    """Real people in ten groups (sex and five age bands), decided by a rule of thumb."""
    people = pd.read_parquet(SAMPLE).sample(ROWS, random_state=0).reset_index(drop=True)
    band = pd.Series(bands(people["age"], [18, 25, 35, 45, 55])).astype(str)
    return pd.DataFrame(
        {
            "y_true": people["employed"].astype(int),
            "y_pred": ((people["education"] > 17) & ~people["disability"]).astype(int),
            "group": people["sex"].astype(str) + " " + band,
        }
    )


def ours(rows: pd.DataFrame) -> FairnessOfFeature:
    groups = groups_of(rows["group"])
    return fairness_of_feature(rows["y_true"], rows["y_pred"], groups, replicates=REPLICATES)


def peer(rows: pd.DataFrame) -> MetricFrame:
    return MetricFrame(
        metrics=METRICS,
        y_true=rows["y_true"],
        y_pred=rows["y_pred"],
        sensitive_features=rows["group"],
        n_boot=PEER_REPLICATES,
        ci_quantiles=[0.025, 0.5, 0.975],
        random_state=0,
    )


def agree(rows: pd.DataFrame) -> None:
    """Stop unless both have the same groups and the same rates: a race is between equals."""
    by_group = MetricFrame(
        metrics=METRICS, y_true=rows["y_true"], y_pred=rows["y_pred"], sensitive_features=rows["group"]
    ).by_group
    found = ours(rows)
    mine = pd.DataFrame(
        {name: {g.group: getattr(g, name).value for g in found.groups} for name in METRICS}
    ).loc[by_group.index]
    if len(by_group) != GROUPS or not np.allclose(mine, by_group):
        raise SystemExit("The rates differ from fairlearn's: there is nothing to compare.")


def benchmarks() -> list[Result]:
    """Seconds for 1,000 replicates: the median of ours, and one run of the peer's 20 replicates, scaled up."""
    rows = decisions()
    agree(rows)
    mine = statistics.median(seconds(lambda: ours(rows)) for _ in range(TURNS))
    theirs = seconds(lambda: peer(rows))
    return [
        Result(
            f"fairness intervals, {ROWS:,} rows, {GROUPS} groups, {REPLICATES:,} replicates",
            mine,
            theirs * REPLICATES / PEER_REPLICATES,
            goal=GOAL,
            peer_name=f"fairlearn's bootstrap, scaled from {PEER_REPLICATES}",
        )
    ]
