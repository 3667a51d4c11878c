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


def wide(count: int, seed: int) -> pd.DataFrame:
    """Sixty columns, of which each two go together."""
    generator = np.random.default_rng(seed)
    made = {}
    for pair in range(30):
        first = generator.integers(0, 3, count)
        same = generator.random(count) < 0.7
        made[f"a{pair}"] = first
        made[f"b{pair}"] = np.where(same, first, generator.integers(0, 3, count))
    return pd.DataFrame(made).astype(str)


WIDE = reference(wide(3000, 0), {})


def judged(current: pd.DataFrame, rate: float) -> dict:
    found = parted(current, WIDE, rate=rate, seed=1)
    return {each.subject: each for each in association_findings(found, alarm_psi=0.1, rate=rate)}


def test_among_sixty_columns_a_pair_that_came_apart_is_named():
    current = wide(2000, 1).assign(a7=lambda each: each.a7.sample(frac=1, random_state=1).to_numpy())
    found = judged(current, 0.05 * 0.05)
    assert len(found) == 60
    assert {name for name, each in found.items() if each.alarm} == {"a7", "b7"}
    assert all(each.judged for each in found.values())


def test_where_draws_are_too_few_for_the_level_it_is_not_judged(monkeypatch):
    monkeypatch.setattr("components.monitoring.association.MOST_DRAWS", 20_000)
    current = wide(2000, 1).assign(a7=lambda each: each.a7.sample(frac=1, random_state=1).to_numpy())
    found = judged(current, 0.05 * 0.05)
    assert {name for name, each in found.items() if not each.judged} == {"a7", "b7"}
    assert "20,000 draws are the most" in found["a7"].reason


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
