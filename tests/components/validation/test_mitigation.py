from dataclasses import astuple, dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from components.training.candidates import untuned_linear
from components.training.features import Columns, inputs
from components.training.predictor import OutcomeValues
from components.validation.fairness import TradeOff, fairness_report
from components.validation.mitigation import ScoredRows, _AsScored, reduction, trade_off, trade_off_point

COLUMNS = Columns(("age", "education", "cognitive_difficulty"), ("relationship",))
VALUE = OutcomeValues(0, 0, 1, -1, "hundred dollars")


@dataclass(frozen=True)
class Parts:
    train: pd.DataFrame
    validation: pd.DataFrame
    holdout: pd.DataFrame

    def scored(self, name: str, feature: str = "race", weight: str | None = None) -> ScoredRows:
        part: pd.DataFrame = getattr(self, name)
        group = part[feature].astype(str).rename(feature)
        return ScoredRows(
            part["y_true"].to_numpy(),
            part["y_score"].to_numpy(),
            group,
            part[weight].to_numpy() if weight else None,
        )


@pytest.fixture(scope="module")
def parts() -> Parts:
    """Real people, and scores of a linear model that is harsher to one group than to the others."""
    table = pd.read_parquet("data/acs_employment_ma_18_64.parquet")
    table = table[table["year"] == 2015].sample(12000, random_state=1).reset_index(drop=True)
    y_true = table["employed"].astype(int)
    model = untuned_linear(COLUMNS, 0).fit(inputs(table.iloc[:4000], COLUMNS), y_true.iloc[:4000])
    score = model.predict_proba(inputs(table, COLUMNS))[:, 1]
    score = np.where(table["race"].astype(str) == "white", score, 0.8 * score)
    table = table.assign(y_true=y_true, y_score=score, weight=1.0 + (table["age"] > 40))
    return Parts(table.iloc[:4000], table.iloc[4000:8000], table.iloc[8000:])


@pytest.fixture(scope="module")
def trade(parts: Parts) -> TradeOff:
    return trade_off(
        parts.scored("validation"), parts.scored("holdout"), threshold=0.6, value=VALUE, min_rows=150
    )


def test_the_model_as_it_is_comes_first_then_each_constraint_by_rising_strength(trade: TradeOff) -> None:
    assert [point.constraint for point in trade.points] == [
        "the model",
        "demographic parity, 25 %", "demographic parity, 50 %", "demographic parity, 75 %", "demographic parity",
        "equalized odds, 25 %", "equalized odds, 50 %", "equalized odds, 75 %", "equalized odds",
    ]  # fmt: skip
    assert (trade.feature, trade.metric, trade.unit) == ("race", "accuracy", "hundred dollars")


def test_demographic_parity_narrows_the_gap_in_selection(trade: TradeOff) -> None:
    model, full = trade.points[0], trade.points[4]
    assert model.demographic_parity_difference > 0.15
    assert full.demographic_parity_difference < model.demographic_parity_difference / 2


def test_equalized_odds_narrow_the_gap_in_error_rates(trade: TradeOff) -> None:
    model, full = trade.points[0], trade.points[8]
    assert full.equalized_odds_difference < model.equalized_odds_difference / 2


def test_no_step_towards_parity_allows_a_larger_gap(trade: TradeOff) -> None:
    gaps = [point.demographic_parity_difference for point in trade.points[1:5]]
    assert all(after <= before for before, after in pairwise(gaps))
    assert gaps[0] > gaps[2] + 0.02 > gaps[3] + 0.04


def test_each_step_towards_equalized_odds_is_nearer_to_them(trade: TradeOff) -> None:
    gaps = [point.equalized_odds_difference for point in (trade.points[0], *trade.points[5:])]
    assert all(after < before - 0.01 for before, after in pairwise(gaps))


def test_the_first_points_disparities_are_the_reports(parts: Parts, trade: TradeOff) -> None:
    holdout = parts.holdout[parts.holdout["race"].isin(["white", "black", "asian"])]
    y_pred = (holdout["y_score"] >= 0.6).astype(int)
    (feature,) = fairness_report(holdout["y_true"], y_pred, holdout[["race"]], min_rows=150).features
    assert "Compared: asian, black, white." in trade.note
    assert feature.demographic_parity_difference is not None
    assert feature.equalized_odds_difference is not None
    assert trade.points[0].demographic_parity_difference == pytest.approx(
        feature.demographic_parity_difference.value
    )
    assert trade.points[0].equalized_odds_difference == pytest.approx(feature.equalized_odds_difference.value)


def test_the_models_utility_and_accuracy_are_those_of_its_decisions(parts: Parts, trade: TradeOff) -> None:
    y_true, y_pred = parts.holdout["y_true"], (parts.holdout["y_score"] >= 0.6).astype(int)
    worth = ((y_true == 0) & (y_pred == 0)).mean() - ((y_true == 1) & (y_pred == 0)).mean()
    assert trade.points[0].utility == pytest.approx(worth)
    assert trade.points[0].metric == pytest.approx((y_true == y_pred).mean())


