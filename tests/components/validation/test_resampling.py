import numpy as np
import pytest

from components.errors import DataError
from components.validation import resampling
from components.validation.metrics import METRICS
from components.validation.resampling import Design, Difference, MeanRatio, Strata, cell_counts
from tests.components.validation.sample import people

ROWS = 300


def statistic(name, rows=ROWS, digits=16):
    sample = people()
    return METRICS[name].of(sample.y[:rows], sample.score[:rows].round(digits), 0.75)


@pytest.mark.parametrize("digits", [16, 1], ids=["distinct scores", "tied scores"])
@pytest.mark.parametrize("name", METRICS)
def test_the_influence_is_the_derivative_by_the_weight(name, digits):
    measured, weight, step = statistic(name, digits=digits), people().weight[:ROWS], 1e-6
    steps = np.eye(ROWS)[::7] * step
    slopes = (measured.values(weight + steps) - measured.values(weight - steps)) / (2 * step)
    assert measured.influence(weight)[::7] == pytest.approx(slopes, abs=1e-8)


@pytest.mark.parametrize("name", METRICS)
def test_only_the_ratios_of_weights_count(name):
    weight = people().weight[:ROWS]
    once, twice = statistic(name).values(np.stack([weight, 2 * weight]))
    assert twice == pytest.approx(once, rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_a_weight_of_two_is_a_row_twice(name):
    sample, weight = people(), people().weight[:ROWS]
    rows = np.repeat(np.arange(ROWS), weight.astype(int))
    repeated = METRICS[name].of(sample.y[rows], sample.score[rows], 0.75)
    expected = Design(len(rows)).value(repeated)
    assert Design(ROWS, weight).value(statistic(name)) == pytest.approx(expected)


def test_each_resample_draws_as_many_rows_as_there_are():
    (weights,) = Design(50).resampled(20, seed=1)
    assert weights.shape == (20, 50)
    assert (weights.sum(axis=1) == 50).all()


def test_rows_of_a_group_are_drawn_together():
    (weights,) = Design(4, groups=["one", "three", "three", "three"]).resampled(20, seed=1)
    assert (weights[:, 1:] == weights[:, 1:2]).all()
    assert (weights[:, 0] + weights[:, 1] == 2).all()


def test_resamples_carry_the_sample_weight():
    weight = people().weight[:50]
    (plain,), (weighted,) = (Design(50, given).resampled(5, seed=1) for given in (None, weight))
    assert (weighted == plain * weight).all()


def test_the_size_of_the_chunks_changes_nothing(monkeypatch):
    whole = Design(ROWS).replicate([statistic("roc_auc")], 50, seed=1)
    monkeypatch.setattr(resampling, "CHUNK", 7 * ROWS)
    assert Design(ROWS).replicate([statistic("roc_auc")], 50, seed=1) == pytest.approx(whole, abs=1e-12)


def test_statistics_share_their_resamples():
    alone = Design(ROWS).replicate([statistic("accuracy")], 50, seed=1)[0]
    together = Design(ROWS).replicate([statistic("roc_auc"), statistic("accuracy")], 50, seed=1)[1]
    assert together == pytest.approx(alone, abs=1e-12)


def test_a_resample_moves_a_mean_by_what_its_rows_contribute():
    ((values, linear),) = Design(ROWS).replicate([statistic("brier_score")], 50, seed=1)
    assert values == pytest.approx(Design(ROWS).value(statistic("brier_score")) + linear)


def test_resampled_cells_vary_as_resampled_rows_do():
    cells, rows = cell_counts(np.array([30, 70]), 4000, seed=1), Design(100).resampled(4000, seed=2)
    first = np.concatenate([weights[:, :30].sum(axis=1) for weights in rows])
    assert (cells.sum(axis=1) == 100).all()
    assert cells[:, 0].mean() == pytest.approx(first.mean(), abs=0.4)
    assert cells[:, 0].std() == pytest.approx(first.std(), rel=0.06)


def test_an_empty_table_has_empty_resamples():
    assert (cell_counts(np.array([0, 0]), 3, seed=1) == 0).all()


def test_a_difference_from_itself_is_nothing():
    itself = Difference(statistic("roc_auc"), statistic("roc_auc"))
    assert Design(ROWS).value(itself) == 0
    assert (Design(ROWS).contributions(itself) == 0).all()


def test_an_area_under_the_curve_rests_on_the_rarer_class():
    rarer = min(people().y[:ROWS].sum(), ROWS - people().y[:ROWS].sum())
    assert Design(ROWS).units(statistic("roc_auc")) == pytest.approx(rarer)


def test_groups_are_the_units_where_there_are_any():
    mean = MeanRatio(people().y[:ROWS])
    assert Design(ROWS, groups=people().group[:ROWS]).units(mean) == pytest.approx(ROWS / 4)
    assert len(Design(ROWS, groups=people().group[:ROWS]).contributions(mean)) == ROWS / 4


def test_a_part_keeps_the_weights_and_groups_of_its_rows():
    part = Design(8, np.arange(8.0), ["a"] * 4 + ["b"] * 4).part(np.array([1, 5, 6]))
    assert part.weight.tolist() == [1, 5, 6]
    assert part.by_unit(np.ones(3)).tolist() == [1, 2]


@pytest.mark.parametrize("weight", [[1.0, -1.0, 1.0], [1.0, np.nan, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0]])
def test_impossible_weights_are_refused(weight):
    with pytest.raises(DataError, match="at least 0, one for each of the 3 rows"):
        _ = Design(3, weight).weight


def test_strata_are_the_mean_of_their_parts_and_their_variances_add_up():
    draw = np.random.default_rng(5)
    first, second = draw.normal(1, 1, 400), draw.normal(5, 3, 100)
    parts = [(np.arange(400), MeanRatio(first)), (np.arange(400, 500), MeanRatio(second))]
    design, strata = Design(500), Strata(parts, [3, 1], 500)
    assert design.value(strata) == pytest.approx(0.75 * first.mean() + 0.25 * second.mean())
    variance = 0.75**2 * first.var() / 400 + 0.25**2 * second.var() / 100
    assert np.sum(design.contributions(strata) ** 2) == pytest.approx(variance)
    assert design.units(strata) == 500


def test_strata_of_groups_that_span_them_vary_together():
    value = np.random.default_rng(5).normal(size=100)
    parts = [(np.arange(100), MeanRatio(value)), (np.arange(100, 200), MeanRatio(value))]
    apart, together = Design(200), Design(200, None, np.tile(np.arange(100), 2))
    strata = Strata(parts, [1, 1], 200)
    twice = np.sum(together.contributions(strata) ** 2) / np.sum(apart.contributions(strata) ** 2)
    assert twice == pytest.approx(2)
