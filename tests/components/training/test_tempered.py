import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from components.training.features import Columns, preprocessor
from components.training.missing import FillMissing
from components.training.tempered import Tempered, inverse_sine

GENERATOR = np.random.default_rng(7)
NORMAL = GENERATOR.normal(50, 10, (3000, 1))
CAUCHY = GENERATOR.standard_cauchy((3000, 1))


def test_numbers_that_look_normal_stay_as_they_are():
    np.testing.assert_array_equal(Tempered().fit_transform(NORMAL), NORMAL)


def test_the_samples_own_numbers_stay_as_they_are(people):
    X = people.X[list(people.columns.numeric)]
    np.testing.assert_array_equal(Tempered().fit_transform(X), X)


def test_a_stand_in_far_away_is_drawn_near():
    X = NORMAL.copy()
    X[:10] = 999_999
    tempered = Tempered().fit_transform(X)
    assert tempered.max() < 200
    np.testing.assert_array_equal(tempered[10:], X[10:])


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e15])
def test_heavy_tails_become_short_at_any_scale_and_keep_their_order(scale):
    tempered = Tempered().fit_transform(CAUCHY * scale)
    assert np.abs(tempered).max() < 15
    np.testing.assert_array_equal(np.argsort(tempered[:, 0]), np.argsort(CAUCHY[:, 0]))


def test_a_column_of_mostly_noughts_keeps_what_is_not():
    X = np.where(GENERATOR.random((3000, 1)) < 0.95, 0.0, GENERATOR.lognormal(8, 2, (3000, 1)))
    tempered = Tempered().fit_transform(X)
    assert np.ptp(tempered) < 15
    assert len(np.unique(tempered)) == len(np.unique(X))


def test_missing_numbers_stay_missing_and_do_not_count():
    X = np.where(GENERATOR.random(CAUCHY.shape) < 0.8, np.nan, CAUCHY)
    known = ~np.isnan(X)
    np.testing.assert_array_equal(np.isnan(Tempered().fit_transform(X)), ~known)
    np.testing.assert_array_equal(Tempered().fit(X).scale_, Tempered().fit(X[known].reshape(-1, 1)).scale_)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [[np.nan] * 40, [3.0] * 40, [0.0] * 39 + [1.0]])
def test_columns_without_spread_are_left_alone(values):
    X = np.array(values).reshape(-1, 1)
    np.testing.assert_array_equal(Tempered().fit_transform(X), X)


@pytest.mark.filterwarnings("error")
def test_the_largest_doubles_stay_finite():
    tempered = Tempered().fit(CAUCHY * 1e-12)
    assert np.isfinite(tempered.transform([[1.7e308], [-1.7e308]])).all()


def test_the_inverse_sine_is_that_of_numpy():
    values = np.concatenate([-np.logspace(-8, 90, 50), [0.0], np.logspace(-8, 90, 50)])
    np.testing.assert_allclose(inverse_sine(values), np.arcsinh(values), rtol=1e-7, atol=1e-15)


@pytest.mark.filterwarnings("error")
def test_a_linear_model_finds_what_a_few_enormous_numbers_would_hide():
    X = pd.DataFrame(
        {"x": NORMAL[:, 0], "wild": CAUCHY[:, 0] * 1e15, "tiny": NORMAL[:, 0] * 1e-12, "empty": np.nan}
    )
    y = (GENERATOR.random(3000) < 1 / (1 + np.exp(-np.sign(CAUCHY[:, 0])))).astype(int)
    prepared = preprocessor(Columns(tuple(X), ()), "linear").fit(X[:2000], y[:2000])
    model = LogisticRegression().fit(prepared.transform(X[:2000]), y[:2000])
    score = model.predict_proba(prepared.transform(X[2000:]))[:, 1]
    assert roc_auc_score(y[2000:], score) > 0.7
    raw = LogisticRegression().fit(FillMissing().fit_transform(X[:2000]) / 1e15, y[:2000])
    naive = raw.predict_proba(FillMissing().fit(X[:2000]).transform(X[2000:]) / 1e15)[:, 1]
    assert roc_auc_score(y[2000:], naive) < roc_auc_score(y[2000:], score) + 0.05
