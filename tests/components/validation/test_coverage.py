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
from components.validation.checks.champion import not_worse_than_champion
from components.validation.comparison import paired_difference, utility_difference
from components.validation.evaluation import ChampionScores, compare
from components.validation.gates import Limit
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
    generator = np.random.default_rng(1)
    y, score = scores(generator, LARGE, prevalence, area)
    truth = {name: METRICS[name].of(y, score, threshold).values(np.ones((1, LARGE)))[0] for name in names}
    truth["utility"] = np.where(labels(score, threshold) == y, 1 - y, -y).mean()
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
    print(
        f"{metric}, {rows} rows, prevalence {prevalence}, areas {area} and {worst}: wrong {share_of(wrong)}"
    )
    assert share_of(wrong) <= wrong_at_most


def check_non_inferiority(rows, prevalence, simulations, shared=0.8):
    generator, champion, limit = np.random.default_rng(0), 0.78, Limit(MARGIN)

    def judged(area):
        y, challenger, standing = scores(generator, rows, prevalence, area, champion, shared=shared)
        found = ChampionScores("c0ffee", standing, 0.5, np.ones(rows, bool))
        return not_worse_than_champion(
            compare(found, y, challenger, "roc_auc", 0.5, {"sample_weight": None, "groups": None}), limit
        )

    checks = [judged(champion - MARGIN) for _ in range(simulations)]
    size = share_of([check.status == "passed" for check in checks])
    error = np.std([check.value for check in checks])
    power = share_of([judged(champion - MARGIN + 3 * error).status == "passed" for _ in range(simulations)])
    print(f"{rows} rows, prevalence {prevalence}, standard error {error:.4f}: size {size}, power {power}")
    # Two standard errors of the simulation are allowed for.
    assert size <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / simulations)
    assert power >= 0.9 - 2 * np.sqrt(0.9 * 0.1 / simulations)


def check_calibration(rows, simulations):
    generator, reports = np.random.default_rng(0), []
    for _ in range(simulations):
        p = expit(1 + generator.standard_normal(rows))
        y = (generator.random(rows) < expit(0.8 * logit(p) + 0.1)).astype(int)
        reports.append(calibration_report(y, p))
    p = expit(1 + generator.standard_normal(LARGE))
    gap = (expit(0.8 * logit(p) + 0.1) - p).mean()
    coverage = (
        covers([each.in_the_large for each in reports], gap),
        covers([each.slope for each in reports], 0.8),
    )
    print(f"{rows} rows: in the large {coverage[0]}, slope {coverage[1]}")
    assert all(0.93 <= each <= 0.97 for each in coverage), coverage


def check_calibration_error(slope, rows, simulations):
    generator, found = np.random.default_rng(0), []
    p = np.sort(expit(1 + generator.standard_normal(LARGE)))
    truth = np.abs((expit(slope * logit(p)) - p).reshape(10, -1).mean(axis=1)).mean()
    for _ in range(simulations):
        p = expit(1 + generator.standard_normal(rows))
        y = (generator.random(rows) < expit(slope * logit(p))).astype(int)
        found.append(calibration_report(y, p).error)
    wrong = share_of([each.low > truth for each in found]), share_of([each.high < truth for each in found])
    print(f"{rows} rows, slope {slope}: true error {truth:.4f}, wrong {wrong}")
    assert max(wrong) <= 0.025 + 2 * np.sqrt(0.025 * 0.975 / simulations)
    assert np.mean([each.value for each in found]) == pytest.approx(truth, abs=0.4 / np.sqrt(rows))


def test_intervals_of_metrics_cover():
    check_metrics(list(METRICS), 500, 0.3, 0.8, simulations=500, replicates=100, threshold=0.35)


def test_intervals_of_paired_differences_cover():
    names = ["roc_auc", "average_precision", "log_loss", "brier_score", "accuracy", "f1"]
    check_differences(names, 600, 0.3, (0.8, 0.78), simulations=400)


@pytest.mark.parametrize("worst", [0.8, 0.65], ids=["alike", "one worse"])
def test_the_bound_of_the_worst_slice_is_rarely_wrong(worst):
    check_worst_slice("roc_auc", 2400, 0.3, 0.8, worst, simulations=50)


