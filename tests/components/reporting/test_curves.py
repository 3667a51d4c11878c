import re
from dataclasses import replace

import numpy as np
import pytest

from components.reporting import curves
from components.reporting.cuts import cuts
from components.reporting.formats import fixed, number, percent, signed
from components.training.predictor import ALWAYS, NEVER


@pytest.fixture(scope="module")
def cut(given):
    return cuts(given.evaluation)


def test_roc_tells_area_and_both_rates_of_the_threshold(given, cut):
    figure = curves.roc(cut, given.evaluation)
    evaluation = given.evaluation
    negatives = evaluation.y_score[evaluation.y_true == 0]
    assert fixed(evaluation.metrics["roc_auc"].value) in figure.finding
    assert percent((negatives >= evaluation.threshold).mean()) in figure.finding


def test_roc_table_rises_and_its_band_holds_the_curve(given, cut):
    rows = [[float(cell) for cell in row] for row in curves.roc(cut, given.evaluation).rows]
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    assert all(low - 0.002 <= value <= high + 0.002 for _, value, low, high in rows)


def test_precision_recall_tells_what_guessing_gives(given, cut):
    figure = curves.precision_recall(cut, given.evaluation)
    assert f"guessing gives {fixed(given.evaluation.y_true.mean())}" in figure.finding


def test_utility_tells_the_worth_that_was_evaluated(given, cut):
    figure = curves.utility(cut, given.outcome_values, given.evaluation.threshold, given.class_names)
    assert number(1000 * given.evaluation.utility.value) in figure.finding
    assert "every time is worth" in figure.finding


@pytest.mark.parametrize("threshold", [ALWAYS, NEVER])
def test_a_threshold_at_either_end_is_drawn(given, threshold):
    evaluation = replace(given.evaluation, threshold=threshold)
    figures = [
        curves.roc(cuts(evaluation), evaluation),
        curves.precision_recall(cuts(evaluation), evaluation),
        curves.utility(cuts(evaluation), given.outcome_values, threshold),
    ]
    assert all("nan" not in figure.svg.lower() for figure in figures)


def test_a_model_that_says_nothing_is_drawn(given):
    evaluation = replace(given.evaluation, y_score=np.full(given.evaluation.rows, 0.5), threshold=0.5)
    figure = curves.utility(cuts(evaluation), given.outcome_values, 0.5)
    assert "nan" not in figure.svg.lower()


def test_reliability_has_a_point_a_bin_and_says_whether_the_interval_holds_zero(given):
    calibration = given.evaluation.calibration
    figure = curves.reliability(calibration, given.evaluation.y_score)
    assert len(figure.rows) == len(re.findall("<circle", figure.svg)) == len(calibration.bins)
    assert signed(calibration.in_the_large.value) in figure.finding
    held = calibration.in_the_large.low <= 0 <= calibration.in_the_large.high
    assert ("its interval holds 0" in figure.finding) == held
