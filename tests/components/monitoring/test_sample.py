"""The sample, trained on 2015: silent on drift, loud on calibration, and a broken column is named."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from components.monitoring import accounts, looking
from components.monitoring.accounts import Account
from components.monitoring.faults import Faults
from components.monitoring.finding import unjudged_kinds
from components.monitoring.labels import joined, settled
from components.monitoring.predictions import Predictions
from components.monitoring.scored import SetAside
from components.monitoring.trial import trial
from components.monitoring.untested import NOT_LOGGED
from tests.components.monitoring.sample import LIMITS, labels, log, logged, model, table, window

YEARS = (2016, 2017, 2018)
LATER = datetime(2020, 1, 1, tzinfo=UTC)


def watched(rows: pl.DataFrame) -> Predictions:
    return Predictions(rows.lazy())


def served(year: int, rows: pl.DataFrame | None = None, damaged: int = 0) -> Account:
    found = Predictions(
        (log(year) if rows is None else rows).lazy(),
        Faults(Counter({window(year).start.timestamp(): damaged})),
    )
    return looking.served(found, window(year), model(), "production", LIMITS, [])


def labelled(year: int, given: pl.DataFrame, rows: pl.DataFrame | None = None) -> Account:
    found = watched(log(year) if rows is None else rows)
    within = found.within(window(year).start, window(year).end, model().bundle_id)
    settled_labels = settled(given.lazy(), until=LATER, of=within)
    trials = trial(found, given.lazy(), LATER, window(year), model())
    return looking.labelled(
        joined(within, settled_labels), window(year), model(), "production", LIMITS, trials=trials, before=[]
    )


def alarms(account: Account, *kinds: str) -> list[str]:
    return [each.key for each in account.findings if each.alarm and (not kinds or each.kind in kinds)]


@pytest.mark.parametrize("year", YEARS)
def test_before_labels_the_years_after_are_quiet(year):
    account = served(year)
    assert alarms(account) == []
    drifts = {each["column"]: each for each in account.details["drift"]}
    assert {"age", "relationship", "sex", "y_score", "y_pred"} <= set(drifts)
    assert max(each["psi"] for each in drifts.values()) < 0.05
    assert account.details["unwatched"] == []


@pytest.mark.parametrize("year", YEARS)
def test_once_labels_are_there_calibration_alarms_in_every_year(year):
    account = labelled(year, labels(year))
    assert "calibration in the large" in alarms(account)
    assert alarms(account, "performance", "utility", "labels") == []
    gap = account.details["calibration"]["in_the_large"][""]
    assert gap["low"] > 0


def test_the_estimate_before_labels_holds_what_labels_say():
    for year in YEARS:
        promised = served(year).details["estimate"]
        known = labelled(year, labels(year)).details["metric"]
        assert promised["believed"]
        assert promised["metric"]["low"] - 0.01 <= known["value"] <= promised["metric"]["high"] + 0.01


@pytest.mark.parametrize(
    ("column", "broken"),
    [
        ("education", pl.lit(None, dtype=pl.Int64)),
        ("age", pl.col("age") * 12),
        ("marital_status", pl.col("marital_status").cast(pl.String).replace({"married": "divorced", "divorced": "never_married", "never_married": "married"})),
        ("marital_status", pl.col("marital_status").cast(pl.String).replace({"married": "never_married", "never_married": "married"})),
    ],
    ids=["all missing", "unit changed", "categories rotated", "frequent categories swapped"],
)  # fmt: skip
def test_a_broken_column_is_named(column, broken):
    account = served(2016, log(2016).with_columns(broken.alias(column)))
    named = {each.subject.split(":")[0] for each in account.findings if each.alarm and each.kind in ("drift", "association", "missing", "contract", "categories")}  # fmt: skip
    assert named == {column}
    assert not account.details["estimate"]["believed"]


@pytest.mark.parametrize(("share", "alarmed"), [(0.2, True), (0.0001, False)])
def test_rows_that_batch_scoring_set_aside_count_as_breaking_the_contract(share, alarmed):
    rows = log(2016)
    many = max(1, int(rows.height * share))
    aside = SetAside(window(2016).start, model().bundle_id, many, {("age", "below 13"): many})
    others = SetAside(window(2017).start, model().bundle_id, many, {("age", "above 90"): many})
    found = Predictions(rows.lazy(), set_aside=(aside, others))
    account = looking.served(found, window(2016), model(), "production", LIMITS, [])
    assert alarms(account) == (["contract age: below 13"] if alarmed else [])
    (told,) = [each for each in account.findings if each.kind == "contract"]
    assert f"{many:,} of {rows.height + many:,} rows break the contract in age (below 13)" in told.reason
    assert (account.rows, account.details["refused"]) == (rows.height, many)


def test_another_score_than_the_program_gives_is_skew():
    altered = log(2016).with_columns(
        pl.when(pl.int_range(pl.len()) % 50 == 0).then(0.5).otherwise("y_score").alias("y_score")
    )
    account = served(2016, altered)
    assert "skew" in alarms(account)
    assert not account.details["estimate"]["believed"]
    assert "skew" not in alarms(served(2016))


def test_a_log_without_a_feature_says_that_skew_cannot_be_told():
    account = served(2016, log(2016).drop("age"))
    (skew,) = [each for each in account.findings if each.kind == "skew"]
    assert not skew.judged
    assert "age" in skew.reason
    assert account.details["unwatched"] == ["age"]


def test_an_empty_window_is_an_alarm_and_nothing_else_is_said():
    account = served(2016, log(2016).clear())
    assert alarms(account) == ["volume"]
    assert account.rows == 0
    nothing = looking.served(Predictions.none(), window(2016), model(), "production", LIMITS, [])
    assert alarms(nothing) == ["volume"]


def test_an_empty_log_with_labels_has_an_account_without_rows():
    account = labelled(2016, labels(2016), Predictions.none().rows.collect())
    assert (account.rows, account.details["predicted"], account.details["trials"]) == (0, 0, {})


def test_a_window_of_few_rows_is_not_judged():
    account = served(2016, log(2016).head(20))
    assert [each.judged for each in account.findings if each.kind == "volume"] == [False]
    assert unjudged_kinds(account.findings) == ["drift", "association"]
    assert "20 rows; 200 are wanted" in next(e for e in account.findings if e.kind == "drift").reason
    after = labelled(2016, labels(2016).head(150))
    assert (alarms(after), after.rows) == (["labels"], 150)
    assert unjudged_kinds(after.findings) == ["calibration", "performance", "utility", "fairness"]


def test_columns_that_the_log_lacks_are_told_and_leave_the_estimate_unbelieved():
    account = served(2016, log(2016).head(1000).drop("education", "age", "sex"))
    told = {each.kind: each.reason for each in account.findings if each.subject == NOT_LOGGED}
    assert "age, education are not in the log" in told["drift"]
    assert "sex is not in the log" in told["missing"]
    assert not account.details["estimate"]["believed"]
    apart = served(2016, log(2016).head(1000).drop("sex"))
    assert apart.details["estimate"]["conditions"][0]["holds"]
    (fair,) = [
        each
        for each in labelled(2016, labels(2016), log(2016).head(1000).drop("sex")).findings
        if each.key == f"fairness {NOT_LOGGED}"
    ]
    assert fair.reason.startswith("Not judged: sex is not in the log")


def test_one_class_only_leaves_the_metric_unjudged():
    employed = labels(2016).filter("y_true")
    account = labelled(2016, employed)
    (metric,) = [each for each in account.findings if each.kind == "performance"]
    assert not metric.judged
    assert "every class" in metric.reason
    assert account.details["metric"] is None
    assert "calibration in the large" in alarms(account)


def test_labels_that_are_no_class_are_told_and_judge_nothing():
    numbers = labels(2016).with_columns(pl.col("y_true").cast(pl.Int8))
    account = labelled(2016, numbers)
    assert (alarms(account), account.rows) == (["labels"], 0)
    assert account.details["unreadable"] == numbers.height
    assert account.details["missing_fraction"] == 1


def test_no_label_at_all_is_told():
    account = labelled(2016, labels(2016).clear())
    assert alarms(account) == ["labels"]
    assert account.rows == 0


def test_fairness_over_time_has_the_gates_of_training():
    account = labelled(2016, labels(2016))
    judged = [each for each in account.findings if each.kind == "fairness"]
    assert {"Demographic parity difference by sex", "Equalized odds difference by race"} <= {
        e.subject for e in judged
    }
    assert all(each.low is not None and each.low <= each.value <= each.high for each in judged if each.judged)


def test_a_challenger_in_the_shadow_is_compared_on_the_same_rows():
    ours = log(2016).head(3000)
    shadow = ours.with_columns(
        pl.lit("shadow").alias("variant"),
        pl.lit("f" * 64).alias("bundle_id"),
        (1 - pl.col("y_pred")).alias("y_pred"),
    )
    account = labelled(2016, labels(2016), pl.concat([ours, shadow]))
    (trial_,) = [each for each in account.findings if each.kind == "experiment"]
    assert trial_.alarm
    assert trial_.subject == f"shadow {'f' * 12}"
    assert trial_.high < 0
    assert account.details["trials"][trial_.subject]["differences"]["rows"] == 3000


def test_an_account_survives_the_store(tmp_path):
    from components.store import Store

    store, account = Store(str(tmp_path)), served(2016, log(2016).head(500))
    assert accounts.keep(store, account) == accounts.read(store, account.window_id)
    other = served(2016, log(2016).head(300))
    assert accounts.keep(store, other).rows == 500  # the first one stands
    assert [each.window_id for each in accounts.history(store, "production", model().bundle_id, "year")] == [
        account.window_id
    ]


def test_rows_of_another_bundle_or_another_year_do_not_count():
    rows = pl.concat(
        [
            log(2016).head(600),
            log(2017).head(50),
            log(2016).head(70).with_columns(pl.lit("x").alias("bundle_id")),
        ]
    )
    assert served(2016, rows).rows == 600


def test_rows_that_nobody_evaluated_are_judged_the_same_twice():
    rows = logged(table().filter(pl.col("year") == 2016).head(1000), 2016)
    assert served(2016, rows).to_json() == served(2016, rows).to_json()


@pytest.mark.system
def test_windows_without_drift_alarm_no_more_often_than_configured():
    """Small windows of the very year that the model was trained on, labels and all."""
    year = log(2015)
    loud = 0
    for seed in range(20):
        rows = year.sample(700, seed=seed).with_columns(pl.col("served_at").dt.offset_by("1y"))
        told = [*alarms(served(2016, rows), "drift", "missing"), *alarms(labelled(2016, labels(2015).with_columns(pl.col("observed_at") + timedelta(0)), rows), "calibration", "performance")]  # fmt: skip
        loud += bool(told)
    assert loud <= 4  # the 99.9 % quantile of 20 windows at 5 %
