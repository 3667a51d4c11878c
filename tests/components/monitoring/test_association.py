"""Two columns that went together: which one broke, and silence where none did."""

import numpy as np
import pandas as pd
import pytest

from components.monitoring.association import association_findings, parted
from components.release.joints import association, codes_of, together
from components.release.reference import reference

RATE = 0.05


def rows(count: int, seed: int) -> pd.DataFrame:
    """Three columns that hang together, and one that stands alone."""
    generator = np.random.default_rng(seed)
    age = generator.normal(40, 12, count)
    married = np.where(generator.random(count) < 1 / (1 + np.exp(-(age - 40) / 4)), "yes", "no")
    children = np.where(married == "yes", generator.integers(0, 5, count), generator.integers(0, 2, count))
    return pd.DataFrame(
        {"age": age, "married": married, "children": children, "coin": generator.choice(["a", "b"], count)}
    )


REFERENCE = reference(rows(3000, 0), {})


def alarms(current: pd.DataFrame, told=REFERENCE, seed: int = 1) -> list[str]:
    found = parted(current, told, rate=RATE, seed=seed)
    return [each.subject for each in association_findings(found, alarm_psi=0.1, rate=RATE) if each.alarm]


def test_columns_that_tell_nothing_of_each_other_have_no_partner():
    assert set(REFERENCE["joints"]) == {"age", "married", "children"}
    assert all("coin" not in told for told in REFERENCE["joints"].values())


def test_swapped_categories_of_equal_frequency_are_named_alone():
    swapped = rows(2000, 1).assign(married=lambda each: each.married.map({"yes": "no", "no": "yes"}))
    assert alarms(swapped) == ["married"]


def test_a_shuffled_column_is_named():
    current = rows(2000, 1)
    assert "married" in alarms(
        current.assign(married=current.married.sample(frac=1, random_state=1).to_numpy())
    )


def test_without_a_change_alarms_are_rare():
    loud = sum(
        bool(alarms(rows(300, 100 + seed), reference(rows(1000, 500 + seed), {}), seed)) for seed in range(25)
    )
    assert loud <= 4


def test_a_column_that_is_not_there_is_not_judged():
    assert {
        each.column for each in parted(rows(100, 1).drop(columns="age"), REFERENCE, rate=RATE, seed=1)
    } <= {"children", "married"}
    assert parted(rows(100, 1), {"features": {}}, rate=RATE, seed=1) == ()


def test_association_is_nought_for_independent_and_one_for_equal_columns():
    coin = np.random.default_rng(1).integers(0, 3, 5000)
    other = np.random.default_rng(2).integers(0, 3, 5000)
    assert association(together(coin, 3, coin, 3)) == pytest.approx(1)
    assert association(together(coin, 3, other, 3)) < 0.05
    assert association(together(np.zeros(9, int), 3, coin[:9], 3)) == 0


def test_codes_have_a_place_for_other_labels_and_for_what_is_missing():
    entry = {"kind": "category", "counts": {"a": 3, "b": 1}}
    codes, bins = codes_of(pd.Series(["a", "b", "new", None]), entry)
    assert (codes.tolist(), bins) == ([0, 1, 3, 2], 4)
    codes, bins = codes_of(pd.Series([0.5, 1.0, 2.0, None]), {"kind": "number", "cuts": [1.0]})
    assert (codes.tolist(), bins) == ([0, 1, 1, 2], 3)
