import itertools
import math

import pytest
from markupsafe import Markup

from components.reporting.svg import Frame, Scale, domain, dots, element, mark, text, trace


def test_element_escapes_children_and_attributes():
    drawn = element("text", "<script>", title='"><b>')
    assert drawn == '<text title="&#34;&gt;&lt;b&gt;">&lt;script&gt;</text>'


def test_element_leaves_markup_as_it_is_and_skips_what_is_none():
    assert element("g", Markup("<path/>"), class_="a", id=None) == '<g class="a"><path/></g>'


def test_text_of_a_user_cannot_close_its_element():
    assert "</text><script" not in text(0, 0, "</text><script>alert(1)</script>")


def test_scale_maps_both_ends_and_holds_what_lies_outside():
    scale = Scale(0.5, 1.0, 100, 300)
    assert [scale(value) for value in (0.5, 0.75, 1.0, 2.0, -1.0)] == [100, 200, 300, 300, 100]


def test_scale_of_a_single_value_does_not_divide_by_zero():
    assert Scale(1.0, 1.0, 0, 10)(1.0) == 0


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.003, 0.05), (0.64, 0.91), (-431.2, 78.0), (0, 1e-6)])
def test_ticks_are_round_even_and_inside(low, high):
    ticks = Scale(low, high, 0, 100).ticks()
    steps = [b - a for a, b in itertools.pairwise(ticks)]
    assert 3 <= len(ticks) <= 7
    assert all(low - 1e-12 <= tick <= high + 1e-12 for tick in ticks)
    assert max(steps) == pytest.approx(min(steps))


@pytest.mark.parametrize("low", [0.33, 0.42, 0.49, 0.55])
@pytest.mark.parametrize("width", [0.36, 0.21, 0.11])
def test_a_narrow_scale_has_two_ticks_and_not_many(low, width):
    assert 2 <= len(Scale(low, low + width, 0, 100).ticks(3)) <= 5


def test_domain_leaves_a_margin_and_ignores_what_is_not_finite():
    assert domain([0.0, 1.0, math.nan, math.inf], margin=0.1) == pytest.approx((-0.1, 1.1))
    assert domain([]) == (0.0, 1.0)
    low, high = domain([5.0])
    assert low < 5.0 < high


def test_dots_are_one_path():
    assert dots([1, 2.25], [3, 4], "model") == '<path d="M1 3h0M2.2 4h0" class="dots model"></path>'


def test_trace_has_no_needless_digits():
    assert trace([0.0, 1.04], [-0.01, 2.0]) == "M0 0L1 2"


def test_marks_of_different_series_differ_in_form():
    forms = {mark(index, 0, 0, "model", "x") for index in range(6)}
    assert len(forms) == 6


def test_grid_labels_its_ticks_alike():
    drawn = Frame(Scale(0, 1, 0, 100), Scale(0, 0.5, 100, 0)).grid("share", "rate")
    assert all(f">{tick}</text>" in drawn for tick in ("0.2", "1.0", "share", "rate"))
