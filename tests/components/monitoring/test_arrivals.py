"""Rows that come in groups, and rows that count differently: judged as at training, or not judged, with the reason."""

from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import binom

from components.monitoring import looking
from components.monitoring.arrivals import design_of, independence, unjudged
from components.monitoring.bins import of_reference
from components.monitoring.calibration import calibration, calibration_findings
from components.monitoring.drift import drift, drift_findings
from components.monitoring.finding import Finding
from components.monitoring.labels import joined, settled
from components.monitoring.predictions import Predictions
from components.monitoring.profile import profile
from components.release.reference import reference
from tests.components.monitoring.sample import LIMITS, labels, log, model, window
from tests.components.monitoring.test_sample import LATER

PEOPLE, EACH, RATE = 100, 10, 0.025
TESTED = {"drift", "association", "missing", "calibration", "performance", "utility", "fairness"}


def of_people(seed: int) -> pl.DataFrame:
    """A thousand calibrated rows of a hundred people, each of whom always has the same outcome."""
    generator = np.random.default_rng(seed)
    person = np.repeat(np.arange(PEOPLE), EACH)
    score = generator.beta(2, 2, PEOPLE)
    y = generator.random(PEOPLE) < score
    weight = np.repeat(generator.uniform(0.5, 2, PEOPLE), EACH)
    return pl.DataFrame({"person": person, "score": score[person], "y": y[person], "weight": weight})


def calibration_alarms(windows: int, group: tuple[str, ...], weight: str = "") -> int:
    loud = 0
    for seed in range(windows):
        rows = of_people(seed)
        design, unknown = design_of(rows, group, weight)
        assert unknown == ""
        found = calibration(
            rows["y"].to_numpy(), rows["score"].to_numpy(), then=None, rate=RATE, design=design
        )
        loud += any(each.alarm for each in calibration_findings(found, alarm=0.003, alarm_decile=0.05))
    return loud


@pytest.mark.parametrize("weight", ["", "weight"])
def test_calibration_of_rows_that_come_in_groups_alarms_no_more_often_than_promised(weight):
    assert calibration_alarms(60, ("person",), weight) <= binom.ppf(0.999, 60, RATE)
    assert calibration_alarms(10, ()) > 7  # what rows that are taken for independent would do


@pytest.mark.parametrize("grouped", [True, False])
def test_drift_of_rows_that_come_in_groups(grouped):
    loud, windows = 0, 40
    for seed in range(windows):
        generator, person = np.random.default_rng(seed), np.repeat(np.arange(PEOPLE), EACH)
        then, now = (pd.DataFrame({"age": generator.normal(40, 12, PEOPLE)[person]}) for _ in range(2))
        told = reference(then, {}, groups=person)
        assert told["units"] == pytest.approx(PEOPLE)
        came = independence(pl.DataFrame({"person": person}).lazy(), ["person"] if grouped else [], 0.1)
        shares, bins = (came.then, came.now), of_reference(told)
        found = drift(
            profile(pl.from_pandas(now).lazy(), bins), bins, rate=0.05, seed=seed, fine=False, shares=shares
        )
        loud += any(each.alarm for each in drift_findings(found, alarm_psi=0.0, rate=0.05))
    assert bool(loud <= binom.ppf(0.999, windows, 0.05)) is grouped


def test_unequal_groups_count_as_fewer():
    rows = pl.DataFrame({"a": [1, 1, 1, 1, 2, 3], "b": ["x"] * 6}).lazy()
    assert independence(rows, ["a", "b"], 0.5).now == pytest.approx((36 / 18) / 6)
    assert independence(rows, [], None) == independence(rows, [], 0.3)


def test_rows_that_name_no_group_stand_each_by_themselves():
    rows = pl.DataFrame({"a": [1, 1, None, None, None], "b": ["x", "x", None, None, "y"]})
    assert independence(rows.lazy(), ["a", "b"], 1.0).now == pytest.approx((25 / 7) / 5)
    assert independence(rows.lazy(), ["a"], 1.0).now == pytest.approx((25 / 7) / 5)
    codes = design_of(rows, ("a", "b"), "")[0].codes
    assert codes is not None
    assert (len(set(codes)), codes[0] == codes[1]) == (4, True)
    empty = pl.DataFrame({"a": pl.Series([None] * 3, dtype=pl.Int64)})
    assert independence(empty.lazy(), ["a"], 1.0).now == 1
    assert design_of(rows.with_columns(a=pl.lit("p")), ("a",), "")[0].codes.tolist() == [0] * 5


def test_what_is_not_in_the_log_is_said_with_what_to_set():
    rows = of_people(1)
    assert "household (data.group) is not in the log" in independence(rows.lazy(), ["household"], 1.0).unknown
    assert "serving.log_columns" in design_of(rows, ("household",), "")[1]
    assert "(data.weight)" in design_of(rows, (), "count")[1]
    assert "train again" in independence(rows.lazy(), ["person"], None).unknown
    assert "every row" in design_of(rows.with_columns(weight=pl.lit(None)), (), "weight")[1]


def test_findings_without_a_judgement_keep_their_numbers():
    given = [Finding("drift", "age", True, "It moved.", 0.3), Finding("log", "", True, "Damaged.")]
    first, second = unjudged(given, ("drift",), "so")
    assert (first.alarm, first.judged, first.value, first.reason) == (
        False,
        False,
        0.3,
        "Not judged: so. It moved.",
    )
    assert second == given[1]
    assert unjudged(given, ("drift",), "") == given


@pytest.mark.parametrize("logged", [True, False])
def test_a_window_with_a_configured_group(logged):
    """Where the column is in the log every test is judged; where it is not, none is, and each says why."""
    watched = replace(model(), group=("household",))
    rows = log(2016).head(3000)
    if logged:
        rows = rows.with_columns((pl.int_range(pl.len()) // 2).alias("household"))
        watched.__dict__["reference"] = {**watched.reference, "units": watched.reference["rows"] / 2}
    served = looking.served(Predictions(rows.lazy()), window(2016), watched, "production", LIMITS, [])
    due = joined(rows.lazy(), settled(labels(2016).lazy(), until=LATER, of=rows.lazy()))
    labelled = looking.labelled(due, window(2016), watched, "production", LIMITS, trials={}, before=[])
    tested = [each for each in (*served.findings, *labelled.findings) if each.kind in TESTED]
    assert {each.kind for each in tested} >= TESTED - {"missing"}
    assert all(each.judged is logged for each in tested)
    assert served.details["estimate"]["believed"] is logged
    if not logged:
        assert all("household (data.group)" in each.reason for each in tested)
