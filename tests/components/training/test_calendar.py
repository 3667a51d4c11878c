import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.training import calendar
from components.training.features import Columns, inputs

FIRST, LAST = (pd.Timestamp(text).timestamp() for text in ("1677-09-22", "2262-04-11"))
EDGES = (
    "1677-09-22 00:00:00", "1899-12-31 23:59:59", "1900-02-28 12:00:00", "1900-03-01", "1969-12-31 23:59:59",
    "1970-01-01", "2000-02-29 23:59:59", "2000-03-01", "2023-12-31 23:59:59", "2024-02-29", "2100-02-28", "2262-04-10",
)  # fmt: skip


def assert_as_in_pandas(moments: pd.DatetimeIndex) -> None:
    dates = inputs(pd.DataFrame({"date": moments}), Columns((), (), ("date",)))
    found = calendar.parts(dates["date"].to_numpy())
    for name in ("year", "month", "day", "day_of_week", "hour"):
        np.testing.assert_array_equal(found[name], getattr(moments, name), err_msg=name)
    days = (moments - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
    np.testing.assert_allclose(found["days"], days, rtol=1e-15, atol=1e-15)


def test_every_day_of_six_centuries_is_parted_as_in_pandas():
    assert_as_in_pandas(pd.date_range("1677-09-22", "2262-04-10", freq="D"))


@pytest.mark.parametrize("moment", EDGES)
def test_leap_days_and_turns_of_years_are_parted_as_in_pandas(moment):
    assert_as_in_pandas(pd.DatetimeIndex([moment]))


@given(st.lists(st.integers(int(FIRST * 1e6), int(LAST * 1e6)), min_size=1, max_size=50))
def test_any_microsecond_is_parted_as_in_pandas(microseconds):
    assert_as_in_pandas(pd.DatetimeIndex(np.array(microseconds, dtype="datetime64[us]")))


def test_the_last_microsecond_of_a_day_is_of_that_day():
    (day,) = calendar.parts(np.array([-1e-6]))["day"]
    assert day == 31


def test_december_lies_beside_january_on_the_circle():
    sine, cosine = calendar.circle("month_sin"), calendar.circle("month_cos")
    steps = np.hypot(np.diff(sine, append=sine[0]), np.diff(cosine, append=cosine[0]))
    np.testing.assert_allclose(steps, steps[0])


def test_months_are_counted_from_one_and_hours_from_nought():
    plain = calendar.parts(np.array([0.0]))
    assert [calendar.position(f"{name}_sin", plain)[0] for name in ("month", "hour", "day_of_week")] == [
        0,
        0,
        3,
    ]
