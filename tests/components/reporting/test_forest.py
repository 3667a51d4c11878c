import re

import pytest

from components.reporting.forest import Panel, Row, forest
from components.validation.metrics import Estimate

ROWS = [
    Row("female", (Estimate(0.4, 0.35, 0.45),), 300, heading="sex"),
    Row("male", (Estimate(0.6, 0.55, 0.65),), 200, heading="sex", mark="worst"),
    Row("<other>", rows=3, heading="race", note="too few"),
]


@pytest.fixture
def figure():
    panel = Panel("rate", reference=(0.5, "all 0.5"), limit=(0.3, "limit 0.3"))
    return forest("f", "Rates", "They differ.", [panel], ROWS, "group")


def xs(figure):
    return [float(x) for x in re.findall(r'M([\d.]+) [\d.]+m[^>]*class="point', figure.svg)]


def test_greater_estimates_lie_further_right(figure):
    left, right = xs(figure)
    assert left < right


def test_the_table_holds_every_row_with_its_group(figure):
    assert figure.header == ("group", "rows", "rate")
    assert figure.rows == (
        ("sex: female", "300", "0.400 (0.350 to 0.450)"),
        ("sex: male", "200", "0.600 (0.550 to 0.650)"),
        ("race: <other>", "3", "too few"),
    )


def test_labels_of_users_are_escaped(figure):
    assert "<other>" not in figure.svg
    assert "&lt;other&gt;" in figure.svg


def test_headings_are_written_once(figure):
    assert figure.svg.count(">sex<") == 1


def test_limit_and_reference_stand_on_the_scale(figure):
    limit, reference = (
        float(re.search(rf'M([\d.]+) [^>]*class="{kind}"', figure.svg).group(1))
        for kind in ("limit", "reference")
    )
    left, right = xs(figure)
    assert limit < left < reference < right


def test_several_panels_stand_side_by_side():
    rows = [Row("a", (Estimate(0.1, 0.0, 0.2), Estimate(0.9, 0.8, 1.0))), Row("b", (None, None))]
    figure = forest("f", "Two", "Both.", [Panel("one", within=(0, 1)), Panel("two", within=(0, 1))], rows)
    first, second = xs(figure)
    assert first < figure.width / 2 < second
    assert figure.rows[1] == ("b", "–", "–")


def test_no_rows_make_an_empty_plot():
    assert forest("f", "None", "Nothing.", [Panel("rate")], []).rows == ()
