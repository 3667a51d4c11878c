import numpy as np
import pytest

from components.validation.ranking import AreaUnderCurve, AveragePrecision

Y = np.array([1, 0, 1, 0])
SCORE = np.array([0.9, 0.6, 0.6, 0.1])
ONCE = np.ones((1, 4))


def test_the_area_counts_pairs_in_order_and_half_of_the_ties():
    assert AreaUnderCurve(Y, SCORE).values(ONCE)[0] == (2 + 1 + 0.5) / 4


def test_average_precision_reads_tied_rows_together():
    assert AveragePrecision(Y, SCORE).values(ONCE)[0] == pytest.approx((1 + 2 / 3) / 2)


@pytest.mark.parametrize("statistic", [AreaUnderCurve, AveragePrecision])
def test_a_row_without_weight_is_no_row(statistic):
    weight = np.array([[1.0, 1.0, 1.0, 0.0]])
    expected = statistic(Y[:3], SCORE[:3]).values(ONCE[:, :3])
    assert statistic(Y, SCORE).values(weight) == pytest.approx(expected)


@pytest.mark.parametrize("statistic", [AreaUnderCurve, AveragePrecision])
def test_a_resample_without_positives_is_undefined(statistic):
    weights = np.array([[1.0, 1.0, 1.0, 1.0], [0.0, 2.0, 0.0, 2.0]])
    assert np.isnan(statistic(Y, SCORE).values(weights)).tolist() == [False, True]


def test_an_area_without_negatives_is_undefined():
    assert np.isnan(AreaUnderCurve(Y, SCORE).values(np.array([[1.0, 0.0, 3.0, 0.0]])))[0]


@pytest.mark.parametrize("statistic", [AreaUnderCurve, AveragePrecision])
def test_the_order_of_the_rows_does_not_count(statistic):
    order = np.array([2, 3, 0, 1])
    assert statistic(Y[order], SCORE[order]).values(ONCE) == pytest.approx(statistic(Y, SCORE).values(ONCE))
    influence = statistic(Y, SCORE).influence(ONCE[0])
    assert statistic(Y[order], SCORE[order]).influence(ONCE[0]) == pytest.approx(influence[order])
