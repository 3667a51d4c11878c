"""Alarms where columns moved, silence where they did not, at the rate that is promised."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import binom

from components.monitoring.bins import of_reference
from components.monitoring.drift import drift, drift_findings
from components.monitoring.finding import holm
from components.monitoring.profile import Profile, profile
from components.monitoring.reference import reference_of
from components.release.reference import reference

RATE = 0.05


def rows(count: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    made = {f"number_{n}": generator.normal(shift if n == 0 else 0, 1, count) for n in range(4)}
    made |= {
        f"kind_{n}": generator.choice(list("abcde"), count, p=[0.5, 0.3, 0.1, 0.07, 0.03]) for n in range(4)
    }
    return pd.DataFrame(made)


BINS = of_reference(reference(rows(2000, 0), {}))


def alarms(
    current: pd.DataFrame, *, alarm_psi: float, seed: int = 1, bins=BINS, rate: float = RATE
) -> list[str]:
    found = drift(profile(pl.from_pandas(current).lazy(), bins), bins, rate=rate, seed=seed, fine=False)
    return [each.subject for each in drift_findings(found, alarm_psi=alarm_psi, rate=rate) if each.alarm]


def false_alarms(windows: int, size: int) -> int:
    """Windows of fresh references and fresh rows in which anything alarmed by significance alone."""
    count = 0
    for number in range(windows):
        bins = of_reference(reference(rows(1000, 10_000 + number), {}))
        count += bool(alarms(rows(size, 50_000 + number), alarm_psi=0.0, seed=number, bins=bins))
    return count


@pytest.mark.parametrize("size", [60, 1000])
def test_without_drift_alarms_are_no_more_frequent_than_promised(size):
    assert false_alarms(60, size) <= binom.ppf(0.999, 60, RATE)


def labels(count: int, kinds: int, seed: int) -> pd.DataFrame:
    """A column with many labels, most of them rare (Zipf)."""
    shares = 1 / np.arange(1, kinds + 1)
    chosen = np.random.default_rng(seed).choice(kinds, count, p=shares / shares.sum())
    return pd.DataFrame({"kind": chosen}).astype(str)


@pytest.mark.parametrize("training", [True, False], ids=["labels by training", "one table"])
@pytest.mark.parametrize(("kinds", "size"), [(200, 1000), (45, 300)])
def test_many_labels_do_not_cry_wolf(kinds, size, training):
    """Labels that were chosen on the rows that are counted alarmed in four windows of ten."""
    count, windows = 0, 40
    for seed in range(windows):
        others = labels(3 * size, kinds, 3000 + seed) if training else None
        bins = of_reference(reference(labels(size, kinds, 1000 + seed), {}, others=others))
        count += bool(alarms(labels(5000, kinds, 2000 + seed), alarm_psi=0.0, seed=seed, bins=bins))
    assert count <= binom.ppf(0.999, windows, RATE)


@pytest.mark.parametrize("every", [1, 3])
def test_a_table_as_the_reference_with_many_labels_does_not_cry_wolf(every, monkeypatch):
    count, windows = 0, 25
    monkeypatch.setattr("components.monitoring.reference.SAMPLED_ROWS", 900)
    for seed in range(windows):
        bins = reference_of(pl.from_pandas(labels(900 * every, 200, 1000 + seed)).lazy())
        assert bins["kind"].reference.rows == 900 * every - 450
        count += bool(alarms(labels(5000, 200, 2000 + seed), alarm_psi=0.0, seed=seed, bins=bins))
    assert count <= binom.ppf(0.999, windows, RATE)


@pytest.mark.system
@pytest.mark.parametrize("size", [100, 1000, 5000])
def test_over_five_hundred_windows_the_false_alarm_rate_holds(size):
    assert false_alarms(500, size) <= binom.ppf(0.999, 500, RATE)


def test_large_samples_do_not_cry_wolf_over_a_shift_that_is_too_small_to_matter():
    moved = rows(100_000, 7, shift=0.1)
    assert alarms(moved, alarm_psi=0.0) == ["number_0"]
    assert alarms(moved, alarm_psi=0.1) == []


def test_small_samples_do_not_alarm_by_chance_though_their_psi_is_large():
    large = 0
    for seed in range(20):
        found = drift(
            profile(pl.from_pandas(rows(50, seed)).lazy(), BINS), BINS, rate=RATE, seed=seed, fine=False
        )
        large += any(each.psi > 0.1 for each in found)
    assert large >= 15
    assert sum(bool(alarms(rows(50, seed), alarm_psi=0.1)) for seed in range(20)) <= 4


def test_a_shift_of_half_a_deviation_is_found_in_nine_of_ten_windows_of_500_rows():
    found = [alarms(rows(500, 900 + seed, shift=0.5), alarm_psi=0.1) for seed in range(30)]
    assert sum("number_0" in each for each in found) >= 27


@pytest.mark.parametrize("size", [300, 1000])
def test_a_shift_with_a_psi_of_15_hundredths_is_found_in_nine_of_ten_windows(size):
    """At the level that drift has of the default rate. The shift is of .4 deviations."""
    found = [alarms(rows(size, 700 + seed, shift=0.4), alarm_psi=0.1, rate=RATE * 0.15) for seed in range(30)]
    assert sum("number_0" in each for each in found) >= 27


@pytest.mark.parametrize("column", ["number_1", "kind_1"])
def test_a_column_that_is_all_missing_is_named(column):
    current = rows(500, 3)
    current[column] = None
    assert alarms(current, alarm_psi=0.1) == [column]


def test_another_unit_is_named():
    current = rows(500, 3).assign(number_2=lambda each: each.number_2 * 1000)
    assert alarms(current, alarm_psi=0.1) == ["number_2"]


def test_swapped_categories_are_named():
    current = rows(500, 3).assign(
        kind_3=lambda each: each.kind_3.map(dict(zip("abcde", "edcba", strict=True)))
    )
    assert alarms(current, alarm_psi=0.1) == ["kind_3"]


def test_every_number_that_decides_has_an_interval_and_every_distance_a_chance():
    found = drift(profile(pl.from_pandas(rows(500, 3, shift=0.5)).lazy(), BINS), BINS, rate=RATE, seed=1)
    for each in found:
        assert each.psi_low <= each.psi <= each.psi_high
        assert all(0 < p <= 1 for _, p in each.distances.values())
    by_name = {each.column: each for each in found}
    assert set(by_name["kind_0"].distances) == {"jensen_shannon", "chi_squared"}
    assert set(by_name["number_0"].distances) == {"jensen_shannon", "kolmogorov_smirnov", "wasserstein"}
    distance, chance = by_name["number_0"].distances["wasserstein"]
    assert 0.35 < distance < 0.65
    assert chance < 0.01


def test_the_interval_of_psi_holds_the_truth_in_about_95_of_100_windows():
    truth = drift(
        profile(pl.from_pandas(rows(200_000, 5, 0.4)).lazy(), BINS), BINS, rate=RATE, seed=1, fine=False
    )
    true_psi = next(each.psi for each in truth if each.column == "number_0")
    held = 0
    for seed in range(60):
        current = pl.from_pandas(rows(800, 400 + seed, 0.4)[["number_0"]]).lazy()
        (each,) = drift(
            profile(current, BINS), {"number_0": BINS["number_0"]}, rate=RATE, seed=seed, fine=False
        )
        held += each.psi_low <= true_psi <= each.psi_high
    assert held >= binom.ppf(0.001, 60, 0.95)


def test_among_a_thousand_columns_the_one_that_moved_is_named():
    """Bundles of so many columns could not alarm: the smallest p-value that draws could give was above the level."""
    then, now = (np.random.default_rng(seed).integers(0, 4, (400, 1000)) for seed in (1, 2))
    now[:, 500] = np.where(now[:, 500] == 0, 1, now[:, 500])
    names = [f"column_{place}" for place in range(1000)]
    bins = of_reference(
        {"features": {name: {"kind": "category", "counts": dict(zip("abcd", np.bincount(then[:, place]).tolist(), strict=True)), "other": 0, "missing": 0} for place, name in enumerate(names)}}
    )  # fmt: skip
    current = pl.DataFrame(np.array(list("abcd"))[now], schema=names)
    found = drift(profile(current.lazy(), bins), bins, rate=RATE * 0.15, seed=1, fine=False)
    assert [
        each.subject for each in drift_findings(found, alarm_psi=0.1, rate=RATE * 0.15) if each.alarm
    ] == ["column_500"]


def test_nothing_is_said_of_a_window_without_rows():
    assert drift(Profile(0, {}), BINS, rate=RATE, seed=1) == ()


def test_holm_corrects_as_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
