import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from components.training.missing import FillMissing


@pytest.fixture(scope="module")
def gaps(people) -> pd.DataFrame:
    """Ages with a gap in every fifth row, education without any, and a column of nothing else."""
    X = people.X[["age", "education"]].assign(empty=np.nan)
    X.iloc[::5, 0] = np.nan
    return X


def test_a_gap_becomes_the_median_of_the_training_rows(gaps):
    filled = FillMissing().fit(gaps[:800]).transform(gaps[800:])
    assert set(filled[::5, 0]) == {gaps["age"][:800].median()}


def test_known_numbers_stay_as_they_are(gaps):
    filled = FillMissing().fit_transform(gaps)
    known = gaps["age"].notna()
    np.testing.assert_array_equal(filled[known, 0], gaps["age"][known])


def test_a_column_without_a_known_number_becomes_0(gaps):
    assert not FillMissing().fit_transform(gaps)[:, 2].any()


def test_columns_with_gaps_in_training_are_marked_and_only_they(gaps):
    fill = FillMissing().fit(gaps)
    assert fill.get_feature_names_out().tolist() == [
        "age",
        "education",
        "empty",
        "age_missing",
        "empty_missing",
    ]
    np.testing.assert_array_equal(fill.transform(gaps)[:, 3], gaps["age"].isna())


def test_a_gap_first_seen_later_is_filled_without_a_mark(gaps):
    later = gaps.assign(education=np.nan)
    filled = FillMissing().fit(gaps).transform(later)
    assert set(filled[:, 1]) == {gaps["education"].median()}
    assert filled.shape[1] == 5


def test_only_empty_columns_are_filled_where_the_model_reads_gaps(gaps):
    filled = FillMissing(only_empty=True).fit_transform(gaps)
    np.testing.assert_array_equal(filled, gaps.assign(empty=0.0))


def test_single_precision_rounds_as_float32_does():
    X = np.array([[2.0**24 + 1], [0.1], [1e300]])
    rounded = FillMissing(single=True).fit_transform(X)
    np.testing.assert_array_equal(rounded[:2, 0], np.float64(np.float32(X[:2, 0])))
    assert rounded[2, 0] == np.finfo(np.float32).max


def test_it_can_be_cloned():
    assert clone(FillMissing(only_empty=True, single=True)).get_params() == {
        "only_empty": True,
        "single": True,
    }
