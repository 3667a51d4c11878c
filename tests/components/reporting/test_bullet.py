import re

import pytest

from components.reporting.bullet import WIDTH, bullet
from components.validation.gates import Check


def check(value, interval, threshold, status="passed"):
    return Check("P01", "Primary metric", status, value, interval, threshold, "It is so.")


def place(drawn, pattern):
    return float(re.search(pattern, drawn).group(1))


def test_value_and_limit_stand_in_their_order():
    drawn = bullet(check(0.78, (0.77, 0.79), 0.74))
    assert place(drawn, r'M([\d.]+) 1L[^>]*class="limit"') < place(drawn, r'cx="([\d.]+)"') < WIDTH


def test_the_colour_is_that_of_the_status():
    assert 'class="point failed"' in bullet(check(0.5, None, 0.74, "failed"))


def test_without_a_value_there_is_no_picture():
    assert bullet(check(None, None, None, "not_applicable")) == ""


@pytest.mark.parametrize("value", [0.0, 1e-16, 1e9])
def test_any_magnitude_is_drawn_inside(value):
    drawn = bullet(check(value, (value, value), value))
    assert 0 <= place(drawn, r'cx="([\d.]+)"') <= WIDTH


def test_readers_aloud_are_told_by_the_cell_beside_it():
    assert 'aria-hidden="true"' in bullet(check(0.78, None, 0.74))


def test_a_limit_in_size_stands_on_both_sides_of_zero():
    gap = Check("K01", "Calibration", "failed", -0.01, (-0.029, 0.01), 0.025, "It is so.")
    assert bullet(gap).count('class="limit"') == 2
    assert bullet(check(-0.01, None, 0.025)).count('class="limit"') == 1
