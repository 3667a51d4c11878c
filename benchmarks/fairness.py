"""Intervals of group rates and bounds of disparities, against the bootstrap of fairlearn's MetricFrame."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

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

from components.validation.fairness import FairnessOfFeature, fairness_of_feature
from components.validation.groups import bands, groups_of

SAMPLE = Path(__file__).parents[1] / "data" / "acs_employment_ma_18_64.parquet"
ROWS, GROUPS, REPLICATES, PEER_REPLICATES, GOAL = 50_000, 10, 1000, 20, 0.01
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


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


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


def measure() -> dict[str, Any]:
    """Seconds for 1,000 replicates; the peer's are scaled up from 20."""
    rows = decisions()
    agree(rows)
    mine = min(seconds(lambda: ours(rows)) for _ in range(3))
    theirs = seconds(lambda: peer(rows)) * REPLICATES / PEER_REPLICATES
    ratio = mine / theirs
    return {
        "name": "fairness intervals, 50,000 rows, ten groups",
        "ours": mine,
        "peer": theirs,
        "ratio": ratio,
        "goal": GOAL,
        "holds": ratio <= GOAL,
        "unit": "s",
        "peer_name": f"fairlearn's bootstrap, scaled from {PEER_REPLICATES}",
    }


def benchmarks() -> list[dict[str, Any]]:
    """The one measurement."""
    return [measure()]


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
