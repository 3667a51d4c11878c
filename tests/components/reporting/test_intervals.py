from dataclasses import replace

from components.reporting import intervals
from components.reporting.formats import fixed, signed, with_interval


def test_every_slice_is_shown_and_the_deciding_one_named(given):
    report = given.evaluation.slices
    figure = intervals.slices(report, 0.3, given.evaluation.primary)
    assert len(figure.rows) == min(len(report.slices), intervals.MOST_ROWS)
    assert f"{report.worst.feature} = {report.worst.bin}" in figure.finding
    assert fixed(report.worst_low) in figure.finding
    assert figure.svg.count("point worst") == 1


def test_the_weakest_slice_comes_first(given):
    report = given.evaluation.slices
    weakest = min(report.slices, key=lambda s: s.value)
    figure = intervals.slices(report, None, given.evaluation.primary)
    assert figure.rows[0][0] == f"{weakest.feature}: {weakest.bin}"


def test_booleans_are_read_as_true_and_false(given):
    named = intervals.slices(given.evaluation.slices, None, given.evaluation.primary, {"foreign_born"}).rows
    assert {row[0] for row in named if row[0].startswith("foreign_born")} == {
        "foreign_born: false",
        "foreign_born: true",
    }


def test_where_less_is_better_the_greatest_slice_is_the_weakest(given):
    report = given.evaluation.slices
    report = replace(report, worst_low=report.worst.value + 0.1)
    strongest = max(report.slices, key=lambda s: s.value)
    figure = intervals.slices(report, None, given.evaluation.primary)
    assert figure.rows[0][0] == f"{strongest.feature}: {strongest.bin}"


def test_baselines_are_told_with_sign_and_interval(given):
    figure = intervals.baselines(given.evaluation.baselines, {"dummy": "a dummy"})
    gain = given.evaluation.baselines["dummy"]
    assert f"{signed(gain.value)} ({fixed(gain.low)} to {fixed(gain.high)}) against a dummy" in figure.finding


def test_faults_of_the_whole_table_come_before_single_features(given):
    figure = intervals.robustness(given.evaluation.robustness, [0.2, None])
    whole = [row[0].startswith("all features at once") for row in figure.rows]
    assert whole == sorted(whole, reverse=True)
    assert len(figure.rows) == len(given.evaluation.robustness.perturbations)
    assert "limit 0.2" in figure.svg


def test_every_scored_group_has_its_three_rates(given):
    feature = given.fairness.features[0]
    figure = intervals.fairness(feature)
    group = feature.groups[0]
    rates = (group.selection_rate, group.true_positive_rate, group.false_positive_rate)
    assert figure.rows[0][0] == group.group
    assert figure.rows[0][2:] == tuple(with_interval(rate, 2) for rate in rates)


def test_small_groups_are_named_or_counted_and_never_scored(given):
    race = next(feature for feature in given.fairness.features if feature.feature == "race")
    figure = intervals.fairness(race)
    unscored = [group for group in race.groups if not group.scored]
    noted = [row for row in figure.rows if "too few rows" in row[-1]]
    assert unscored
    assert sum(int(row[1]) for row in noted) == sum(group.rows for group in unscored)


def test_groups_that_cannot_be_compared_are_said_to_be_so(given):
    feature = given.fairness.features[0]
    alone = replace(
        feature, groups=tuple(replace(g, selection_rate=None, scored=False) for g in feature.groups)
    )
    assert "No two groups" in intervals.fairness(alone).finding


def test_useless_features_are_named(given):
    loss = given.explanation.permutation
    name = next(iter(loss))
    assert f"Of no use: {name}." in intervals.permutation(loss, [name], "roc_auc").finding
    assert "Every feature is of use." in intervals.permutation(loss, [], "roc_auc").finding