def test_points_are_what_drawing_lots_gives_on_average(parts: Parts, trade: TradeOff) -> None:
    from fairlearn.postprocessing import ThresholdOptimizer

    validation, holdout = (
        part[part["race"].isin(["white", "black", "asian"])] for part in (parts.validation, parts.holdout)
    )
    rule = ThresholdOptimizer(
        estimator=_AsScored(), constraints="equalized_odds", prefit=True, predict_method="predict_proba"
    )
    group = validation["race"].astype(str).to_numpy()
    rule.fit(validation[["y_score"]].round(3).to_numpy(), validation["y_true"], sensitive_features=group)
    score, group = holdout[["y_score"]].to_numpy(), holdout["race"].astype(str).to_numpy()
    draws = [rule.predict(score, sensitive_features=group, random_state=seed) for seed in range(100)]
    rates = np.array([[draw[group == name].mean() for name in ("white", "black", "asian")] for draw in draws])
    assert trade.points[8].demographic_parity_difference == pytest.approx(
        np.ptp(rates.mean(axis=0)), abs=0.01
    )


def test_small_groups_keep_the_models_decisions(parts: Parts) -> None:
    validation, holdout = parts.scored("validation"), parts.scored("holdout")
    small, gains = ~holdout.sensitive_feature.isin(["white", "black", "asian"]).to_numpy(), []
    for truth in (0, 1):  # what a rule gains depends on the truth of those whom it decides otherwise
        rows = replace(holdout, y_true=np.where(small, truth, holdout.y_true))
        model, *_, rule = trade_off(validation, rows, threshold=0.6, value=VALUE, min_rows=150).points
        gains.append(rule.metric - model.metric)
    assert gains[0] == pytest.approx(gains[1])


def test_weights_count_like_rows(parts: Parts) -> None:
    """Those over 40 weigh double: the same as if each stood there twice."""
    doubled = replace(parts, holdout=pd.concat([parts.holdout, parts.holdout[parts.holdout["age"] > 40]]))
    validation, options = parts.scored("validation"), {"threshold": 0.6, "value": VALUE, "strengths": (1.0,)}
    by_weight = trade_off(validation, parts.scored("holdout", weight="weight"), **options)
    by_rows = trade_off(validation, doubled.scored("holdout"), **options)
    for point, same in zip(by_weight.points, by_rows.points, strict=True):
        assert astuple(point)[1:] == pytest.approx(astuple(same)[1:])


def test_validation_weights_move_the_thresholds(parts: Parts) -> None:
    options = {"threshold": 0.6, "value": VALUE, "strengths": (1.0,)}
    plain, weighted = (
        trade_off(parts.scored("validation", weight=weight), parts.scored("holdout"), **options)
        for weight in (None, "weight")
    )
    assert plain.points[0] == weighted.points[0]
    assert plain.points[1] != weighted.points[1]


def test_without_two_large_groups_only_the_model_is_shown(parts: Parts) -> None:
    alone = trade_off(
        parts.scored("validation"), parts.scored("holdout"), threshold=0.6, value=VALUE, min_rows=3000
    )
    assert [point.constraint for point in alone.points] == ["the model"]
    assert "No two groups" in alone.note


def test_the_same_seed_gives_the_same_trade_off(parts: Parts) -> None:
    first, second = (
        trade_off(
            parts.scored("validation", weight="weight"),
            parts.scored("holdout"),
            threshold=0.6,
            value=VALUE,
            strengths=(1.0,),
            seed=3,
        )
        for _ in range(2)
    )
    assert first == second


def test_a_reduction_gives_a_model_with_a_smaller_gap(parts: Parts) -> None:
    train = parts.train.assign(harsh=np.where(parts.train["age"] < 30, "young", "older"))
    holdout = parts.holdout.assign(harsh=np.where(parts.holdout["age"] < 30, "young", "older"))
    X, y = inputs(train, COLUMNS), train["y_true"].to_numpy()
    rows = ScoredRows(
        holdout["y_true"].to_numpy(), holdout["y_score"].to_numpy(), holdout["harsh"].rename("age band")
    )
    model = untuned_linear(COLUMNS, 0).fit(X, y)
    decide = reduction(
        untuned_linear(COLUMNS, 0), X, y, train["harsh"], constraint="demographic_parity", max_iterations=5
    )
    before, after = (
        trade_off_point("", rows, decision, VALUE, {"young", "older"}).demographic_parity_difference
        for decision in (
            model.predict(inputs(holdout, COLUMNS)).astype(float),
            decide(inputs(holdout, COLUMNS)),
        )
    )
    assert after < before / 2


def test_a_retrained_model_is_a_point_among_the_others(parts: Parts) -> None:
    validation, holdout = parts.scored("validation"), parts.scored("holdout")
    nobody = np.zeros(len(holdout.y_true))
    found = trade_off(
        validation, holdout, threshold=0.6, value=VALUE, strengths=(1.0,), retrained={"trained": nobody}
    )
    point = found.points[-1]
    assert (point.constraint, point.demographic_parity_difference) == ("trained", 0)
    assert point.metric == pytest.approx(1 - holdout.y_true.mean())
