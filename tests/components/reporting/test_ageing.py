"""The curves of a back-test: each age with its interval, in words what it says, and a sentence where there is none."""

import re
from dataclasses import replace

import pytest

from components.reporting.ageing import ageing
from components.reporting.report import html
from components.validation.backtest import Age, Backtest
from components.validation.comparison import PairedDifference
from components.validation.metrics import Estimate
from tests.components.reporting.example import aged


def age(
    number: int, value: float, difference: tuple[float, float, float] | None = None, metric: str = "roc_auc"
) -> Age:
    paired = PairedDifference(metric, *difference, 0.95, 500, value, value) if difference else None
    return Age(number, 3 - number, 500, Estimate(value, value - 0.01, value + 0.01), paired, Estimate(0.01 * number, 0.01 * number - 0.002, 0.01 * number + 0.002))  # fmt: skip


def found(*ages: Age, metric: str = "roc_auc") -> Backtest:
    return Backtest(metric, "a year", ("2015", "2016", "2017"), (), ages)


def test_every_age_is_a_point_with_its_interval():
    for figure in ageing(aged()):
        points = figure.svg.count('class="point model"')
        assert points == figure.svg.count('class="whisker"') == len(figure.rows)
    assert [len(figure.rows) for figure in ageing(aged())] == [4, 3, 4]


def test_the_numbers_are_those_of_the_back_test():
    metric, difference, gap = ageing(aged())
    last = aged().ages[-1]
    for figure, estimate in ((metric, last.metric), (difference, last.difference), (gap, last.gap)):
        told = [float(cell.replace("−", "-")) for cell in figure.rows[-1][1:4]]
        assert told == pytest.approx([estimate.value, estimate.low, estimate.high], abs=6e-6)


def test_what_is_surely_worse_is_named():
    first = age(0, 0.8)
    figures = ageing(found(first, age(1, 0.79, (-0.01, -0.02, 0.001)), age(2, 0.7, (-0.1, -0.12, -0.08))))
    assert figures[1].finding.startswith("Surely worse at age 2. At age 2 it is −0.1000 (−0.1200 to −0.0800)")
    quiet = ageing(found(first, age(1, 0.8, (0.0, -0.01, 0.01))))
    assert quiet[1].finding.startswith("No age is surely worse than a fresh model.")


def test_a_mean_that_drifts_is_told():
    figures = ageing(found(age(0, 0.8), age(1, 0.8, (0.0, -0.01, 0.01))))
    assert figures[2].finding.startswith("0 is outside of the interval at age 1. At age 1 it is +0.0100")


def test_the_axis_says_how_long_a_period_is():
    assert all("1 is a step of 1 in year" in figure.svg for figure in ageing(aged()))


def test_small_differences_are_not_blown_up():
    (_, figure, _) = ageing(found(age(0, 0.8), age(1, 0.8, (0.0001, -0.0001, 0.0002))))
    ticks = [
        float(tick.replace("−", "-"))
        for tick in re.findall(r'class="tick" text-anchor="end">([^<]+)<', figure.svg)
    ]
    assert max(ticks) - min(ticks) >= 0.005


def test_of_several_classes_there_is_no_mean_and_without_a_fresh_model_no_difference():
    alone = replace(age(1, 0.8), gap=None, difference=None)
    assert [figure.key for figure in ageing(found(alone))] == ["ageing-metric"]


def test_the_report_has_the_curves_and_every_model_by_period(page):
    assert 'id="ageing-difference-title"' in page
    section = page[page.index('id="ageing-heading"') : page.index('id="fairness-heading"')]
    assert section.count('<tr><th scope="row">201') == 4
    assert "which none of them was fitted on" in section


def test_where_there_is_no_curve_the_report_says_why(given):
    none = Backtest(
        "roc_auc", "", (), (), (), (), "The rows for training are of one period (2015); set data.until."
    )
    page = html(replace(given, backtest=none))
    assert (
        "There is no curve of the metric against the age of the model. The rows for training are of one period (2015); set data.until."
        in page
    )
    assert ageing(none) == []
