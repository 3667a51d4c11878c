import math

import pytest

from components.reporting.formats import (
    bracketed,
    fixed,
    interval,
    limit,
    moment,
    month,
    number,
    percent,
    sentence,
    shortened,
    signed,
    signed_tick_format,
    size,
    tick_format,
    width_decimals,
    words,
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.78123, "0.781"),
        (-0.0154, "−0.0154"),
        (12.345, "12.3"),
        (50.0, "50"),
        (43348, "43,348"),
        (1234.5, "1,234"),
        (0, "0"),
        (2.2e-16, "2.20 × 10⁻¹⁶"),
        (-3e12, "−3.00 × 10¹²"),
        (math.inf, "∞"),
        (math.nan, "–"),
        (None, "–"),
    ],
)
def test_number_keeps_three_significant_digits(value, written):
    assert number(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.01, "0.01"), (0.35, "0.35"), (20.0, "20"), (100.0, "100"), (1e-6, "1 × 10⁻⁶"), (None, "–")],
)
def test_limit_is_written_as_it_was_configured(value, written):
    assert limit(value) == written


def test_a_rounded_zero_has_no_sign():
    assert (fixed(-0.0001, 3), signed(0.0001, 3), signed(-0.0001, 3)) == ("0.000", "0.000", "0.000")


def test_signed_writes_the_sign_of_both_directions():
    assert (signed(0.0153), signed(-0.0153)) == ("+0.015", "−0.015")


def test_interval_shows_two_digits_of_its_width():
    assert interval(0.7661, 0.7852) == "0.766 to 0.785"
    assert interval(55.2, 79.1) == "55 to 79"
    assert bracketed(0.003, -0.0055, 0.0115) == "0.003 (−0.005 to 0.011)"


@pytest.mark.parametrize(
    ("low", "high", "decimals"), [(0.0, 0.0, 3), (2e-16, 3e-16, None), (-math.inf, 1.0, None)]
)
def test_width_decimals_of_intervals_out_of_the_ordinary(low, high, decimals):
    assert width_decimals(low, high) == decimals


def test_ticks_are_told_apart_with_the_fewest_decimals():
    ticks = [0.0, 0.025, 0.05]
    assert [tick_format(ticks)(tick) for tick in ticks] == ["0.000", "0.025", "0.050"]
    assert tick_format([0.0, 20.0, 40.0])(20.0) == "20"
    assert tick_format([0.6])(0.6) == "0.6"
    assert signed_tick_format([0.0, 0.05])(0.05) == "+0.05"


def test_units_follow_the_size():
    assert [size(value) for value in (0, 999, 1010, 412_345, 5e6, 7e10)] == [
        "0 B",
        "999 B",
        "1.01 kB",
        "412 kB",
        "5 MB",
        "70 GB",
    ]


def test_names_become_words():
    assert (words("roc_auc"), words("balanced_accuracy")) == ("ROC AUC", "balanced accuracy")
    assert (sentence("value per person"), sentence("Ready?"), sentence("")) == (
        "Value per person.",
        "Ready?",
        "",
    )
    assert (shortened("marital_status", 8), shortened("age", 8)) == ("marital…", "age")
    assert percent(0.1234) == "12.3 %"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-11-23T07:10:35+00:00", "23 November 2026, 07:10 UTC"),
        ("2026-01-02T03:04:05", "2 January 2026, 03:04"),
        ("some day", "some day"),
    ],
)
def test_moments_are_read_as_dates(text, written):
    assert moment(text) == written


@pytest.mark.parametrize(
    ("year", "written"), [(2015.0, "2015-01"), (2015.5, "2015-07"), (2015.9999, "2015-12")]
)
def test_a_year_with_its_fraction_is_a_month(year, written):
    assert month(year) == written
