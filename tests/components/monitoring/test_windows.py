"""Whole windows in UTC, without gaps."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest

from components.errors import ConfigError
from components.monitoring.windows import window_of, windows

SINCE, UNTIL = datetime(2015, 12, 30, 10, 30, tzinfo=UTC), datetime(2017, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("length", "count", "first", "last"),
    [
        ("year", 1, "2016", "2016"),
        ("month", 14, "2016-01", "2017-02"),
        ("week", 60, "2016-W01", "2017-W08"),
        ("day", 427, "2015-12-31", "2017-03-01"),
        ("hour", 10249, "", ""),
    ],
)
def test_windows_are_whole_and_leave_no_gap(length, count, first, last):
    if length == "hour":
        with pytest.raises(ConfigError, match="windows of one hour"):
            windows(length, SINCE, UNTIL)
        return
    found = windows(length, SINCE, UNTIL)
    assert (len(found), found[0].label, found[-1].label) == (count, first, last)
    assert all(before.end == after.start for before, after in pairwise(found))
    assert found[0].start >= SINCE
    assert found[-1].end <= UNTIL


def test_a_window_that_has_not_ended_is_left_out():
    start = datetime(2016, 1, 1, tzinfo=UTC)
    assert windows("day", start, start + timedelta(hours=23)) == []
    assert len(windows("day", start, start + timedelta(hours=24))) == 1


def test_other_zones_are_read_in_utc():
    moment = datetime(2016, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert window_of("day", moment).label == "2015-12-31"
    assert window_of("hour", moment).label == "2015-12-31T23"
