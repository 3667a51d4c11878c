"""One label a prediction: late, twice, contradicting, unknown."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from components.errors import DataError
from components.monitoring.labels import joined, labels_finding, settled, unknown_ids

DAY = datetime(2016, 1, 1, tzinfo=UTC)
UNTIL = DAY + timedelta(days=30)


def labels(*said: tuple[str | None, bool | None, int]) -> pl.LazyFrame:
    return pl.LazyFrame(
        [(name, value, DAY + timedelta(days=day)) for name, value, day in said],
        schema={"prediction_id": pl.String, "y_true": pl.Boolean, "observed_at": pl.Datetime("us", "UTC")},
        orient="row",
    )


def log(*ids: str) -> pl.LazyFrame:
    return pl.LazyFrame({"prediction_id": list(ids), "y_score": [0.5] * len(ids)})


def told(found) -> dict[str, bool]:
    return dict(found.labels.collect().iter_rows())


def test_what_is_said_twice_counts_once():
    found = settled(labels(("a", True, 1), ("a", True, 1), ("a", True, 3)), until=UNTIL)
    assert (told(found), found.twice, found.revised, found.contradictory) == ({"a": True}, 2, 0, 0)


def test_the_latest_observed_label_counts():
    found = settled(labels(("a", True, 1), ("a", False, 5)), until=UNTIL)
    assert (told(found), found.twice, found.revised) == ({"a": False}, 0, 1)


def test_labels_that_disagree_at_the_same_moment_count_for_nothing():
    found = settled(labels(("a", True, 1), ("a", False, 1), ("b", True, 1)), until=UNTIL)
    assert (told(found), found.contradictory) == ({"b": True}, 1)


def test_a_later_label_settles_a_contradiction():
    found = settled(labels(("a", True, 1), ("a", False, 1), ("a", True, 2)), until=UNTIL)
    assert (told(found), found.contradictory) == ({"a": True}, 0)


def test_labels_after_the_deadline_are_not_looked_at():
    found = settled(labels(("a", True, 1), ("a", False, 31)), until=UNTIL)
    assert told(found) == {"a": True}


def test_incomplete_labels_are_counted():
    found = settled(labels((None, True, 1), ("b", None, 1), ("c", True, 1)), until=UNTIL)
    assert (told(found), found.empty) == ({"c": True}, 2)


def test_labels_are_joined_by_id_and_what_is_missing_is_counted():
    found = joined(log("a", "b", "c", "d"), settled(labels(("a", True, 1), ("z", True, 1)), until=UNTIL))
    assert found.rows["prediction_id"].to_list() == ["a"]
    assert found.missing_fraction == 0.75
    finding = labels_finding(found, allowed_missing=0.5)
    assert finding.alarm
    assert finding.low < 0.75 < finding.high


def test_labels_for_unknown_predictions_are_counted_and_told():
    given = labels(("a", True, 1), ("z", True, 2), ("z2", True, 40))
    unknown = unknown_ids(given, log("a"), DAY, UNTIL)
    assert unknown == 1
    finding = labels_finding(
        joined(log("a"), settled(given, until=UNTIL), unknown=unknown), allowed_missing=0.5
    )
    assert finding.alarm
    assert "1 are for unknown predictions" in finding.reason


def test_what_was_asked_again_under_its_id_gets_its_label_each_time():
    found = joined(log("a", "a"), settled(labels(("a", True, 1)), until=UNTIL))
    assert (found.rows.height, found.repeated) == (2, 0)


def test_ids_that_different_predictions_bear_get_no_label_and_are_told():
    rows = log("same:0", "same:0", "b", "b", "c").with_columns(
        age=pl.Series([40, 41, 30, 30, None], dtype=pl.Int64),
        served_at=pl.Series([DAY + timedelta(minutes=minute) for minute in range(5)]),
    )
    given = labels(("same:0", True, 1), ("b", True, 1), ("c", False, 1))
    found = joined(rows, settled(given, until=UNTIL))
    assert found.rows["prediction_id"].to_list() == ["b", "b", "c"]
    assert (found.repeated, found.missing_fraction) == (2, 0.4)
    finding = labels_finding(found, allowed_missing=0.5)
    assert finding.alarm
    assert "2 predictions bear ids that different ones bear too" in finding.reason


@pytest.mark.parametrize(
    "moment", ["2016-01-02T00:00:00Z", "2016-01-02T01:00:00+01:00", "2016-01-02T00:00:00"]
)
def test_times_are_read_as_text_too(moment):
    given = pl.LazyFrame({"prediction_id": ["a"], "y_true": ["true"], "observed_at": [moment]})
    assert told(settled(given, until=DAY + timedelta(days=2))) == {"a": "true"}
    assert told(settled(given, until=DAY + timedelta(days=1))) == {}


def test_a_table_without_ids_is_refused():
    with pytest.raises(DataError, match="prediction_id"):
        settled(pl.LazyFrame({"y_true": [True]}), until=UNTIL)
