import numpy as np
import pytest
from scipy.special import expit, logit

from components.validation.bounds import wilson
from components.validation.calibration import calibration_report
from tests.components.validation.sample import people


def outcomes(score, seed=1):
    """Outcomes for which the scores are right."""
    return (np.random.default_rng(seed).random(len(score)) < score).astype(int)


def test_in_the_large_is_the_mean_of_actual_minus_predicted():
    sample = people()
    found = calibration_report(sample.y, sample.score, sample_weight=sample.weight).in_the_large
    assert found.value == pytest.approx(np.average(sample.y - sample.score, weights=sample.weight))
    assert found.low < found.value < found.high


def test_scores_that_are_too_low_show_in_the_large():
    score = people().score
    assert calibration_report(outcomes(score), score - 0.1).in_the_large.low > 0.05


def test_right_scores_are_found_right():
    score = people().score
    found = calibration_report(outcomes(score), score)
    assert found.in_the_large.low < 0 < found.in_the_large.high
    assert found.slope.low < 1 < found.slope.high
    assert found.error.low == 0


@pytest.mark.parametrize("factor", [0.5, 2.0], ids=["too tame", "too extreme"])
def test_the_slope_undoes_a_stretch_of_the_logits(factor):
    sample = people()
    right = calibration_report(sample.y, sample.score).slope
    stretched = calibration_report(sample.y, expit(factor * logit(sample.score))).slope
    assert (stretched.low, stretched.value, stretched.high) == pytest.approx(
        (right.low / factor, right.value / factor, right.high / factor), rel=1e-3
    )


@pytest.mark.parametrize(
    "score", [np.full(1500, 0.7), people().y * 0.8 + 0.1], ids=["alike", "perfect order"]
)
def test_there_is_no_slope_where_none_fits_best(score):
    assert np.isnan(calibration_report(people().y, score).slope.value)


def test_sampling_alone_is_no_error():
    score = people().score
    seen, found = [], []
    for seed in range(20):
        report = calibration_report(outcomes(score, seed), score)
        seen.append(sum(abs(each.observed - each.mean_score) for each in report.bins) / len(report.bins))
        found.append(report.error.value)
    assert np.mean(found) < 0.5 * np.mean(seen)


def test_a_large_error_is_found_in_size():
    score = people().score
    found = calibration_report(outcomes(score, seed=2), np.clip(score - 0.15, 0.01, 1)).error
    assert found.value == pytest.approx(0.15, abs=0.03)
    assert 0.05 < found.low < 0.15 < found.high < 0.2


def test_bins_hold_equally_many_rows_and_their_means():
    sample = people()
    bins = calibration_report(sample.y, sample.score).bins
    assert len(bins) == 10
    assert sum(each.rows for each in bins) == len(sample.y)
    assert max(each.rows for each in bins) < 1.3 * min(each.rows for each in bins)
    assert sum(each.rows * each.observed for each in bins) == pytest.approx(sample.y.sum())
    assert [each.mean_score for each in bins] == sorted(each.mean_score for each in bins)


def test_bins_carry_wilsons_interval():
    sample = people()
    first = calibration_report(sample.y, sample.score).bins[0]
    assert (first.low, first.high) == pytest.approx(wilson(round(first.observed * first.rows), first.rows))


def test_tied_scores_share_a_bin():
    sample = people()
    assert len(calibration_report(sample.y, sample.score.round(1)).bins) < 8


def test_rows_without_weight_do_not_count():
    sample, kept = people(), people().frame["foreign_born"].to_numpy() == 0
    weighted = calibration_report(sample.y, sample.score, sample_weight=kept.astype(float))
    alone = calibration_report(sample.y[kept], sample.score[kept], sample_weight=np.ones(kept.sum()))
    assert weighted == alone


def test_rows_that_come_twice_in_groups_say_no_more_than_once():
    y, score = people().y, people().score
    once = calibration_report(y, score)
    doubled = calibration_report(np.repeat(y, 2), np.repeat(score, 2), groups=np.repeat(np.arange(len(y)), 2))
    for name in ("in_the_large", "slope", "error"):
        first, second = getattr(once, name), getattr(doubled, name)
        assert second.high - second.low == pytest.approx(first.high - first.low, rel=0.02), name


def test_the_same_seed_gives_the_same_report():
    sample = people()
    first, again = (calibration_report(sample.y, sample.score, seed=1) for _ in range(2))
    assert first == again
