"""The primary metric against the age of a model: what older models score on the same rows, for all three tasks."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline

from components.data.origins import origins
from components.data.split import HOLDOUT, TRAIN, VALIDATION
from components.training.candidates import FAMILIES, build
from components.training.examples import Examples
from components.training.features import Columns
from components.training.target import Target
from components.validation.backtest import backtest

COLUMNS = Columns(("a", "b"), ())
TARGETS = {
    "binary": Target("y", "binary", ("yes",)),
    "multiclass": Target("y", "multiclass", ("p", "q", "r")),
    "regression": Target("y", "regression"),
}
METRIC = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "r2"}
PERIODS, EACH = 4, 2000


def table(task: str, turn: float, seed: int = 0) -> pl.DataFrame:
    """Rows whose target turns from the first feature to the second, by so many radians a period."""
    draw = np.random.default_rng(seed)
    year = np.repeat(np.arange(2015, 2015 + PERIODS), EACH)
    a, b = draw.normal(size=(2, len(year)))
    angle = turn * (year - 2015)
    signal = 2 * (np.cos(angle) * a + np.sin(angle) * b) + draw.normal(size=len(year))
    y = {"binary": signal > 0, "multiclass": np.digitize(signal, [-1, 1]), "regression": signal}[task]
    return pl.DataFrame(
        {"a": a, "b": b, "y": y, "year": year, "part": draw.choice(3, len(year), p=[0.5, 0.3, 0.2])}
    )


def examples(rows: pl.DataFrame) -> Examples:
    frame = rows.to_pandas()
    y = frame["y"].to_numpy()
    return Examples(frame[["a", "b"]], y if y.dtype.kind == "f" else y.astype(np.int64), None, frame)


def aged(rows: pl.DataFrame, task: str, metric: str = "", **options):
    planned = origins(
        rows["year"], rows["part"].to_numpy().astype(np.int8), np.ones(rows.height, bool), **options
    )
    known = None if planned.reason else examples(rows[planned.rows])
    return backtest(
        planned, known, family="linear", params={"C": 1.0}, columns=COLUMNS, target=TARGETS[task],
        metric=metric or METRIC[task], threshold=0.5, seed=1,
    )  # fmt: skip


@pytest.mark.parametrize("task", TARGETS)
def test_where_the_world_turns_an_older_model_is_surely_worse_and_the_more_the_older(task):
    found = aged(table(task, 0.4), task)
    assert [age.age for age in found.ages] == [0, 1, 2, 3]
    assert [age.periods for age in found.ages] == [4, 3, 2, 1]
    assert found.ages[0].difference is None
    lost = [age.difference for age in found.ages[1:]]
    assert all(each.low <= each.value <= each.high < 0 for each in lost)
    assert lost[0].value > lost[1].value > lost[2].value


@pytest.mark.parametrize("task", TARGETS)
def test_where_nothing_changes_age_costs_nothing_that_can_be_told(task):
    found = aged(table(task, 0.0), task)
    for age in found.ages[1:]:
        assert abs(age.difference.value) < 0.01
    assert found.ages[3].difference.low < 0.002


def test_a_score_is_that_of_a_model_of_the_training_rows_up_to_its_origin_on_the_validation_rows_of_the_period():
    rows = table("binary", 0.4)
    found = aged(rows, "binary")
    learned = examples(rows.filter((pl.col("part") == TRAIN) & (pl.col("year") <= 2016)))
    later = examples(rows.filter((pl.col("part") == VALIDATION) & (pl.col("year") == 2018)))
    model: Pipeline = build(FAMILIES["linear"], {"C": 1.0}, COLUMNS, 1).fit(learned.X, learned.y)
    (score,) = [each for each in found.scores if (each.origin, each.period) == ("2016", "2018")]
    assert (score.age, score.rows) == (2, len(later.y))
    assert score.metric.value == pytest.approx(
        roc_auc_score(later.y, model.predict_proba(later.X)[:, 1]), abs=1e-12
    )
    assert score.metric.low < score.metric.value < score.metric.high


def test_the_metric_of_an_age_is_the_mean_over_its_periods_by_their_rows():
    found = aged(table("binary", 0.4), "binary")
    one = [each for each in found.scores if each.age == 1]
    mean = np.average([each.metric.value for each in one], weights=[each.rows for each in one])
    assert found.ages[1].metric.value == pytest.approx(mean, abs=1e-12)
    assert found.ages[1].rows == sum(each.rows for each in one)


def test_a_difference_compares_the_same_rows():
    found = aged(table("binary", 0.4), "binary")
    fresh = {each.period: each.metric.value for each in found.scores if each.age == 0}
    (oldest,) = [each for each in found.scores if each.age == 3]
    assert found.ages[3].difference.value == pytest.approx(oldest.metric.value - fresh["2018"], abs=1e-12)
    assert found.ages[3].difference.reference == pytest.approx(fresh["2018"], abs=1e-12)


def test_where_less_is_better_a_loss_is_still_below_zero():
    found = aged(table("binary", 0.4), "binary", "log_loss")
    last = found.ages[3]
    assert last.metric.value > found.ages[0].metric.value
    assert last.difference.high < 0
    assert last.difference.value == pytest.approx(last.difference.reference - last.difference.challenger)


def test_an_intercept_that_moves_shows_in_actual_minus_predicted_and_not_in_the_order():
    rows = table("binary", 0.0)
    draw = np.random.default_rng(3).random(rows.height)
    rows = rows.with_columns(pl.col("y") | pl.Series((draw < 0.2) & (rows["year"].to_numpy() == 2018)))
    last = aged(rows, "binary").ages[3]
    assert last.gap.low > 0.02
    assert last.gap.value > 2 * aged(rows, "binary").ages[0].gap.value
    assert aged(table("multiclass", 0.4), "multiclass").ages[0].gap is None
    assert abs(aged(table("regression", 0.4), "regression").ages[0].gap.value) < 0.05


def test_noise_in_the_holdout_changes_nothing():
    rows = table("binary", 0.4)
    held = rows["part"] == HOLDOUT
    poured = rows.with_columns(
        pl.when(held).then(~pl.col("y")).otherwise("y").alias("y"),
        pl.when(held).then(-pl.col("a")).otherwise("a").alias("a"),
        pl.when(held).then(1900).otherwise("year").alias("year"),
    )
    assert aged(poured, "binary") == aged(rows, "binary")


def test_one_period_has_no_curve_and_says_what_to_set():
    found = aged(table("binary", 0.0).filter(pl.col("year") == 2015), "binary")
    assert (found.ages, found.scores) == ((), ())
    assert "of one period (2015)" in found.reason
    assert "data.until" in found.reason


def test_a_period_of_few_rows_is_left_out_by_name():
    rows = table("binary", 0.4)
    few = pl.concat([rows.filter(pl.col("year") != 2016), rows.filter(pl.col("year") == 2016).head(300)])
    found = aged(few, "binary")
    assert any(
        each.startswith("2016 is not scored: ") and "200 are wanted" in each for each in found.left_out
    )
    assert {each.period for each in found.scores} == {"2015", "2017", "2018"}
    assert {each.origin for each in found.scores} == {"2015", "2016", "2017", "2018"}


def test_a_class_that_comes_later_leaves_out_the_models_that_cannot_know_it():
    rows = table("multiclass", 0.1).filter(~((pl.col("year") == 2015) & (pl.col("y") == 2)))
    found = aged(rows, "multiclass")
    assert any(each.startswith("no model up to 2015: not every class") for each in found.left_out)
    assert {each.origin for each in found.scores} == {"2016", "2017", "2018"}


def test_where_no_later_period_can_be_scored_there_is_a_reason():
    rows = table("binary", 0.4)
    found = aged(
        pl.concat([rows.filter(pl.col("year") == 2015), rows.filter(pl.col("year") == 2016).head(100)]),
        "binary",
    )
    assert found.ages == ()
    assert "2016 is not scored" in found.reason


def test_a_fit_that_fails_is_told_and_ends_nothing():
    rows = table("binary", 0.4)
    planned = origins(rows["year"], rows["part"].to_numpy().astype(np.int8), np.ones(rows.height, bool))
    known = examples(rows[planned.rows])
    broken = replace(known, X=known.X.assign(a=np.where(known.rows["year"] == 2015, np.inf, known.X["a"])))
    found = backtest(
        planned, broken, family="linear", params={"C": -1.0}, columns=COLUMNS, target=TARGETS["binary"],
        metric="roc_auc", threshold=0.5,
    )  # fmt: skip
    assert found.ages == ()
    assert "no model up to 2015: " in found.reason


def test_weights_count_in_the_fit_and_in_the_score():
    rows = table("binary", 0.4)
    planned = origins(rows["year"], rows["part"].to_numpy().astype(np.int8), np.ones(rows.height, bool))
    known = examples(rows[planned.rows])
    weight = np.where(known.rows["a"] > 0, 1.0, 0.0)
    options = {"family": "linear", "params": {"C": 1.0}, "columns": COLUMNS, "target": TARGETS["binary"], "metric": "log_loss", "threshold": 0.5, "seed": 1}  # fmt: skip
    found = backtest(planned, replace(known, weight=weight), **options)
    part, year = known.rows["part"], known.rows["year"]
    fit, last = (part == TRAIN) & (year == 2015), (part == VALIDATION) & (year == 2018)
    model = build(FAMILIES["linear"], {"C": 1.0}, COLUMNS, 1)
    model.fit(known.X[fit], known.y[fit], model__sample_weight=weight[fit])
    truth = log_loss(known.y[last], model.predict_proba(known.X[last]), sample_weight=weight[last])
    (score,) = [each for each in found.scores if each.age == 3]
    assert score.metric.value == pytest.approx(truth, abs=1e-9)


def test_the_same_rows_give_the_same_curve():
    rows = table("binary", 0.4)
    found = aged(rows, "binary", most_rows=500)
    assert found == aged(rows, "binary", most_rows=500)
    assert {each.rows for each in found.scores} == {500}
