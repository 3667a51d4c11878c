import re
from dataclasses import replace

import numpy as np
import pytest

from components.reporting import choices
from components.reporting.formats import fixed


def counted(figures):
    return sum(int(row[1]) for figure in figures for row in figure.rows)


def test_a_thousand_decisions_are_a_thousand_dots(given):
    figures = choices.thousand(given.evaluation, given.outcome_values, given.class_names)
    assert counted(figures) == 1000
    assert sum(path.count("M") for f in figures for path in re.findall(r'd="([^"]*)"', f.svg)) == 1000


def test_the_dots_are_divided_as_the_rows_are(given):
    evaluation = given.evaluation
    right = (evaluation.y_score >= evaluation.threshold) & (evaluation.y_true == 1)
    (row, *_) = choices.thousand(evaluation, given.outcome_values, given.class_names)[0].rows
    assert int(row[1]) == pytest.approx(1000 * right.mean(), abs=1)


def test_weights_count(given):
    only_positive = replace(given.evaluation, sample_weight=given.evaluation.y_true.astype(float))
    figures = choices.thousand(only_positive, given.outcome_values, given.class_names)
    assert {row[0] for figure in figures for row in figure.rows if row[1] != "0"} == {"in work"}
    assert counted(figures) == 1000


def test_class_names_are_escaped(given):
    figures = choices.thousand(given.evaluation, given.outcome_values, ("<no>", "<yes>"))
    assert all("<yes>" not in figure.svg and "<no>" not in figure.svg for figure in figures)


def test_every_trial_is_shown_with_its_score(given):
    figure = choices.search(given.searches, given.evaluation.family, "roc_auc")
    trials = [trial for result in given.searches for trial in result.trials if trial.fold_scores]
    assert [row[3] for row in figure.rows] == [fixed(np.mean(trial.fold_scores), 4) for trial in trials]


def test_the_chosen_family_is_named(given):
    result = next(r for r in given.searches if r.family == given.evaluation.family)
    figure = choices.search(given.searches, result.family, "roc_auc")
    assert fixed(result.score, 4) in figure.finding
    assert ">chosen<" in figure.svg


def test_a_failed_trial_does_not_break_the_plot(given):
    first, *rest = given.searches
    failed = replace(first.trials[-1], fold_scores=(), state="failed")
    figure = choices.search(
        [replace(first, trials=(*first.trials, failed)), *rest], given.evaluation.family, "roc_auc"
    )
    assert "nan" not in figure.svg.lower()


def test_the_trade_off_names_its_price(given):
    trade = given.fairness.trade_off
    figure = choices.trade_off(trade)
    parity = [point for point in trade.points if point.constraint.startswith("demographic parity")]
    fairest = min(parity, key=lambda p: p.demographic_parity_difference)
    assert trade.feature in figure.title
    assert fixed(fairest.demographic_parity_difference) in figure.finding
    assert len(figure.rows) == len(trade.points)


def test_a_trade_off_without_alternatives_says_so(given):
    trade = given.fairness.trade_off
    assert "No other way" in choices.trade_off(replace(trade, points=trade.points[:1])).finding
