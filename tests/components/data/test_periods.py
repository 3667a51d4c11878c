"""The periods of a table: calendar windows as in monitoring, or steps of a number; about two to eight."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from components.data.periods import periods
from components.errors import DataError
from components.monitoring.windows import window_of


def spread(days: float, count: int = 400, start: datetime = datetime(2015, 1, 1)) -> pl.Series:
    step = timedelta(days=days) / (count - 1)
    return pl.Series("seen", [start + number * step for number in range(count)], dtype=pl.Datetime("us"))


@pytest.mark.parametrize(
    ("days", "length", "count"),
    [
        (4 * 365, "a year", 4),
        (2 * 365 - 1, "3 months", 8),
        (364, "2 months", 6),
        (100, "a month", 4),
        (20, "a week", 4),
        (6, "a day", 6),
        (0.9, "3 hours", 8),
        (0.1, "an hour", 3),
    ],
)
def test_a_table_has_two_to_eight_periods_of_the_calendar(days, length, count):
    found = periods(spread(days))
    assert (found.length, len(found.labels)) == (length, count)
    assert set(found.code) == set(range(count))


@pytest.mark.parametrize(("days", "length"), [(3.5 * 365, "year"), (100, "month"), (20, "week"), (5, "day"), (0.2, "hour")])  # fmt: skip
def test_they_are_the_windows_in_which_a_model_is_watched(days, length):
    times = spread(days, start=datetime(2014, 12, 27, 3, 30))
    found = periods(times)
    assert found.length in (f"a {length}", f"an {length}")
    watched = [window_of(length, moment.replace(tzinfo=UTC)).label for moment in times.to_list()]
    assert [found.labels[code] for code in found.code] == watched


def test_merged_neighbours_say_from_where_to_where():
    assert periods(spread(364)).labels[:2] == ("2015-01 to 2015-02", "2015-03 to 2015-04")


def test_two_moments_a_year_apart_are_two_years():
    found = periods(pl.Series("seen", [datetime(2015, 1, 1), datetime(2016, 1, 1)] * 9))
    assert found.labels == ("2015", "2016")


def test_distinct_numbers_are_periods_and_gaps_count_as_age():
    found = periods(pl.Series("year", [2018, 2015, 2016]))
    assert (found.labels, found.code.tolist()) == (("2015", "2016", "2017", "2018"), [3, 0, 1])
    assert found.length == "a step of 1 in year"


def test_numbers_go_by_their_common_step():
    found = periods(pl.Series("year", [2000.0, 2010.0, 2020.0, 2010.0]))
    assert (found.labels, found.code.tolist()) == (("2000", "2010", "2020"), [0, 1, 2, 1])


def test_many_numbers_are_merged():
    found = periods(pl.Series("week_number", list(range(20))))
    assert (found.labels[0], found.labels[-1], found.length) == ("0 to 2", "18 to 19", "a step of 3 in week_number")  # fmt: skip
    assert len(found.labels) == 7


def test_numbers_that_are_not_whole_are_cut_equally_wide():
    found = periods(pl.Series("since", [0.0, 0.5, 3.9, 4.0, float("inf"), float("nan")]))
    assert found.code.tolist() == [0, 1, 7, 7, -1, -1]
    assert found.labels[0] == "0 to 0.5"


def test_a_row_without_a_time_is_in_no_period():
    assert periods(pl.Series("year", [None, 2015, 2016])).code.tolist() == [-1, 0, 1]


def test_one_period_is_one():
    assert periods(pl.Series("year", [2015] * 9)).labels == ("2015",)
    assert periods(pl.Series("seen", [datetime(2015, 1, 1)] * 9)).labels == ("2015",)
    assert periods(pl.Series("year", [], dtype=pl.Int64)).labels == ()


def test_few_texts_are_periods_in_their_order_and_many_are_none():
    found = periods(pl.Series("term", ["b", "a", "b"], dtype=pl.Categorical))
    assert (found.labels, found.code.tolist()) == (("a", "b"), [1, 0, 1])
    with pytest.raises(DataError, match="'term' holds texts, 9 different"):
        periods(pl.Series("term", list("abcdefghi")))
