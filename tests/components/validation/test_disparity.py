"""The bounds that gates rest on: right often enough, whatever the rates and the number of groups.

Exact: every outcome of two groups is weighed by its probability. Simulated: four to ten groups, seeds fixed.
"""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from components.validation.disparity import (
    RATES,
    Confusion,
    clustered_trials,
    confusion,
    effective_counts,
    group_estimates,
    largest_difference,
    rate,
    resampled,
    smallest_ratio,
)
from components.validation.groups import Groups

Floats = NDArray[np.float64]
RATES_TRIED = (0.0, 0.005, 0.02, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.98, 0.995, 1.0)


def two_groups(share_of_group: Floats) -> Groups:
    return Groups("group", ("a", "b"), (share_of_group < 0.5).astype(np.int64))


def rows_of(counts: NDArray[np.int64], n: int) -> list[tuple[float, float]]:
    return [(float(x), float(n)) for x in counts]


@pytest.fixture(scope="module", params=[(30, 30), (30, 120), (60, 60)], ids=str)
def every_outcome(request: pytest.FixtureRequest) -> tuple[int, int, Floats, Floats]:
    """Upper bounds of the difference and lower bounds of the ratio for every outcome of two groups."""
    m, n = request.param
    outcomes = [[((float(i), float(m)), (float(j), float(n))) for j in range(n + 1)] for i in range(m + 1)]
    highs = [[_high(pair) for pair in row] for row in outcomes]
    lows = [[_low(pair) for pair in row] for row in outcomes]
    return m, n, np.array(highs), np.array(lows)


def _high(pair: tuple[tuple[float, float], tuple[float, float]]) -> float:
    estimate = largest_difference([pair])
    assert estimate is not None
    return estimate.high


def _low(pair: tuple[tuple[float, float], tuple[float, float]]) -> float:
    estimate = smallest_ratio([pair])
    return 0.0 if estimate is None else estimate.low


def test_two_groups_lie_further_apart_than_the_bound_at_most_5_times_in_100(
    every_outcome: tuple[int, int, Floats, Floats],
) -> None:
    m, n, highs, _ = every_outcome
    for a, b in combinations_with_replacement(RATES_TRIED, 2):
        if b - a <= 0.5:
            for p, q in ((a, b), (b, a)):
                wrong = highs < abs(p - q) - 1e-9
                assert binom.pmf(range(m + 1), m, p) @ wrong @ binom.pmf(range(n + 1), n, q) <= 0.05, (p, q)


def test_two_groups_have_a_smaller_ratio_than_the_bound_at_most_5_times_in_100(
    every_outcome: tuple[int, int, Floats, Floats],
) -> None:
    m, n, _, lows = every_outcome
    for a, b in combinations_with_replacement(RATES_TRIED, 2):
        if b > 0:
            for p, q in ((a, b), (b, a)):
                wrong = lows > a / b + 1e-9
                assert binom.pmf(range(m + 1), m, p) @ wrong @ binom.pmf(range(n + 1), n, q) <= 0.05, (p, q)


@pytest.mark.parametrize(
    ("rates", "rows"),
    [
        ([0.5] * 6, 200),
        ([0.01] * 6, 300),
        ([0.995] * 6, 300),
        ([0.0] * 5 + [0.004], 500),
        ([0.3] * 5 + [0.35], 400),
        ([0.1] * 9 + [0.2], 200),
        ([0.9, 0.92, 0.95, 0.99], 300),
        ([0.05, 0.5, 0.5, 0.95], 200),
    ],
    ids=["null", "null-near-0", "null-near-1", "zeros", "one-apart", "ten-groups", "near-1", "wide"],
)
def test_bounds_of_several_groups_are_wrong_at_most_5_times_in_100(rates: list[float], rows: int) -> None:
    counts = np.random.default_rng(5).binomial(rows, rates, (600, len(rates)))
    estimates = [largest_difference([rows_of(each, rows)]) for each in counts]
    truth = max(rates) - min(rates)
    too_low = np.mean([e is not None and e.high < truth for e in estimates])
    too_high = np.mean([e is not None and e.low > truth for e in estimates])
    assert too_low <= 0.05
    assert too_high <= 0.05


