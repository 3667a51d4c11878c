"""Seeded simulations: an interval covers as often as it says, and a test errs no more often than it says.

Scores are binormal: an outcome with the stated prevalence moves the score's normal variable by what gives the stated
area under the curve. Scores are a little too extreme (slope 1.2), so that losses and utilities are those of a real model.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit, ndtr, ndtri

from components.training.predictor import OutcomeValues
from components.validation.calibration import calibration_report
from components.validation.comparison import non_inferior, paired_difference, utility_difference
from components.validation.metrics import METRICS, bootstrap, estimates, expected_utility, labels
from components.validation.slices import slice_report

VALUE = OutcomeValues(0.0, 0.0, 1.0, -1.0, "hundred dollars")
LARGE = 1_000_000
MARGIN = 0.02


def distance(area):
    return ndtri(area) * np.sqrt(2)


def scores(generator, rows, prevalence, *areas, shared=0.8):
    """Outcomes, then the scores of a model for each area; models share a part of their noise."""
    y = (generator.random(rows) < prevalence).astype(int)
    common = np.sqrt(shared) * generator.standard_normal(rows)
    models = []
    for area in areas:
        move = distance(area)
        x = common + np.sqrt(1 - shared) * generator.standard_normal(rows) + y * move
        models.append(expit(1.2 * (logit(prevalence) + move * x - move**2 / 2) + 0.1))
    return y, *models


def share_of(successes):
    return float(np.mean(successes))


def covers(intervals, truth):
    return share_of([each.low <= truth <= each.high for each in intervals])


def check_metrics(names, rows, prevalence, area, simulations, replicates, threshold):
    generator = np.random.default_rng(0)
    y, score = scores(generator, LARGE, prevalence, area)
    truth = {name: METRICS[name].of(y, score, threshold).values(np.ones((1, LARGE)))[0] for name in names}
    truth["utility"] = np.where(labels(score, threshold) == y, 1 - y, y - 1).mean()
    found = {name: [] for name in truth}
    for seed in range(simulations):
        y, score = scores(generator, rows, prevalence, area)
        options = {"replicates": replicates, "seed": seed}
        for name, estimate in estimates(y, score, metrics=names, threshold=threshold, **options).items():
            found[name].append(estimate)
        found["utility"].append(expected_utility(y, labels(score, threshold), VALUE, **options))
    coverage = {name: covers(each, truth[name]) for name, each in found.items()}
    print(f"{rows} rows, prevalence {prevalence}, area {area}: {coverage}")
    assert all(0.93 <= each <= 0.97 for each in coverage.values()), coverage


def check_differences(names, rows, prevalence, areas, simulations):
    generator = np.random.default_rng(0)
    y, *models = scores(generator, LARGE, prevalence, *areas)
    truth = {name: paired_difference(name, y, *models).value for name in names}
    truth["utility"] = utility_difference(y, *(labels(model, 0.5) for model in models), VALUE).value
    found = {name: [] for name in truth}
    for _ in range(simulations):
        y, *models = scores(generator, rows, prevalence, *areas)
        for name in names:
            found[name].append(paired_difference(name, y, *models))
        decided = (labels(model, 0.5) for model in models)
        found["utility"].append(utility_difference(y, *decided, VALUE))
    coverage = {name: covers(each, truth[name]) for name, each in found.items()}
    print(f"{rows} rows, prevalence {prevalence}, areas {areas}: {coverage}")
    assert all(0.93 <= each <= 0.97 for each in coverage.values()), coverage


def check_worst_slice(metric, rows, prevalence, area, worst, simulations, *, wrong_at_most=0.05):
    """Sixteen slices of two features, one of them worse (or as good as the others, where the minimum is least regular)."""
    generator, greater = np.random.default_rng(0), METRICS[metric].greater_is_better
    y, bad = scores(generator, LARGE, prevalence, worst)
    truth = METRICS[metric].of(y, bad, 0.5).values(np.ones((1, LARGE)))[0]
    wrong = []
    for _ in range(simulations):
        y, good, bad = scores(generator, rows, prevalence, area, worst)
        frame = pd.DataFrame(generator.integers(0, 8, (rows, 2)).astype(str), columns=["first", "second"])
        score = np.where(frame["first"] == "0", bad, good)
        bound = slice_report(frame, y, score, metric=metric, min_rows=100).worst_low
        wrong.append(bound > truth if greater else bound < truth)
    print(f"{metric}, {rows} rows, prevalence {prevalence}, areas {area} and {worst}: wrong {share_of(wrong)}")
    assert share_of(wrong) <= wrong_at_most


def check_non_inferiority(rows, prevalence, simulations, shared=0.8):
    generator, champion = np.random.default_rng(0), 0.78
    verdicts = [
        non_inferior(
            "roc_auc", *scores(generator, rows, prevalence, champion - MARGIN, champion, shared=shared), margin=MARGIN
        )
        for _ in range(simulations)
    ]
    size = share_of([verdict.shown for verdict in verdicts])
    error = np.std([verdict.difference.value for verdict in verdicts])
    power = share_of([
        non_inferior(
            "roc_auc",
            *scores(generator, rows, prevalence, champion - MARGIN + 3 * error, champion, shared=shared),
            margin=MARGIN,
        ).shown
        for _ in range(simulations)
    ])  # fmt: skip
    print(f"{rows} rows, prevalence {prevalence}, standard error {error:.4f}: size {size}, power {power}")
    # Two standard errors of the simulation are allowed for.
    assert size <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / simulations)
    assert power >= 0.9 - 2 * np.sqrt(0.9 * 0.1 / simulations)


def test_intervals_of_metrics_cover():
    check_metrics(list(METRICS), 600, 0.3, 0.8, simulations=500, replicates=300, threshold=0.35)


def test_intervals_of_paired_differences_cover():
    names = ["roc_auc", "average_precision", "log_loss", "brier_score", "accuracy", "f1"]
    check_differences(names, 600, 0.3, (0.8, 0.78), simulations=500)


@pytest.mark.parametrize("worst", [0.8, 0.65], ids=["alike", "one worse"])
def test_the_bound_of_the_worst_slice_is_rarely_wrong(worst):
    check_worst_slice("roc_auc", 2400, 0.3, 0.8, worst, simulations=80)


def test_non_inferiority_errs_as_stated():
    check_non_inferiority(2000, 0.3, simulations=1000)


def test_calibration_in_the_large_and_slope_cover():
    generator, reports = np.random.default_rng(0), []
    for _ in range(400):
        p = expit(1 + generator.standard_normal(800))
        y = (generator.random(800) < expit(0.8 * logit(p) + 0.1)).astype(int)
        reports.append(calibration_report(y, p))
    p = expit(1 + generator.standard_normal(LARGE))
    truth = (expit(0.8 * logit(p) + 0.1) - p).mean()
    assert 0.93 <= covers([report.in_the_large for report in reports], truth) <= 0.97
    assert 0.93 <= covers([report.slope for report in reports], 0.8) <= 0.97


@pytest.mark.parametrize("slope", [1.0, 0.8], ids=["right", "too extreme"])
def test_neither_bound_of_the_calibration_error_is_wrong_too_often(slope):
    generator, found = np.random.default_rng(0), []
    p = np.sort(expit(1 + generator.standard_normal(LARGE)))
    truth = np.abs((expit(slope * logit(p)) - p).reshape(10, -1).mean(axis=1)).mean()
    for _ in range(100):
        p = expit(1 + generator.standard_normal(1000))
        y = (generator.random(1000) < expit(slope * logit(p))).astype(int)
        found.append(calibration_report(y, p).error)
    assert share_of([each.low > truth for each in found]) <= 0.025
    assert share_of([each.high < truth for each in found]) <= 0.025
    assert np.mean([each.value for each in found]) == pytest.approx(truth, abs=0.012)
