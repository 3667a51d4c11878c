import numpy as np
import pytest
import skops.io
from scipy.special import expit, logit
from scipy.stats import kstest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from components.errors import DataError
from components.training.candidates import LINEAR, build
from components.training.predictor import (
    ALWAYS,
    NEVER,
    RESOLUTION,
    OutcomeValues,
    Predictor,
    recalibrated,
    recalibration,
    utility_threshold,
)

COACHING = OutcomeValues(
    0.0, 0.0, 1.0, -1.0, "hundred dollars"
)  # offered to those predicted to be out of work


@pytest.fixture(scope="module")
def pipeline(people):
    return build(LINEAR, LINEAR.default, people.columns, 0).fit(people.X[:1000], people.y[:1000])


@pytest.fixture(scope="module")
def scored(pipeline, people):
    """y_true and y_score of rows that the pipeline was not trained on."""
    return people.y[1000:], pipeline.predict_proba(people.X[1000:])[:, 1]


def calibrated_scores(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes drawn from the scores themselves: perfectly calibrated."""
    random = np.random.default_rng(seed)
    y_score = expit(random.normal(1.0, 1.2, rows))
    return (random.random(rows) < y_score).astype(int), y_score


def utility(y_true, y_score, threshold, value, sample_weight=None):
    positive = y_score >= threshold
    worth = np.where(
        positive,
        np.where(y_true == 1, value.true_positive, value.false_positive),
        np.where(y_true == 1, value.false_negative, value.true_negative),
    )
    return np.average(worth, weights=sample_weight)


def test_without_recalibration_the_score_is_the_pipelines_to_the_last_digit(pipeline, people):
    np.testing.assert_array_equal(
        Predictor(pipeline).score_positive(people.X), pipeline.predict_proba(people.X)[:, 1]
    )


def test_recalibration_is_linear_on_the_logit(pipeline, people):
    score = Predictor(pipeline, intercept=0.3, slope=0.8).score_positive(people.X)
    expected = 0.3 + 0.8 * logit(pipeline.predict_proba(people.X)[:, 1])
    np.testing.assert_allclose(logit(score), expected, rtol=1e-9)


def test_certain_scores_stay_finite_and_in_order():
    score = recalibrated(np.array([0.0, 0.5, 1.0]), 0.1, 0.9)
    assert 0 < score[0] < score[1] < score[2] < 1


def test_probabilities_of_both_classes_add_up(pipeline, people):
    probability = Predictor(pipeline, 0.2, 1.1).predict_proba(people.X)
    assert probability.shape == (len(people.X), 2)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)


def test_a_score_that_reaches_the_threshold_is_positive(pipeline, people):
    score = Predictor(pipeline).score_positive(people.X)
    decided = Predictor(pipeline, threshold=float(score[7])).predict(people.X)
    assert decided.dtype == np.int64
    np.testing.assert_array_equal(decided, score >= score[7])


def test_every_score_reaches_always_and_none_reaches_never(pipeline, people):
    assert Predictor(pipeline, threshold=ALWAYS).predict(people.X).all()
    assert not Predictor(pipeline, threshold=NEVER).predict(people.X).any()
    assert ALWAYS <= 0.0 < 1.0 < NEVER


def test_it_can_be_cloned_without_what_was_learned(pipeline):
    copy = clone(Predictor(pipeline, 0.1, 0.9, 0.4))
    assert (copy.intercept, copy.slope, copy.threshold) == (0.1, 0.9, 0.4)
    with pytest.raises(NotFittedError):
        check_is_fitted(copy)
    check_is_fitted(Predictor(pipeline))


def test_fit_fits_the_pipeline_with_weights(people):
    weight = np.where(people.y == 1, 1.0, 9.0)
    plain, weighted = (
        Predictor(build(LINEAR, LINEAR.default, people.columns, 0)).fit(people.X, people.y, given)
        for given in (None, weight)
    )
    assert weighted.score_positive(people.X).mean() < plain.score_positive(people.X).mean() - 0.2
    assert weighted.classes_.tolist() == [0, 1]


def test_it_survives_skops(pipeline, people):
    predictor = Predictor(pipeline, 0.1, 0.9, 0.4)
    data = skops.io.dumps(predictor)
    again = skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    np.testing.assert_array_equal(again.score_positive(people.X), predictor.score_positive(people.X))
    np.testing.assert_array_equal(again.predict(people.X), predictor.predict(people.X))


def test_recalibration_finds_what_was_done_to_the_scores():
    y_true, y_score = calibrated_scores(20_000, seed=0)
    found = recalibration(y_true, expit((logit(y_score) - 0.5) / 0.7))
    assert found.applied
    assert found.p_value < 1e-6
    assert (found.intercept, found.slope) == pytest.approx((0.5, 0.7), abs=0.06)


def test_recalibration_is_maximum_likelihood(scored):
    y_true, y_score = scored[0], expit(logit(scored[1]) - 0.6)  # off in the mean too
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(y_score).reshape(-1, 1), y_true)
    found = recalibration(y_true, y_score)
    assert (found.intercept, found.slope) == pytest.approx((model.intercept_[0], model.coef_[0, 0]), abs=1e-4)


def too_sure(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes and scores around a half that are spread too far, and right in the mean."""
    random = np.random.default_rng(seed)
    y_score = expit(random.normal(0.0, 1.2, rows))
    return (random.random(rows) < y_score).astype(int), expit(1.4 * logit(y_score))


def fitted_line(y_true: np.ndarray, y_score: np.ndarray) -> tuple[float, float]:
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(y_score).reshape(-1, 1), y_true)
    return float(model.intercept_[0]), float(model.coef_[0, 0])


