from functools import partial

import numpy as np
import pytest

from components.errors import DataError
from components.training import folds
from components.training.features import preprocessor
from components.training.folds import prepare, split


def test_every_row_is_tested_once_and_never_by_a_model_trained_on_it(people):
    parts = split(people.y, folds=4, seed=0)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([test for _, test in parts])), np.arange(len(people.y))
    )
    assert not any(set(train) & set(test) for train, test in parts)


def test_folds_have_the_same_share_of_positives(people):
    shares = [people.y[test].mean() for _, test in split(people.y, folds=4, seed=0)]
    assert max(shares) - min(shares) < 0.005


def test_the_seed_decides_the_folds(people):
    same, again, other = (split(people.y, folds=3, seed=seed)[0][1].tolist() for seed in (0, 0, 1))
    assert same == again != other


def test_a_group_stays_in_one_fold(people):
    groups = np.arange(len(people.y)) // 4
    for train, test in split(people.y, folds=3, seed=0, groups=groups):
        assert not set(groups[train]) & set(groups[test])


def test_numbers_to_predict_need_no_classes(people):
    assert len(split(people.X["age"].to_numpy(), folds=3, seed=0, task="regression")) == 3


def test_a_class_with_too_few_rows_is_reported(people):
    y = np.zeros(100, dtype=int)
    y[:2] = 1
    with pytest.raises(DataError, match=r"\{0: 98, 1: 2\}.*Lower search.folds"):
        split(y, folds=3, seed=0)


def test_a_single_class_is_reported():
    with pytest.raises(DataError, match="two classes"):
        split(np.ones(100, dtype=int), folds=3, seed=0)


def test_too_few_groups_are_reported(people):
    with pytest.raises(DataError, match="2 groups"):
        split(people.y, folds=3, seed=0, groups=np.arange(len(people.y)) % 2)


def test_features_are_learned_from_the_training_rows_of_each_fold_alone(people):
    parts = split(people.y, folds=3, seed=0)
    prepared = prepare(people.X, people.y, parts, partial(preprocessor, people.columns, "linear"))
    for fold, (train, test) in zip(prepared(), parts, strict=True):
        own = preprocessor(people.columns, "linear").fit(people.X.iloc[train])
        np.testing.assert_array_equal(fold.test.X, own.transform(people.X.iloc[test]))


def test_weights_go_with_their_rows(people):
    weight = np.arange(len(people.y), dtype=float)
    parts = split(people.y, folds=3, seed=0)
    folds_ = prepare(people.X, people.y, parts, partial(preprocessor, people.columns, "tree"), weight)()
    for fold, (train, test) in zip(folds_, parts, strict=True):
        np.testing.assert_array_equal(fold.train.sample_weight, train)
        np.testing.assert_array_equal(fold.test.sample_weight, test)


def test_large_folds_are_prepared_again_instead_of_kept(people, monkeypatch):
    parts = split(people.y, folds=3, seed=0)
    kept = prepare(people.X, people.y, parts, partial(preprocessor, people.columns, "tree"))
    monkeypatch.setattr(folds, "CACHED_ROWS", 1000)
    fresh = prepare(people.X, people.y, parts, partial(preprocessor, people.columns, "tree"))
    assert kept() is kept()
    assert fresh() is not fresh()
    np.testing.assert_array_equal([*fresh()][2].train.X, [*kept()][2].train.X)
