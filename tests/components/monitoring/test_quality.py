"""Whether the rows of a window are sound."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

from components.monitoring.bins import Counts, of_reference
from components.monitoring.profile import Profile, profile
from components.monitoring.quality import (
    Violations,
    category_findings,
    contract_findings,
    freshness_finding,
    log_findings,
    missing_findings,
    violations,
    volume_finding,
)
from components.monitoring.windows import window_of
from components.release.reference import reference

CONTRACT = {
    "features": [
        {"name": "age", "type": "integer", "nullable": False, "minimum": 18, "maximum": 64, "categories": None},
        {"name": "kind", "type": "category", "nullable": True, "minimum": None, "maximum": None, "categories": ["a", "b"]},
    ],
    "optional": [{"name": "sex", "type": "category", "nullable": False, "minimum": None, "maximum": None, "categories": ["f", "m"]}],
}  # fmt: skip
WINDOW = window_of("day", datetime(2016, 3, 4, tzinfo=UTC))


def test_every_broken_rule_is_counted_by_column():
    rows = pl.LazyFrame({"age": [17, 18, 64, 65, None], "kind": ["a", "c", None, "a", "b"]})
    assert violations(rows, CONTRACT).rows == {
        ("age", "missing"): 1, ("age", "too small"): 1, ("age", "too large"): 1, ("kind", "unknown category"): 1,
    }  # fmt: skip


def test_rows_as_the_contract_wants_them_break_nothing():
    assert (
        violations(pl.LazyFrame({"age": [18.0, 64.0], "kind": ["a", None], "sex": ["f", "m"]}), CONTRACT).rows
        == {}
    )
    assert violations(pl.LazyFrame({"other": [1]}), CONTRACT).rows == {}


@pytest.mark.parametrize(("broken", "alarm"), [(1, False), (300, True)])
def test_a_rule_that_many_rows_break_alarms(broken, alarm):
    rows = pl.LazyFrame({"age": [12] * broken + [30] * (10_000 - broken)})
    (finding,) = contract_findings(violations(rows, CONTRACT), 10_000, rate=0.001, allowed=0.001)
    assert finding.alarm is alarm
    assert finding.low < finding.value < finding.high


def test_rows_that_break_rules_as_often_as_allowed_alarm_no_more_often_than_promised():
    """Thirty rules, each broken by as many rows as are allowed: at 95 % each, more than half of the windows alarmed."""
    generator, windows, rate, loud = np.random.default_rng(1), 400, 0.05, 0
    for broken in generator.binomial(5000, 0.01, (windows, 30)):
        found = Violations({("column", str(n)): int(count) for n, count in enumerate(broken)}, 30)
        loud += any(each.alarm for each in contract_findings(found, 5000, rate=rate, allowed=0.01))
    assert loud <= binom.ppf(0.999, windows, rate)


def test_new_categories_as_frequent_as_allowed_alarm_no_more_often_than_promised():
    generator, windows, rate, loud = np.random.default_rng(1), 200, 0.05, 0
    names = [f"kind_{n}" for n in range(20)]
    known = of_reference({"features": {name: {"kind": "category", "counts": {"a": 99}, "other": 0, "missing": 0} for name in names}})  # fmt: skip
    for new in generator.binomial(5000, 0.01, (windows, len(names))):
        counts = {
            name: Counts(np.array([5000.0 - n]), np.zeros(1), 0, int(n), (("b", int(n)),))
            for name, n in zip(names, new, strict=True)
        }
        loud += any(
            each.alarm for each in category_findings(Profile(5000, counts), known, rate=rate, allowed=0.01)
        )
    assert loud <= binom.ppf(0.999, windows, rate)


def bins(missing: int):
    rows = pl.DataFrame({"age": [None] * missing + [30.0] * (1000 - missing), "kind": ["a", "b"] * 500})
    return of_reference(reference(rows.to_pandas(), {}))


@pytest.mark.parametrize(
    ("then", "now", "alarm"),
    [(0, 0, False), (0, 200, True), (200, 205, False), (200, 0, False), (0, 3, False)],
)
def test_missing_values_alarm_where_they_are_more_than_at_training(then, now, alarm):
    known = bins(then)
    rows = pl.LazyFrame({"age": [None] * now + [30.0] * (1000 - now)}, schema={"age": pl.Float64})
    found = missing_findings(profile(rows, known), known, rate=0.01, allowed=0.02)
    assert any(each.alarm for each in found) is alarm


def test_new_categories_are_named():
    known = bins(0)
    rows = pl.LazyFrame({"kind": ["a"] * 900 + ["new"] * 99 + ["rare"]})
    (finding,) = category_findings(profile(rows, known), known, rate=0.001, allowed=0.001)
    assert finding.alarm
    assert "'new' (99), 'rare' (1)" in finding.reason


@pytest.mark.parametrize(
    ("rows", "before", "alarm", "judged"),
    [(0, [], True, True), (50, [], False, False), (900, [], False, True), (900, [1000] * 3, False, True),
     (200, [1000] * 3, True, True), (4000, [1000] * 3, True, True)],
)  # fmt: skip
def test_volume(rows, before, alarm, judged):
    finding = volume_finding(rows, before, least=200, factor=3.0)
    assert (finding.alarm, finding.judged) == (alarm, judged)


@pytest.mark.parametrize(("hour", "alarm"), [(23, False), (11, True)])
def test_a_silent_end_of_a_window_alarms(hour, alarm):
    assert freshness_finding(WINDOW.start + timedelta(hours=hour), WINDOW, silent_fraction=0.5).alarm is alarm


def test_a_damaged_log_and_jumping_clocks_are_told():
    damaged, clock = log_findings(2, 3, 1)
    assert (damaged.alarm, clock.alarm) == (True, True)
    assert not any(each.alarm for each in log_findings(0, 0, 0))