def test_scores_whose_spread_alone_is_off_keep_their_mean():
    """The mean comes from the many rows of training; that of a few others is noisier."""
    y_true, y_score = too_sure(3000, seed=4)
    found, (intercept, slope) = recalibration(y_true, y_score), fitted_line(y_true, y_score)
    assert found.applied
    assert found.slope == pytest.approx(slope, abs=1e-4)
    assert abs(found.intercept - intercept) > 0.01
    after = recalibrated(y_score, found.intercept, found.slope)
    assert after.mean() == pytest.approx(y_score.mean(), abs=1e-9)


def test_a_mean_that_is_off_itself_is_moved():
    y_true, y_score = calibrated_scores(3000, seed=5)
    low = expit(logit(y_score) - 0.4)
    found = recalibration(y_true, low)
    assert found.applied
    assert recalibrated(low, found.intercept, found.slope).mean() == pytest.approx(y_true.mean(), abs=1e-6)


def test_means_are_nearer_to_the_truth_than_those_of_a_few_rows():
    """Over 200 samples of 1,500 rows, in which the truth is a half."""
    kept, moved = [], []
    for seed in range(200):
        y_true, y_score = too_sure(1500, seed)
        found, line = recalibration(y_true, y_score), fitted_line(y_true, y_score)
        even = expit(1.4 * np.linspace(-3, 3, 601))
        kept.append(recalibrated(even, found.intercept, found.slope).mean() - 0.5)
        moved.append(recalibrated(even, *line).mean() - 0.5)
    assert np.std(kept) < 0.6 * np.std(moved)


def test_well_calibrated_scores_are_left_alone_as_often_as_alpha_says():
    """The p-value is uniform where nothing is wrong: 200 samples of 400 rows."""
    p_values = [recalibration(*calibrated_scores(400, seed)).p_value for seed in range(200)]
    assert kstest(p_values, "uniform").pvalue > 0.01


def test_weights_count_by_their_ratios_only():
    y_true, y_score = calibrated_scores(2000, seed=1)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, 2000)
    one, other = (recalibration(y_true, y_score, scale * weight) for scale in (1.0, 1000.0))
    assert (one.p_value, one.slope) == pytest.approx((other.p_value, other.slope))


def test_equal_weights_are_no_weights(scored):
    weighted = recalibration(*scored, np.full(len(scored[0]), 7.0))
    assert weighted.p_value == pytest.approx(recalibration(*scored).p_value)


def test_rows_of_weight_0_might_as_well_not_be_there():
    y_true, y_score = calibrated_scores(2000, seed=2)
    weight = np.repeat([1.0, 0.0], 1000)
    spoiled = np.where(weight > 0, y_true, 1 - y_true)
    assert recalibration(spoiled, y_score, weight) == recalibration(y_true[:1000], y_score[:1000])


@pytest.mark.parametrize(
    ("y_true", "y_score"),
    [
        pytest.param([1, 1, 1, 1], [0.2, 0.4, 0.6, 0.8], id="one class"),
        pytest.param([0, 1, 0, 1], [0.4, 0.4, 0.4, 0.4], id="one score"),
        pytest.param([0, 0, 1, 1], [0.2, 0.4, 0.6, 0.8], id="classes apart"),
        pytest.param([1, 1, 0, 0], [0.2, 0.4, 0.6, 0.8], id="classes apart the wrong way round"),
    ],
)
def test_scores_that_cannot_be_recalibrated_are_left_alone(y_true, y_score):
    found = recalibration(np.array(y_true), np.array(y_score))
    assert (found.intercept, found.slope, found.p_value, found.applied) == (0.0, 1.0, 1.0, False)


