import re
from dataclasses import replace

import numpy as np
import pytest

from components.reporting import explained
from components.reporting.formats import fixed


def ranked(explanation):
    return sorted(explanation.importance, key=lambda name: -explanation.importance[name])


def test_importance_is_told_from_the_largest_down(given):
    figure = explained.importance(given.explanation)
    assert [row[0] for row in figure.rows] == ranked(given.explanation)
    assert figure.finding.startswith(", ".join(ranked(given.explanation)[:3]))


def test_bars_are_as_long_as_the_contributions(given):
    widths = [float(w) for w in re.findall(r'width="([\d.]+)"', explained.importance(given.explanation).svg)]
    sizes = sorted(given.explanation.importance.values(), reverse=True)
    assert widths[1] / widths[0] == pytest.approx(sizes[1] / sizes[0], abs=0.01)


def test_the_swarm_has_a_dot_a_row_and_feature(given):
    figure = explained.beeswarm(given.explanation)
    rows = min(len(given.explanation.X), explained.SWARM_ROWS)
    paths = re.findall(r'd="([^"]*)" class="dots', figure.svg)
    assert sum(path.count("M") for path in paths) == rows * min(
        explained.MOST_SWARMS, len(given.explanation.names)
    )


def test_high_values_of_a_number_are_warm_and_categories_grey(given):
    explanation = given.explanation
    age, kind = (explained._share(explanation.X[name]) for name in ("age", "relationship"))
    assert age[np.argmax(explanation.X["age"])] == 1
    assert set(kind) == {0.5}


def test_groups_differ_in_form_as_well_as_in_colour(given):
    figure = explained.by_group(given.explanation, "sex")
    forms = dict(re.findall(r'M[\d.]+ [\d.]+(m[^"]*)" class="point (group\d)"', figure.svg))
    assert len(forms) == len(set(forms.values())) == 2


def test_the_widest_difference_between_groups_is_named(given):
    groups = given.explanation.by_group["sex"]
    spread = {
        name: max(g[name] for g in groups.values()) - min(g[name] for g in groups.values())
        for name in ranked(given.explanation)[:8]
    }
    widest = max(spread, key=lambda name: spread[name])
    finding = explained.by_group(given.explanation, "sex").finding
    assert f"differ most in {widest}, by {fixed(spread[widest])}" in finding


def test_many_groups_are_told_apart(given):
    marks = {(position % 6, explained._shade(position)) for position in range(36)}
    assert len(marks) == 36


def test_a_long_legend_takes_more_lines(given):
    groups = {f"a group with a long name, number {n}": given.explanation.importance for n in range(9)}
    many = explained.by_group(replace(given.explanation, by_group={"kind": groups}), "kind")
    few = explained.by_group(given.explanation, "sex")
    assert many.height > few.height
