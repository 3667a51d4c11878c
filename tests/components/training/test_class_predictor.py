"""Between several classes the decision is the one that is worth most, and probabilities are made honest."""

import numpy as np
import pytest

from components.training.class_predictor import decided, sharpened, temperature


def probabilities(rows: int = 3000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet([1.0, 1.0, 1.0], size=rows)


def drawn(probability: np.ndarray, seed: int = 1) -> np.ndarray:
    chance = np.random.default_rng(seed).random(len(probability))
    return (chance[:, None] > probability.cumsum(axis=1)).sum(axis=1)


def test_without_values_of_its_own_the_likeliest_class_is_decided():
    found = probabilities()
    np.testing.assert_array_equal(decided(found, np.eye(3)), found.argmax(axis=1))


def test_a_costly_mistake_moves_the_decision():
    worth = np.array([[0.0, -10.0, -1.0], [-1.0, 0.0, -1.0], [-1.0, -1.0, 0.0]])  # 0 taken for 1 costs ten
    found = decided(np.array([[0.2, 0.6, 0.2]]), worth)
    expected = np.array([[0.2, 0.6, 0.2]]) @ worth
    assert found.tolist() == [int(expected.argmax())] != [1]


def test_ties_stay_ties_whatever_the_last_digits():
    third = np.full((1, 3), 1 / 3)
    nearly = third + np.array([[0, 1e-13, -1e-13]])
    assert decided(third, np.eye(3)).tolist() == decided(nearly, np.eye(3)).tolist() == [0]


def test_probabilities_add_up_to_one_after_sharpening():
    made = sharpened(probabilities(), 2.5)
    np.testing.assert_allclose(made.sum(axis=1), 1.0)
    assert made.max(axis=1).mean() > probabilities().max(axis=1).mean()


def test_honest_probabilities_are_left_as_they_are():
    found = probabilities()
    tested = temperature(drawn(found), found, alpha=0.01)
    assert not tested.applied
    assert tested.slope == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("power", [0.5, 2.0])
def test_probabilities_that_are_too_sure_or_too_shy_are_mended(power):
    honest = probabilities()
    tested = temperature(drawn(honest), sharpened(honest, power), alpha=0.01)
    assert tested.applied
    assert tested.slope == pytest.approx(1 / power, rel=0.1)


def test_weights_count_by_their_ratios():
    found = sharpened(probabilities(), 2.0)
    y, weight = drawn(probabilities()), np.where(np.arange(len(found)) % 2, 3.0, 1.0)
    once, again = temperature(y, found, weight), temperature(y, found, 10 * weight)
    assert (once.slope, once.p_value) == pytest.approx((again.slope, again.p_value), rel=1e-4)


def test_classes_that_do_not_overlap_are_not_recalibrated():
    y = np.arange(300) % 3
    sure = np.full((300, 3), 0.05)
    sure[np.arange(300), y] = 0.9
    assert not temperature(y, sure).applied
