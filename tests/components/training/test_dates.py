import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from components.training.dates import DateParts
from components.training.features import Columns, inputs

DAYS = pd.date_range("2014-11-03", periods=400, freq="37h")


def seconds(**columns: object) -> pd.DataFrame:
    """Dates as the model's input has them."""
    return inputs(pd.DataFrame(columns), Columns((), (), tuple(columns)))


@pytest.fixture
def dated() -> pd.DataFrame:
    """A day of signing up, one of renewal that a third of the rows lack, and one that none has."""
    renewed = pd.Series(DAYS.normalize() + pd.Timedelta(days=30)).mask(np.arange(len(DAYS)) % 3 == 0)
    return seconds(signup=DAYS, renewal=renewed, never=pd.Series([pd.NaT] * len(DAYS)))


def named(parts: DateParts, X: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(parts.transform(X), columns=parts.get_feature_names_out())


def test_a_date_comes_apart_into_the_calendars_parts(dated):
    parts = named(DateParts().fit(dated), dated)
    for name in ("year", "month", "day", "day_of_week", "hour"):
        np.testing.assert_array_equal(parts[f"signup_{name}"], getattr(DAYS, name))


def test_hours_are_given_only_where_rows_have_times_of_day(dated):
    names = DateParts().fit(dated).get_feature_names_out()
    assert "signup_hour" in names
    assert "renewal_hour" not in names


def test_a_part_that_never_changes_in_training_is_left_out():
    X = seconds(day=pd.date_range("2015-03-01", "2015-03-20"))
    assert DateParts().fit(X).get_feature_names_out().tolist() == ["day_day", "day_day_of_week", "day_days"]


def test_the_days_between_two_dates_are_given(dated):
    parts = named(DateParts().fit(dated), dated)
    expected = (dated["renewal"] - dated["signup"]) / 86400
    np.testing.assert_array_equal(parts["signup_days_to_renewal"], expected)


@pytest.mark.parametrize(("columns", "pairs"), [(1, 0), (2, 1), (4, 6), (5, 0)])
def test_few_dates_are_paired_and_many_are_not(columns, pairs):
    generator = np.random.default_rng(0)
    X = seconds(
        **{f"d{n}": DAYS + pd.to_timedelta(generator.integers(0, 999, 400), "D") for n in range(columns)}
    )
    names = DateParts().fit(X).get_feature_names_out()
    assert sum("days_to" in name for name in names) == pairs


def test_parts_of_a_missing_date_are_missing_where_the_model_reads_gaps(dated):
    parts = named(DateParts().fit(dated), dated)
    np.testing.assert_array_equal(parts["renewal_month"].isna(), dated["renewal"].isna())
    assert not any(name.startswith("never") or name.endswith("_missing") for name in parts)


def test_a_missing_date_is_filled_and_marked_where_the_model_reads_none(dated):
    parts = DateParts(fill=True).fit(dated[:300])
    later = named(parts, dated[300:])
    assert np.isfinite(later.to_numpy()).all()
    np.testing.assert_array_equal(later["renewal_missing"], dated["renewal"][300:].isna())
    known = (dated["renewal"][:300] / 86400).median()
    assert set(later.loc[later["renewal_missing"] == 1, "renewal_days"]) == {known}


def test_parts_that_come_round_again_may_be_given_on_a_circle(dated):
    parts = named(DateParts(cyclic=True).fit(dated), dated)
    np.testing.assert_allclose(
        parts["signup_month_sin"], np.sin(2 * np.pi * (DAYS.month - 1) / 12), atol=1e-15
    )
    np.testing.assert_allclose(parts["signup_hour_cos"], np.cos(2 * np.pi * DAYS.hour / 24), atol=1e-15)
    assert "signup_month" not in parts


@pytest.mark.parametrize("fill", [False, True])
def test_a_table_whose_only_date_is_never_known_keeps_a_column(fill):
    X = seconds(never=pd.Series([pd.NaT] * 30))
    parts = named(DateParts(fill=fill).fit(X), X)
    assert parts["never_days"].tolist() == [0.0] * 30


def test_nothing_is_learned_from_rows_that_are_transformed(dated):
    parts = DateParts(fill=True).fit(dated[:300])
    before = parts.transform(dated[:5])
    parts.transform(dated[300:].assign(signup=9e9))
    np.testing.assert_array_equal(parts.transform(dated[:5]), before)


def test_it_can_be_cloned():
    assert clone(DateParts(cyclic=True, fill=True)).get_params() == {"cyclic": True, "fill": True}
