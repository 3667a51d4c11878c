import numpy as np
import pytest

from components.errors import DataError
from components.training.predictor import OutcomeValues
from components.validation.comparison import paired_difference, utility_difference
from components.validation.metrics import METRICS, expected_utility, labels
from tests.components.validation.sample import people

VALUE = OutcomeValues(0.0, 0.0, 1.0, -1.0, "hundred dollars")


@pytest.mark.parametrize("metric", METRICS)
def test_the_difference_is_that_of_the_metrics_turned_so_that_more_is_better(metric):
    sample = people()
    found = paired_difference(metric, sample.y, sample.score, sample.weaker, threshold=0.75)
    gap = found.challenger - found.reference
    assert found.value == pytest.approx(gap if METRICS[metric].greater_is_better else -gap)
    assert found.low < found.value < found.high
    assert (found.metric, found.rows, found.level) == (metric, len(sample.y), 0.95)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "accuracy"])
def test_the_two_models_values_are_the_metrics(metric):
    sample, chosen = people(), METRICS[metric]
    found = paired_difference(metric, sample.y, sample.score, sample.weaker, threshold=0.75)
    for value, score in ((found.challenger, sample.score), (found.reference, sample.weaker)):
        prediction = score if chosen.needs == "score" else labels(score, 0.75)
        assert value == pytest.approx(chosen.function(sample.y, prediction))


def test_the_better_model_is_shown_to_be_better():
    sample = people()
    assert paired_difference("log_loss", sample.y, sample.score, sample.weaker).low > 0


def test_models_turned_round_turn_the_interval_round():
    sample = people()
    found = paired_difference("roc_auc", sample.y, sample.score, sample.weaker)
    turned = paired_difference("roc_auc", sample.y, sample.weaker, sample.score)
    assert (turned.low, turned.value, turned.high) == pytest.approx((-found.high, -found.value, -found.low))


@pytest.mark.parametrize("metric", METRICS)
def test_a_model_is_as_good_as_itself(metric):
    sample = people()
    found = paired_difference(metric, sample.y, sample.score, sample.score, threshold=0.75)
    assert (found.low, found.value, found.high) == (0, 0, 0)


def test_pairing_narrows_the_interval():
    sample = people()
    paired = paired_difference("roc_auc", sample.y, sample.score, sample.weaker)
    against_luck = paired_difference("roc_auc", sample.y, sample.score, np.full(len(sample.y), 0.5))
    assert paired.high - paired.low < 0.8 * (against_luck.high - against_luck.low)


def test_a_one_sided_bound_is_the_end_of_an_interval_of_twice_the_error():
    sample = people()
    one_sided = paired_difference("roc_auc", sample.y, sample.score, sample.weaker, one_sided=True)
    assert one_sided.low == paired_difference("roc_auc", sample.y, sample.score, sample.weaker, level=0.9).low


def test_each_model_decides_at_its_own_threshold():
    sample = people()
    found = paired_difference(
        "accuracy", sample.y, sample.score, sample.score, threshold=0.5, threshold_b=0.9
    )
    assert found.challenger == np.mean(labels(sample.score, 0.5) == sample.y)
    assert found.reference == np.mean(labels(sample.score, 0.9) == sample.y)


def test_weights_count():
    sample = people()
    rows = np.repeat(np.arange(len(sample.y)), sample.weight.astype(int))
    weighted = paired_difference("f1", sample.y, sample.score, sample.weaker, sample_weight=sample.weight)
    repeated = paired_difference("f1", sample.y[rows], sample.score[rows], sample.weaker[rows])
    assert weighted.value == pytest.approx(repeated.value)
    assert weighted.high - weighted.low > repeated.high - repeated.low


def test_rows_that_come_twice_in_groups_say_no_more_than_once():
    sample, groups = people(), np.repeat(np.arange(len(people().y)), 2)
    once = paired_difference("roc_auc", sample.y, sample.score, sample.weaker)
    doubled = paired_difference(
        "roc_auc", *(np.repeat(each, 2) for each in (sample.y, sample.score, sample.weaker)), groups=groups
    )
    assert (doubled.low, doubled.high) == pytest.approx((once.low, once.high), abs=1e-5)


def test_a_reference_that_never_decides_positive_has_precision_0():
    sample = people()
    found = paired_difference("precision", sample.y, sample.score, sample.score, threshold_b=2.0)
    assert found.reference == 0
    assert found.value == found.challenger


def test_one_class_alone_is_refused():
    with pytest.raises(DataError, match="roc_auc is undefined on these 50 rows"):
        paired_difference("roc_auc", np.zeros(50), people().score[:50], people().weaker[:50])


@pytest.mark.parametrize("code", [0, 1])
def test_utility_is_compared_with_one_decision_for_all(code):
    sample = people()
    decided = labels(sample.score, 0.5)
    found = utility_difference(sample.y, decided, code, VALUE)
    constant = np.full(len(sample.y), code)
    assert found.challenger == pytest.approx(expected_utility(sample.y, decided, VALUE, seed=1).value)
    assert found.reference == pytest.approx(expected_utility(sample.y, constant, VALUE, seed=1).value)
    assert found.low < found.value < found.high


def test_decisions_that_never_differ_gain_nothing():
    sample = people()
    found = utility_difference(sample.y, np.ones(len(sample.y)), 1, VALUE)
    assert (found.low, found.value, found.high) == (0, 0, 0)
