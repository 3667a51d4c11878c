"""One label a prediction: late, twice, contradicting, unknown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from components.errors import DataError
from components.monitoring.labels import Joined, Observed, Settled, joined, labels_finding, observed, strange
from components.monitoring.labels import settled as settled_of

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


def settled(given: pl.LazyFrame, *, until: datetime, of: str = "abc") -> Settled:
    return settled_of(given, until=until, of=log(*of))


def finding(found: Joined):
    return labels_finding(found, allowed_missing=0.5, allowed_unknown=0.01)


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
    assert (told(found), found.empty) == ({"c": True}, 1)


def test_labels_of_other_predictions_do_not_count():
    """Whatever is wrong with the labels of other windows, the account of this one is silent about it."""
    given = labels(
        ("a", True, 1), ("x", True, 1), ("x", False, 1), ("y", True, 1), ("y", False, 2), ("y", False, 3), ("z", None, 1)
    )  # fmt: skip
    found = settled(given, until=UNTIL, of="a")
    assert (told(found), found.contradictory, found.revised, found.twice, found.empty) == (
        {"a": True},
        0,
        0,
        0,
        0,
    )
    assert not finding(joined(log("a"), found)).alarm
    loud = settled(given, until=UNTIL, of="xyz")
    assert (loud.contradictory, loud.revised, loud.twice, loud.empty) == (1, 1, 1, 1)
    assert finding(joined(log(*"xyz"), loud)).alarm


def test_labels_are_joined_by_id_and_what_is_missing_is_counted():
    found = joined(log("a", "b", "c", "d"), settled(labels(("a", True, 1), ("z", True, 1)), until=UNTIL))
    assert found.rows["prediction_id"].to_list() == ["a"]
    assert found.missing_fraction == 0.75
    said = finding(found)
    assert said.alarm
    assert said.low < 0.75 < said.high


def test_labels_that_came_in_the_window_are_counted_by_what_they_are_for():
    given = labels(("a", True, 1), ("late", True, 2), ("no", True, 2), (None, True, 2), ("no", True, 40))
    strangers = strange(given, log("a"), DAY, UNTIL)
    assert sorted(strangers["prediction_id"]) == ["late", "no"]
    lost = strangers.filter(pl.col("prediction_id") == "no")
    assert observed(given, strangers, lost, DAY, UNTIL) == Observed(4, unknown=1, elsewhere=1, nameless=1)
    assert observed(given, strangers, lost, DAY, DAY + timedelta(days=2)).unknown == 0


@pytest.mark.parametrize(("unknown", "elsewhere", "alarm"), [(0, 900, False), (5, 0, False), (100, 0, True)])
def test_labels_for_unknown_predictions_alarm_by_their_share_and_those_of_other_logs_never(
    unknown, elsewhere, alarm
):
    found = joined(log("a"), settled(labels(("a", True, 1)), until=UNTIL), Observed(1000, unknown, elsewhere))
    assert finding(found).alarm == alarm
    assert (
        f"{unknown:,} are for unknown predictions (1% is allowed), {elsewhere:,} for those of other logs"
        in finding(found).reason
    )


def test_what_was_asked_again_under_its_id_gets_its_label_each_time():
    found = joined(log("a", "a"), settled(labels(("a", True, 1)), until=UNTIL))
    assert (found.rows.height, found.repeated) == (2, 0)


def test_labels_that_are_no_class_count_for_nothing_and_alarm():
    rows = settled(labels(("a", True, 1), ("b", True, 1), ("c", False, 1)), until=UNTIL)
    found = replace(joined(log("a", "b", "c"), rows), unreadable=1)
    assert (found.labelled, found.missing_fraction) == (2, pytest.approx(1 / 3))
    said = labels_finding(found, allowed_missing=0.5, allowed_unknown=0.01, expected="true, false")
    assert said.alarm
    assert "2 of 3 predictions have a label" in said.reason
    assert "1 labels are not what y_true is (true, false), and count for nothing." in said.reason


def test_where_a_bundle_does_not_tell_its_classes_that_is_said():
    found = joined(log("a"), settled(labels(("a", True, 1)), until=UNTIL))
    assert "does not tell which values the target has" in finding(found).reason
    said = labels_finding(found, allowed_missing=0.5, allowed_unknown=0.01, expected="true, false")
    assert not said.alarm
    assert "does not tell" not in said.reason


def test_ids_that_different_predictions_bear_get_no_label_and_are_told():
    rows = log("same:0", "same:0", "b", "b", "c").with_columns(
        age=pl.Series([40, 41, 30, 30, None], dtype=pl.Int64),
        served_at=pl.Series([DAY + timedelta(minutes=minute) for minute in range(5)]),
    )
    given = labels(("same:0", True, 1), ("b", True, 1), ("c", False, 1))
    found = joined(rows, settled_of(given, until=UNTIL, of=rows))
    assert found.rows["prediction_id"].to_list() == ["b", "b", "c"]
    assert (found.repeated, found.missing_fraction) == (2, 0.4)
    said = finding(found)
    assert said.alarm
    assert "2 predictions bear ids that different ones bear too" in said.reason


@pytest.mark.parametrize(
    "moment", ["2016-01-02T00:00:00Z", "2016-01-02T01:00:00+01:00", "2016-01-02T00:00:00"]
)
def test_times_are_read_as_text_too(moment):
    given = pl.LazyFrame({"prediction_id": ["a"], "y_true": ["true"], "observed_at": [moment]})
    assert told(settled(given, until=DAY + timedelta(days=2))) == {"a": "true"}
    assert told(settled(given, until=DAY + timedelta(days=1))) == {}


def asked(bundle_id: str, day: int, age: int, y_score: float) -> pl.LazyFrame:
    return pl.LazyFrame(
        {"prediction_id": ["1:0"], "served_at": [DAY + timedelta(days=day)], "bundle_id": [bundle_id], "variant": ["champion"],
         "age": [age], "y_score": [y_score]}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("other", "repeated"),
    [
        (asked("a", 1, 41, 0.5), True),
        (asked("b", 1, 41, 0.5), True),
        (asked("a", 1, 40, 0.6), True),
        (asked("a", 1, 40, 0.5), False),
        (asked("b", 1, 40, 0.6), False),
    ],
    ids=[
        "another row",
        "another row of another model",
        "another answer",
        "a retry",
        "a retry after a promotion",
    ],
)
def test_an_id_that_is_used_again_in_another_window_gets_no_label(other, repeated):
    rows = asked("a", 0, 40, 0.5)
    given = settled_of(labels(("1:0", True, 1), ("1:0", False, 2)), until=UNTIL, of=rows)
    found = joined(rows, given, known=pl.concat([rows, other]))
    assert (found.repeated, found.rows.height) == ((1, 0) if repeated else (0, 1))
    assert finding(found).alarm == repeated
    assert joined(rows, given).repeated == 0


def test_a_table_without_ids_is_refused():
    with pytest.raises(DataError, match="prediction_id"):
        settled(pl.LazyFrame({"y_true": [True]}), until=UNTIL)