def test_scores_that_rank_the_wrong_way_round_are_not_turned():
    y_true, y_score = calibrated_scores(2000, seed=3)
    found = recalibration(y_true, 1 - y_score)
    assert found.slope < 0
    assert not found.applied


def test_break_even_is_where_both_decisions_are_worth_the_same():
    value = OutcomeValues(3.0, -2.0, 1.0, -4.0, "euro")
    p = value.break_even
    assert p * 3 - (1 - p) * 2 == pytest.approx((1 - p) * 1 - p * 4)


def test_no_threshold_is_worth_more(scored):
    y_true, y_score = scored
    value = OutcomeValues(1.0, -3.0, 0.5, -1.0, "euro")
    best = utility(y_true, y_score, utility_threshold(y_true, y_score, value), value)
    others = [utility(y_true, y_score, cut, value) for cut in [0.0, 1.1, *np.unique(y_score)]]
    assert best == pytest.approx(max(others))


def test_no_threshold_is_worth_more_by_weight(scored):
    y_true, y_score = scored
    weight = np.where(y_true == 0, 5.0, 1.0)
    threshold = utility_threshold(y_true, y_score, COACHING, weight)
    others = [utility(y_true, y_score, cut, COACHING, weight) for cut in [0.0, 1.1, *np.unique(y_score)]]
    assert utility(y_true, y_score, threshold, COACHING, weight) == pytest.approx(max(others))


def test_calibrated_scores_are_cut_near_break_even():
    value = OutcomeValues(1.0, -2.0, 1.0, 0.0, "euro")
    assert utility_threshold(*calibrated_scores(50_000, seed=4), value) == pytest.approx(
        value.break_even, abs=0.05
    )


def test_the_threshold_lies_midway_between_two_scores():
    threshold = utility_threshold(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.4, 0.9]), COACHING)
    assert threshold == pytest.approx(0.3)


def test_the_last_digits_of_a_score_decide_nothing(scored):
    y_true, y_score = scored
    threshold = utility_threshold(y_true, y_score, COACHING)
    assert np.abs(y_score - threshold).min() >= RESOLUTION / 2


def test_scores_that_differ_only_in_their_last_digits_are_one():
    y_score = np.array([0.1, 0.5 - 1e-12, 0.5, 0.5 + 1e-12, 0.9])
    threshold = utility_threshold(np.array([0, 0, 1, 0, 1]), y_score, COACHING)
    assert abs(threshold - 0.5) > 0.1


def test_of_equally_good_thresholds_the_nearest_to_break_even_is_taken():
    y_true, y_score = (
        np.array([0, 1, 0, 1]),
        np.array([0.1, 0.3, 0.55, 0.8]),
    )  # below .3 or above .55: one mistake
    value = OutcomeValues(1.0, 0.0, 1.0, 0.0, "euro")
    assert utility_threshold(y_true, y_score, value) == pytest.approx(0.675)


def test_thresholds_are_equally_good_whatever_rounding_makes_of_their_sums():
    weight = np.array([0.3, 0.1, 0.2])  # -0.3 + 0.1 + 0.2 is not quite 0
    threshold = utility_threshold(np.array([1, 0, 0]), np.array([0.6, 0.65, 0.7]), COACHING, weight)
    assert threshold == pytest.approx(0.3)


@pytest.mark.parametrize(("answer", "decided"), [(1, 1), (0, 0)])
def test_a_single_class_is_decided_as_it_is(answer, decided):
    y_score = np.array([0.0, 0.4, 1.0])
    threshold = utility_threshold(np.full(3, answer), y_score, COACHING)
    assert ((y_score >= threshold) == decided).all()


@pytest.mark.parametrize(
    ("if_positive", "if_negative", "expected"),
    [(1, 0, ALWAYS), (2, 1, ALWAYS), (1, 2, ALWAYS), (0, -1, NEVER), (-1, -2, NEVER), (-2, -1, NEVER)],
)
def test_a_decision_that_never_loses_is_always_taken(scored, if_positive, if_negative, expected):
    """What a positive decision is worth by the truth, where a negative one is worth nothing."""
    value = OutcomeValues(if_positive, if_negative, 0.0, 0.0, "euro")
    assert value.break_even == expected
    assert utility_threshold(*scored, value) == expected


def test_where_nothing_matters_the_threshold_is_near_a_half(scored):
    threshold = utility_threshold(*scored, OutcomeValues(1.0, 1.0, 1.0, 1.0, "euro"))
    assert threshold == pytest.approx(0.5, abs=0.02)


def test_a_threshold_needs_rows():
    with pytest.raises(DataError, match="validation rows"):
        utility_threshold(np.array([]), np.array([]), COACHING)
