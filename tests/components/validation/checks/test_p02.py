"""P02: the worst slice."""

import numpy as np
import polars as pl

from components.validation.checks.performance import worst_slice
from components.validation.gates import Check, Limit
from components.validation.slices import slice_report
from tests.components.validation.checks.models import Model


def judged(model: Model, limits: dict[str, Limit]) -> Check:
    report = slice_report(model.holdout.X, model.holdout.y, model.y_score, metric="roc_auc", min_rows=250)
    return worst_slice(report, limits["P02"])


def test_an_honest_model_passes(honest: Model, limits: dict[str, Limit]) -> None:
    assert judged(honest, limits).status == "passed"


def test_a_slice_whose_labels_are_noise_is_blocked_and_named(
    table: pl.DataFrame, limits: dict[str, Limit]
) -> None:
    noise = pl.Series(np.random.default_rng(0).random(table.height) < 0.7)
    divorced = pl.col("marital_status") == "divorced"
    spoiled = Model(table.with_columns(employed=pl.when(divorced).then(noise).otherwise("employed")))
    check = judged(spoiled, limits)
    assert check.status == "failed"
    assert "marital_status = divorced" in check.reason
    report = slice_report(
        spoiled.holdout.X, spoiled.holdout.y, spoiled.y_score, metric="roc_auc", min_rows=250
    )
    assert check.interval == (report.worst_low, report.worst.high)


def test_without_a_slice_to_score_nothing_passes(honest: Model, limits: dict[str, Limit]) -> None:
    report = slice_report(
        honest.holdout.X, honest.holdout.y, honest.y_score, metric="roc_auc", min_rows=10**6
    )
    check = worst_slice(report, limits["P02"])
    assert check.status == "not_applicable"
    assert "NOT JUDGED" in check.reason
