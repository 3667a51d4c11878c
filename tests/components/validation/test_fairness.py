import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    demographic_parity_ratio,
    equalized_odds_difference,
    equalized_odds_ratio,
    false_negative_rate,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score

from components.errors import DataError
from components.validation.fairness import FairnessOfFeature, FairnessReport, fairness_report
from components.validation.groups import bands

MIN_ROWS = 100
DISPARITIES = {
    "demographic_parity_difference": demographic_parity_difference,
    "demographic_parity_ratio": demographic_parity_ratio,
    "equalized_odds_difference": equalized_odds_difference,
    "equalized_odds_ratio": equalized_odds_ratio,
}


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Decisions by a rule of thumb on real people: those of school age, retired or disabled are out of work."""
    table = pd.read_parquet("data/acs_employment_ma_18_64.parquet")
    table = table[table["year"] == 2015].sample(6000, random_state=0).reset_index(drop=True)
    return table.assign(
        y_true=table["employed"].astype(int),
        y_pred=((table["age"] > 22) & (table["education"] > 17) & ~table["cognitive_difficulty"]).astype(int),
        weight=np.random.default_rng(0).lognormal(0, 0.5, len(table)),
        band=bands(table["age"], [18, 30, 45, 60]),
    )


def report_of(people: pd.DataFrame, features: list[str], **options: Any) -> FairnessReport:
    options = {"min_rows": MIN_ROWS, "replicates": 200, **options}
    return fairness_report(people["y_true"], people["y_pred"], people[features], **options)


@pytest.fixture(scope="module", params=[None, "weight"], ids=["equal", "weighted"])
def weight(request: pytest.FixtureRequest, people: pd.DataFrame) -> NDArray[np.float64] | None:
    return None if request.param is None else people[request.param].to_numpy()


@pytest.fixture(scope="module")
def report(people: pd.DataFrame, weight: NDArray[np.float64] | None) -> FairnessReport:
    return report_of(people, ["sex", "race"], sample_weight=weight)


def labels(people: pd.DataFrame, feature: str) -> pd.Series:
    return people[feature.split(" × ")].astype(str).agg(" × ".join, axis=1)


def test_every_feature_and_every_pair_is_reported(people: pd.DataFrame) -> None:
    report = report_of(people, ["sex", "disability", "band"])
    assert [feature.feature for feature in report.features] == [
        "sex", "disability", "band", "sex × disability", "sex × band", "disability × band",
    ]  # fmt: skip


@pytest.mark.parametrize("name", DISPARITIES)
def test_disparities_are_fairlearns_on_the_scored_groups(
    report: FairnessReport, people: pd.DataFrame, weight: NDArray[np.float64] | None, name: str
) -> None:
    for feature in report.features[1 : 3 if weight is None else 2]:
        unscored = {*feature.small_groups, *feature.few_positives, *feature.few_negatives}
        if name.startswith("demographic"):
            unscored = set(feature.small_groups)
        group = labels(people, feature.feature)
        rows = (~group.isin(unscored)).to_numpy()
        expected = DISPARITIES[name](
            people["y_true"][rows],
            people["y_pred"][rows],
            sensitive_features=group[rows],
            sample_weight=None if weight is None else weight[rows],
        )
        estimate = getattr(feature, name)
        assert estimate.value == pytest.approx(expected, abs=1e-12), feature.feature
        assert estimate.low <= estimate.value <= estimate.high


def test_group_rates_are_fairlearns(
    report: FairnessReport, people: pd.DataFrame, weight: NDArray[np.float64] | None
) -> None:
    metrics = {
        "selection_rate": selection_rate,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
        "false_negative_rate": false_negative_rate,
        "accuracy": accuracy_score,
    }
    by_group = MetricFrame(
        metrics=metrics,
        y_true=people["y_true"],
        y_pred=people["y_pred"],
        sensitive_features=people["race"].astype(str),
        sample_params={name: {"sample_weight": weight} for name in metrics},
    ).by_group
    scored = [group for group in report.features[1].groups if group.scored]
    for group in scored:
        for name in metrics:
            estimate = getattr(group, name)
            assert estimate.value == pytest.approx(by_group.loc[group.group, name], abs=1e-12)
            assert estimate.low < estimate.value < estimate.high


def test_rows_and_positives_of_groups_are_counted(people: pd.DataFrame) -> None:
    (feature,) = report_of(people, ["race"]).features
    assert {g.group: (g.rows, g.positives) for g in feature.groups} == {
        str(race): (len(rows), int(rows["y_true"].sum()))
        for race, rows in people.groupby("race", observed=True)
    }


def test_a_small_group_is_named_and_not_scored(people: pd.DataFrame) -> None:
    (feature,) = report_of(people, ["race"]).features
    small = {str(race) for race, rows in people["race"].value_counts().items() if 0 < rows < MIN_ROWS}
    assert small
    assert set(feature.small_groups) == small
    for group in feature.groups:
        assert group.scored == (group.group not in small)
        assert (group.selection_rate is None) == (group.group in small)


def test_a_small_group_does_not_move_the_disparity(people: pd.DataFrame) -> None:
    small = people["race"].astype(str) == "american_indian"
    odd = people.assign(y_pred=np.where(small, 0, people["y_pred"]))
    before, after = (report_of(table, ["race"]).features[0] for table in (people, odd))
    assert before.demographic_parity_difference == after.demographic_parity_difference


def test_a_group_with_few_negatives_has_a_selection_rate_but_no_false_positive_rate(
    people: pd.DataFrame,
) -> None:
    working = people[(people["race"] != "asian") | (people["y_true"] == 1)]
    (feature,) = report_of(working, ["race"]).features
    (asian,) = [group for group in feature.groups if group.group == "asian"]
    assert feature.few_negatives == ("asian",)
    assert asian.scored
    assert asian.false_positive_rate is None
    assert asian.true_positive_rate is not None


def test_one_group_alone_has_no_disparity(people: pd.DataFrame) -> None:
    (feature,) = report_of(people[people["sex"] == "male"], ["sex"]).features
    assert feature.demographic_parity_difference is None
    assert feature.equalized_odds_ratio is None


def test_a_weight_of_two_counts_like_two_rows(people: pd.DataFrame) -> None:
    doubled = pd.concat([people, people[people["age"] < 40]])
    by_weight = report_of(people, ["sex"], sample_weight=np.where(people["age"] < 40, 2.0, 1.0))
    by_rows = report_of(doubled, ["sex"])
    assert _values(by_weight.features[0]) == pytest.approx(_values(by_rows.features[0]))


def test_rows_without_weight_are_not_counted(people: pd.DataFrame) -> None:
    weight = (people["sex"] == "male").to_numpy(dtype=float)
    (feature,) = report_of(people, ["sex"], sample_weight=weight).features
    assert feature.small_groups == ("female",)


def test_the_same_seed_gives_the_same_report(people: pd.DataFrame) -> None:
    assert report_of(people, ["sex"], seed=4) == report_of(people, ["sex"], seed=4)


def test_other_rows_give_wider_intervals_when_they_are_fewer(people: pd.DataFrame) -> None:
    few, many = (report_of(table, ["sex"]).features[0] for table in (people.iloc[:1000], people))
    assert few.demographic_parity_difference is not None
    assert many.demographic_parity_difference is not None
    margins = [f.demographic_parity_difference for f in (few, many)]
    assert margins[0].high - margins[0].value > 1.5 * (margins[1].high - margins[1].value)


def test_a_report_is_frozen_and_survives_pickling(people: pd.DataFrame) -> None:
    report = report_of(people, ["sex"])
    assert pickle.loads(pickle.dumps(report)) == report
    with pytest.raises(FrozenInstanceError):
        report.min_rows = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.assign(y_pred=0.4), r"coded \[.*0\.4.*\]; code them 0 and 1"),
        (lambda t: t.assign(y_true=t["y_true"] + 1), "code them 0 and 1"),
        (lambda t: t.iloc[:0], "at least one"),
    ],
    ids=["scores", "codes", "empty"],
)
def test_what_cannot_be_judged_is_refused(people: pd.DataFrame, spoil: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"Fairness by sex: .*{message}"):
        report_of(spoil(people), ["sex"])


def test_weights_below_0_are_refused(people: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="1 weights are missing or below 0"):
        report_of(people, ["sex"], sample_weight=np.r_[-1.0, np.ones(len(people) - 1)])


def test_arrays_of_other_lengths_are_refused(people: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"\[5999, 6000\] rows"):
        fairness_report(people["y_true"], people["y_pred"].iloc[1:], people[["sex"]])


def _values(feature: FairnessOfFeature) -> list[float]:
    return [getattr(feature, name).value for name in DISPARITIES]
