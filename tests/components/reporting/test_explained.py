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
    figure = explained.beeswarm(given.explanation, most=3)
    rows = min(len(given.explanation.X), explained.SWARM_ROWS)
    paths = re.findall(r'd="([^"]*)" class="dots', figure.svg)
    assert sum(path.count("M") for path in paths) == 3 * rows


def test_high_values_of_a_number_are_warm_and_categories_grey(given):
    explanation = given.explanation
    age, kind = (explained._share(explanation.X[name]) for name in ("age", "relationship"))
    assert age[np.argmax(explanation.X["age"])] == 1
    assert set(kind) == {0.5}


def test_a_number_is_drawn_against_its_values_and_a_category_by_name(given):
    assert "<circle" not in explained.dependence(given.explanation, "age").svg
    kinds = explained.dependence(given.explanation, "relationship")
    names = set(given.explanation.X["relationship"].astype(str))
    assert {row[0] for row in kinds.rows} == names


def test_the_mean_contribution_of_a_category_is_exact(given):
    explanation = given.explanation
    first = explained.dependence(explanation, "relationship").rows[0]
    values = explanation.values[:, list(explanation.names).index("relationship")]
    mean = values[(explanation.X["relationship"] == first[0]).to_numpy()].mean()
    assert float(first[1].replace("−", "-")) == pytest.approx(mean, abs=0.005)


def test_missing_numbers_are_left_out_of_the_plot(given):
    X = given.explanation.X.copy()
    X.loc[X.index[:50], "age"] = np.nan
    figure = explained.dependence(replace(given.explanation, X=X), "age")
    assert "nan" not in figure.svg.lower()


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