def test_between_equal_groups_the_percentile_bootstrap_never_covers_and_this_does() -> None:
    generator, rows, groups = np.random.default_rng(6), 400, 6
    counts = generator.binomial(rows, 0.5, (100, groups))
    drawn = generator.binomial(rows, counts[:, :, None] / rows, (100, groups, 400)) / rows
    bootstrap_low = np.quantile(np.ptp(drawn, axis=1), 0.025, axis=1)
    lows = [estimate.low for each in counts if (estimate := largest_difference([rows_of(each, rows)]))]
    assert np.mean(bootstrap_low <= 0) == 0
    assert np.mean(np.array(lows) <= 0) >= 0.95


def test_fair_groups_of_2000_rows_pass_a_limit_of_a_tenth() -> None:
    counts = np.random.default_rng(7).binomial(2000, 0.5, (200, 5))
    highs = [estimate.high for each in counts if (estimate := largest_difference([rows_of(each, 2000)]))]
    assert np.mean(np.array(highs) < 0.1) >= 0.9


@pytest.mark.parametrize("heavy", [0.4, 1.0, 2.5], ids=["light-positives", "unrelated", "heavy-positives"])
def test_bounds_of_weighted_rows_are_wrong_at_most_5_times_in_100(heavy: float) -> None:
    generator, rows, rates = np.random.default_rng(8), 400, np.array([0.1, 0.02])
    wrong = []
    truth = float(np.ptp(rates * heavy / (rates * heavy + 1 - rates)))
    for _ in range(500):
        groups = two_groups(np.repeat([0, 1], rows))
        decision = (generator.random(2 * rows) < rates[groups.codes]).astype(float)
        weight = generator.lognormal(0, 0.7, 2 * rows) * np.where(decision == 1, heavy, 1.0)
        table = confusion(np.ones(2 * rows), decision, groups, weight)
        estimate = largest_difference([effective_counts("selection_rate", table)])
        wrong.append(estimate is not None and estimate.high < truth)
    assert np.mean(wrong) <= 0.05


@pytest.mark.parametrize("name", ["selection_rate", "false_positive_rate"])
@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
def test_intervals_of_group_rates_cover_93_to_97_times_in_100(name: str, weighted: bool) -> None:
    generator, rows, truths = np.random.default_rng(9), 400, np.array([0.5, 0.1])
    groups, covered = two_groups(np.repeat([0, 1], rows)), []
    for seed in range(600):
        y_true = (generator.random(2 * rows) < 0.3).astype(float)
        decision = (generator.random(2 * rows) < truths[groups.codes]).astype(float)
        weight = generator.lognormal(0, 0.5, 2 * rows) if weighted else np.ones(2 * rows)
        table = confusion(y_true, decision, groups, weight)
        estimates = group_estimates(name, table, resampled(table, 300, seed=seed))
        covered += [e.low <= truth <= e.high for e, truth in zip(estimates, truths, strict=True)]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_resampling_cells_varies_as_resampling_rows_does() -> None:
    generator, rows = np.random.default_rng(10), 500
    y, decision, weight = (generator.integers(0, 2, rows) * 1.0, generator.integers(0, 2, rows) * 1.0,
                           generator.lognormal(0, 1, rows))  # fmt: skip
    groups = two_groups(generator.random(rows))
    cells = resampled(confusion(y, decision, groups, weight), 2000, seed=0)
    drawn = [generator.integers(0, rows, rows) for _ in range(2000)]
    by_rows = np.stack(
        [
            confusion(y[i], decision[i], Groups("g", groups.labels, groups.codes[i]), weight[i]).weight
            for i in drawn
        ]
    )
    for name in RATES:
        np.testing.assert_allclose(
            np.std(rate(name, cells), axis=0), np.std(rate(name, by_rows), axis=0), rtol=0.1
        )


def test_a_rate_where_nothing_happened_still_has_an_interval() -> None:
    cells = np.array([[300.0, 0.0, 0.0, 100.0]])
    table = Confusion(cells, cells, cells)
    (estimate,) = group_estimates("false_positive_rate", table, resampled(table, 200, seed=0))
    assert (estimate.value, estimate.low) == (0.0, 0.0)
    assert 0.005 < estimate.high < 0.03


