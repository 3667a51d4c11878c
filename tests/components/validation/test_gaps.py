"""Gaps between groups in what is predicted, with bounds that hold for all pairs at once."""

import numpy as np
import pandas as pd
import pytest

from components.validation.gaps import gaps_report


def people(rows: int, gap: float, seed: int, groups: int = 3) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Outcomes with a spread of 1, predictions that are ``gap`` too high for the first group."""
    generator = np.random.default_rng(seed)
    group = generator.integers(0, groups, rows)
    y = generator.normal(0, 1, rows)
    predicted = 0.6 * y + generator.normal(0, 0.5, rows) + gap * (group == 0)
    return y, predicted, pd.DataFrame({"group": np.array(list("abcdef"))[group]})


def test_equal_treatment_has_no_gap_that_is_sure():
    (found,) = gaps_report(*people(3000, 0.0, 0), min_rows=100)
    assert found.prediction_gap.low == found.error_gap.low == 0
    assert found.prediction_gap.high < 0.15


def test_a_group_that_is_predicted_too_high_is_found():
    (found,) = gaps_report(*people(3000, 0.5, 1), min_rows=100)
    assert found.error_gap.value == pytest.approx(0.5, abs=0.08)
    assert 0.35 < found.error_gap.low < found.error_gap.value < found.error_gap.high
    a = next(group for group in found.groups if group.group == "a")
    assert a.mean_error.value == pytest.approx(0.5, abs=0.08)


def test_the_upper_bound_is_too_low_in_at_most_one_case_of_twenty():
    wrong = sum(
        gaps_report(*people(400, 0.4, seed), min_rows=30)[0].error_gap.high < 0.4 for seed in range(200)
    )
    assert wrong <= 18  # of 200; more would happen once in a hundred if it were 10


def test_gaps_do_not_depend_on_the_unit():
    y, predicted, groups = people(1500, 0.3, 2)
    (small,), (large,) = (
        gaps_report(1000 * k + k * y, 1000 * k + k * predicted, groups, min_rows=50) for k in (1, 1e4)
    )
    assert large.error_gap.high == pytest.approx(small.error_gap.high, rel=1e-6)


def test_size_of_errors_counts_as_well_as_their_side():
    y, predicted, groups = people(3000, 0.0, 3)
    wild = predicted + np.where(groups["group"] == "b", np.random.default_rng(9).normal(0, 3, len(y)), 0.0)
    (found,) = gaps_report(y, wild, groups, min_rows=100)
    assert found.error_gap.low > 1


def test_small_groups_are_named_and_not_scored():
    y, predicted, groups = people(1000, 0.0, 4)
    groups.loc[:9, "group"] = "rare"
    (found,) = gaps_report(y, predicted, groups, min_rows=100)
    assert found.small_groups == ("rare",)
    assert found.unscored_rows == 10
    assert next(group for group in found.groups if group.group == "rare").mean_error is None


def test_one_group_alone_has_no_gap():
    y, predicted, _ = people(500, 0.0, 5)
    (found,) = gaps_report(y, predicted, pd.DataFrame({"group": ["a"] * 500}), min_rows=100)
    assert found.prediction_gap is found.error_gap is None


def test_two_features_are_crossed():
    y, predicted, groups = people(3000, 0.0, 6)
    groups["half"] = np.where(np.arange(3000) % 2, "odd", "even")
    assert [each.feature for each in gaps_report(y, predicted, groups)] == ["group", "half", "group × half"]


def test_rows_of_one_person_are_not_independent():
    y, predicted, groups = people(300, 0.2, 7)
    tenfold = [np.repeat(each, 10) for each in (y, predicted)]
    frame = groups.loc[np.repeat(groups.index, 10)].reset_index(drop=True)
    (alone,) = gaps_report(*tenfold, frame, min_rows=50)
    (together,) = gaps_report(*tenfold, frame, min_rows=50, clusters=np.repeat(np.arange(300), 10))
    assert together.error_gap.high - together.error_gap.value > 2 * (
        alone.error_gap.high - alone.error_gap.value
    )
