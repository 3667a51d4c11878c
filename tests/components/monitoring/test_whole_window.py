"""The whole window: how often anything alarms where nothing is wrong, by kind and in all, and what is surely found."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import binom

from components.monitoring import looking
from components.monitoring.association import association_findings, parted
from components.monitoring.calibration import calibration, calibration_findings
from components.monitoring.drift import drift, drift_findings
from components.monitoring.finding import SHARES, Finding
from components.monitoring.labels import Joined, Settled
from components.monitoring.profile import profile
from components.monitoring.quality import (
    category_findings,
    contract_findings,
    missing_findings,
    violations,
)
from components.monitoring.watched import Limits
from tests.components.monitoring.sample import LIMITS, log, model, window

SIZELESS = Limits(
    **{
        **vars(LIMITS),
        "alarm_psi": 0.0,
        "alarm_calibration": 0.0,
        "alarm_decile": 0.0,
        "alarm_missing": 0.0,
        "replicates": 100,
    }
)
"""Sizes put aside, so that chance alone decides."""


def calm(size: int, seed: int) -> pl.DataFrame:
    """Rows of the year of training, with labels that are drawn from the scores of the model."""
    generator = np.random.default_rng(seed)
    rows = log(2015)[generator.choice(log(2015).height, size, replace=False)]
    true = generator.random(size) < rows["y_score"].to_numpy()
    return rows.with_columns(pl.col("served_at").dt.offset_by("1y"), pl.Series("y_true", true))


def judged(rows: pl.DataFrame, limits: Limits) -> list[Finding]:
    """Every finding of a test, of both stages."""
    watched, lazy = model(), rows.lazy()
    counted = profile(lazy, watched.bins)
    rate = {kind: limits.rate(kind) for kind in SHARES}
    moved = drift(counted, watched.bins, rate=rate["drift"], seed=limits.seed, fine=False)
    apart = parted(rows.to_pandas(), watched.reference, rate=rate["association"], seed=limits.seed)
    labelled = looking.labelled(
        Joined(rows, rows.height, Settled(pl.LazyFrame(), 0, 0, 0, 0)),
        window(2016), watched, "production", limits, trials={}, before=[],
    )  # fmt: skip
    return [
        *contract_findings(
            violations(lazy, watched.contract), counted.rows, rate=rate["contract"], allowed=limits.alarm_rows
        ),
        *category_findings(counted, watched.bins, rate=rate["categories"], allowed=limits.alarm_rows),
        *missing_findings(counted, watched.bins, rate=rate["missing"], allowed=limits.alarm_missing),
        *drift_findings(moved, alarm_psi=limits.alarm_psi, rate=rate["drift"]),
        *association_findings(apart, alarm_psi=limits.alarm_psi, rate=rate["association"]),
        *(each for each in labelled.findings if each.kind in SHARES),
    ]


@pytest.mark.system
@pytest.mark.parametrize(("size", "windows"), [(300, 70), (3000, 50)])
def test_a_window_in_which_nothing_is_wrong_alarms_no_more_often_than_configured(size, windows):
    loud, any_loud = Counter(), 0
    for seed in range(windows):
        kinds = {each.kind for each in judged(calm(size, seed), SIZELESS) if each.alarm}
        loud.update(kinds)
        any_loud += bool(kinds)
    rate = SIZELESS.false_alarm_rate
    assert any_loud <= binom.ppf(0.999, windows, rate), loud
    for kind, count in loud.items():
        assert count <= binom.ppf(0.999, windows, rate * SHARES[kind]), kind


@pytest.mark.parametrize(("rows", "gap"), [(300, 0.1), (1000, 0.05), (5000, 0.025), (20_000, 0.0125)])
def test_a_calibration_that_is_off_is_found_in_nine_of_ten_windows(rows, gap):
    """The gap that is surely found falls with the root of the rows; the log-odds of the truth are moved by it."""
    score, generator, found = log(2015)["y_score"].to_numpy(), np.random.default_rng(1), 0
    shift = brentq(lambda by: expit(logit(score) + by).mean() - score.mean() - gap, -3, 3)
    for _ in range(40):
        drawn = generator.choice(score, rows)
        true = generator.random(rows) < expit(logit(drawn) + shift)
        told = calibration(true, drawn, then=None, rate=LIMITS.rate("calibration"))
        found += calibration_findings(told, alarm=0.003, alarm_decile=0.05)[0].alarm
    assert found >= 36