def test_non_inferiority_errs_as_stated():
    check_non_inferiority(2000, 0.3, simulations=800)


def test_calibration_in_the_large_and_slope_cover():
    check_calibration(800, simulations=200)


@pytest.mark.parametrize("slope", [1.0, 0.8], ids=["right", "too extreme"])
def test_neither_bound_of_the_calibration_error_is_wrong_too_often(slope):
    check_calibration_error(slope, 1000, simulations=80)


@pytest.mark.system
@pytest.mark.parametrize(
    ("rows", "prevalence", "area", "threshold"),
    [(500, 0.1, 0.85, 0.15), (1000, 0.72, 0.78, 0.6), (2000, 0.5, 0.7, 0.5)],
)
def test_intervals_of_metrics_cover_at_other_sizes_and_prevalences(rows, prevalence, area, threshold):
    check_metrics(
        list(METRICS), rows, prevalence, area, simulations=1000, replicates=300, threshold=threshold
    )


@pytest.mark.system
@pytest.mark.parametrize(("rows", "prevalence"), [(500, 0.1), (1000, 0.72), (4000, 0.5)])
def test_intervals_of_paired_differences_cover_at_other_sizes_and_prevalences(rows, prevalence):
    names = ["roc_auc", "average_precision", "log_loss", "brier_score", "accuracy"]
    check_differences(names, rows, prevalence, (0.8, 0.8), simulations=1500)


@pytest.mark.system
@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "log_loss", "accuracy"])
@pytest.mark.parametrize(("rows", "prevalence"), [(2400, 0.15), (8000, 0.72)])
def test_the_bound_of_the_worst_slice_is_rarely_wrong_for_other_metrics(metric, rows, prevalence):
    check_worst_slice(metric, rows, prevalence, 0.85, 0.75, simulations=300)


@pytest.mark.system
@pytest.mark.parametrize(("rows", "prevalence"), [(500, 0.3), (2000, 0.15), (8700, 0.72)])
def test_non_inferiority_errs_as_stated_at_other_sizes_and_prevalences(rows, prevalence):
    check_non_inferiority(rows, prevalence, simulations=3000)


@pytest.mark.system
@pytest.mark.parametrize("weighted", [False, True], ids=["groups", "groups and weights"])
def test_intervals_of_rows_in_groups_cover(weighted):
    """250 groups of four rows that share a part of the score's noise and of the outcome's."""
    generator, names = np.random.default_rng(0), ["roc_auc", "brier_score", "accuracy"]

    def grouped(groups):
        common = np.repeat(generator.standard_normal(groups), 4)
        x = common + generator.standard_normal(4 * groups)
        y = (x + common + generator.standard_normal(4 * groups) > 0.8).astype(int)
        weight = np.exp(0.5 * np.repeat(generator.standard_normal(groups), 4))
        return y, ndtr(x - 0.5), weight if weighted else None, np.arange(4 * groups) // 4

    y, score, weight, _ = grouped(LARGE // 4)
    truth = {
        name: METRICS[name].function(y, labels(score, 0.5) if name == "accuracy" else score, weight)
        for name in names
    }
    found, ignored = {name: [] for name in names}, []
    for seed in range(1000):
        y, score, weight, groups = grouped(250)
        options = {"threshold": 0.5, "sample_weight": weight, "replicates": 200, "seed": seed}
        for name, estimate in estimates(y, score, metrics=names, groups=groups, **options).items():
            found[name].append(estimate)
        ignored.append(bootstrap("accuracy", y, score, **options))
    coverage = {name: covers(each, truth[name]) for name, each in found.items()}
    print(f"groups: {coverage}; ignored: {covers(ignored, truth['accuracy'])}")
    assert all(0.93 <= each <= 0.97 for each in coverage.values()), coverage
    assert covers(ignored, truth["accuracy"]) < coverage["accuracy"]


@pytest.mark.system
@pytest.mark.parametrize("rows", [500, 4000])
def test_calibration_covers_at_other_sizes(rows):
    check_calibration(rows, simulations=1500)
    for slope in (1.0, 0.93, 0.8):
        check_calibration_error(slope, rows, simulations=500)
