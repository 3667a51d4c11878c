"""A table parted into what was known and what came later: years, months, days; and what is refused."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from components.errors import DataError
from components.loop.periods import parted


def years(**counts: int) -> pl.DataFrame:
    """A table with so many rows of each year."""
    return pl.DataFrame({"year": [int(name[1:]) for name, count in counts.items() for _ in range(count)]})


def daily(days: int, start: datetime = datetime(2026, 1, 1)) -> pl.DataFrame:
    """Ten rows of every day."""
    times = [start + timedelta(days=day, hours=hour) for day in range(days) for hour in range(10)]
    return pl.DataFrame({"seen": pl.Series(times, dtype=pl.Datetime("us"))})


def part(table, time="year", kind="integer", since="", until="", least_rows=5):
    return parted(table, time, kind, since=since, until=until, least_rows=least_rows)


def labels(periods) -> list[str]:
    return [each.window.label for each in periods]


def test_the_years_after_until_come_later():
    table = years(y2014=9, y2015=9, y2016=7, y2017=8, y2018=9)
    past, length, later = part(table, since="2015", until="2015")
    assert (past.rows.height, past.until, length) == (9, "2015", "year")
    assert labels(later) == ["2016", "2017", "2018"]
    assert [each.rows.height for each in later] == [7, 8, 9]
    assert later[0].window.start == datetime(2016, 1, 1, tzinfo=UTC)


def test_at_most_three_periods_are_lived_through():
    later = part(years(**{f"y{year}": 9 for year in range(2010, 2020)}), until="2010")[2]
    assert labels(later) == ["2011", "2012", "2013"]


def test_where_all_is_known_the_last_periods_are_held_back():
    past, _, later = part(years(y2015=9, y2016=9, y2017=9, y2018=9))
    assert (past.until, labels(later)) == ("2015", ["2016", "2017", "2018"])
    past, _, later = part(years(y2016=9, y2017=9, y2018=9))
    assert (past.until, labels(later)) == ("2016", ["2017", "2018"])


def test_the_longest_periods_of_which_there_are_two_are_taken():
    past, length, later = part(daily(100), "seen", "datetime", until="2026-01-31")
    assert (length, labels(later)) == ("month", ["2026-02", "2026-03", "2026-04"])
    assert past.until == "2026-01-31 09:00:00"
    past, length, later = part(daily(20), "seen", "datetime", until="2026-01-05")
    assert (length, labels(later)) == ("week", ["2026-W03", "2026-W04"][: len(later)]) or length == "day"


def test_a_period_that_began_before_until_is_none():
    later = part(daily(100), "seen", "datetime", until="2026-02-10")[2]
    assert labels(later)[0] == "2026-03"


def test_periods_of_too_few_rows_are_left_out():
    later = part(years(y2015=9, y2016=9, y2017=2, y2018=9), until="2015")[2]
    assert labels(later) == ["2016", "2018"]


def test_nothing_of_the_later_periods_is_known_at_first():
    past, _, later = part(daily(100), "seen", "datetime")
    assert past.rows["seen"].max() < later[0].rows["seen"].min()


@pytest.mark.parametrize(
    ("table", "time", "kind", "said"),
    [
        (years(y2015=9, y2016=9), "year", "integer", "do not reach far enough"),
        (years(y2015=9, y2016=3, y2017=3), "year", "integer", "do not reach far enough"),
        (pl.DataFrame({"year": [0, 20150101]}), "year", "integer", "wants dates, times or years"),
        (pl.DataFrame({"year": ["spring", "summer"]}), "year", "category", "wants dates, times or years"),
    ],
    ids=["one year only", "years of few rows", "numbers that are no years", "words"],
)
def test_what_cannot_be_lived_through_is_refused(table, time, kind, said):
    with pytest.raises(DataError, match=said):
        part(table, time, kind, until="" if kind == "category" else "2015")