def test_the_same_seed_resamples_the_same_cells() -> None:
    cells = np.array([[30.0, 20.0, 10.0, 100.0], [5.0, 5.0, 9.0, 9.0]])
    table = Confusion(cells, 2 * cells, 5 * cells)
    np.testing.assert_array_equal(resampled(table, 50, seed=3), resampled(table, 50, seed=3))


def test_equal_weights_are_worth_as_many_rows_as_there_are() -> None:
    cells = np.array([[30.0, 20.0, 10.0, 40.0]])
    assert effective_counts("selection_rate", Confusion(cells, 3 * cells, 9 * cells)) == [
        pytest.approx((60, 100))
    ]


def test_one_group_has_no_difference() -> None:
    assert largest_difference([[(5.0, 10.0)]]) is None


def test_rates_that_are_all_0_have_no_ratio() -> None:
    assert smallest_ratio([[(0.0, 50.0), (0.0, 60.0)]]) is None


def test_the_largest_of_several_rates_differences_decides() -> None:
    near, far = [(50.0, 100.0), (52.0, 100.0)], [(10.0, 100.0), (40.0, 100.0)]
    both, alone = largest_difference([near, far]), largest_difference([far])
    assert both is not None
    assert alone is not None
    assert (both.value, both.high) == (alone.value, alone.high)


def people_with_rows(generator, people, rows, rates):
    """Groups of people whose decisions are mostly their own: codes of groups, of people, and decisions."""
    group = np.repeat(np.arange(len(rates)), people * rows)
    person = np.repeat(np.arange(len(rates) * people), rows)
    own = generator.beta(0.5, 0.5 * (1 - np.repeat(rates, people)) / np.repeat(rates, people))
    return group, person, (generator.random(len(person)) < own[person]).astype(float)


@pytest.mark.parametrize(
    ("people", "rates", "goal"),
    [(150, (0.5, 0.3), 0.05), (40, (0.5, 0.3), 0.05), (150, (0.3, 0.3, 0.1), 0.05)],
)
def test_rows_of_one_person_do_not_count_as_many(people, rates, goal):
    """20 rows a person: the bound is below the true difference in at most 5 of 100 samples."""
    generator, wrong, alone = np.random.default_rng(0), 0, 0
    truth, simulations = max(rates) - min(rates), 300
    for _ in range(simulations):
        group, person, decision = people_with_rows(generator, people, 20, rates)
        groups = Groups("group", tuple("abc"[: len(rates)]), group)
        y, weight = np.ones(len(group)), np.ones(len(group))
        table = confusion(y, decision, groups, weight)
        clustered = clustered_trials(y, decision, groups, weight, person)
        wrong += largest_difference([effective_counts("selection_rate", table, clustered)]).high < truth
        alone += largest_difference([effective_counts("selection_rate", table)]).high < truth
    assert wrong / simulations <= goal + 2 * np.sqrt(0.05 * 0.95 / simulations)
    assert alone / simulations > 0.08


def test_one_row_a_cluster_is_as_without_clusters():
    generator = np.random.default_rng(0)
    y, decision, codes = (generator.random((3, 600)) < 0.4).astype(float)
    groups, weight = (
        Groups("group", ("a", "b"), codes.astype(int)),
        np.exp(0.3 * generator.standard_normal(600)),
    )
    table = confusion(y, decision, groups, weight)
    clustered = clustered_trials(y, decision, groups, weight, np.arange(600))
    for name in RATES:
        alone, together = (np.array(effective_counts(name, table, each))[:, 1] for each in (None, clustered))
        assert together == pytest.approx(alone, rel=0.05)
        assert np.all(together <= alone)


def test_a_cluster_in_which_nothing_varies_counts_as_one_row():
    groups = Groups("group", ("a",), np.zeros(60, dtype=int))
    ones = np.ones(60)
    trials = clustered_trials(ones, ones, groups, ones, np.repeat(np.arange(6), 10))["selection_rate"]
    assert 3 < trials[0] <= 6
    assert clustered_trials(ones, ones, groups, ones, np.zeros(60, dtype=int))["selection_rate"][0] == 1
