from dataclasses import replace

import pandas as pd

from components.reporting.cases import groups
from components.reporting.formats import signed


def test_wrong_and_borderline_rows_have_their_groups(given):
    found = groups(given.explanation, given.class_names)
    assert [group.title for group in found] == ["Most wrong", "Borderline"]
    assert all(group.figures for group in found)


def test_a_case_tells_score_truth_and_what_moved_it(given):
    case = given.explanation.cases.iloc[0]
    figure = groups(given.explanation, given.class_names)[0].figures[0]
    assert f"{case['y_score']:.3f}" in figure.finding
    assert f"“{given.class_names[int(case['y_true'])]}”" in figure.finding
    assert figure.rows[0][0] in figure.finding


def test_every_contribution_is_in_the_numbers(given):
    figure = groups(given.explanation, given.class_names)[0].figures[0]
    assert len(figure.rows) == len(given.explanation.names)
    sizes = [abs(float(row[1].replace("−", "-"))) for row in figure.rows]
    assert sizes == sorted(sizes, reverse=True)


def test_booleans_are_read_as_true_and_false(given):
    figure = groups(given.explanation, given.class_names, {"foreign_born"})[0].figures[0]
    (label,) = (row[0] for row in figure.rows if row[0].startswith("foreign_born"))
    assert label in ("foreign_born = true", "foreign_born = false")


def test_the_bars_of_what_is_not_shown_are_one(given):
    figure = groups(given.explanation, given.class_names)[0].figures[0]
    rest = sum(float(row[1].replace("−", "-")) for row in figure.rows[6:])
    assert f"{len(figure.rows) - 6} others" in figure.svg
    assert signed(rest, 1)[:3] in figure.svg


def _labelled(given, values):
    cases = given.explanation.cases.assign(relationship=values)
    figure = groups(replace(given.explanation, cases=cases), given.class_names)[0].figures[0]
    return next(row[0] for row in figure.rows if row[0].startswith("relationship"))


def test_dates_are_written_as_days_and_long_texts_are_cut(given):
    assert _labelled(given, pd.Timestamp("2015-06-01")) == "relationship = 2015-06-01"
    assert _labelled(given, pd.Timestamp("2015-06-01 08:30")) == "relationship = 2015-06-01 08:30:00"
    label = _labelled(given, "one line\nand another " * 30)
    assert label.startswith("relationship = one line and another one line")
    assert len(label) < 100


def test_a_column_called_like_a_fact_is_read_from_its_own_place(given):
    cases = given.explanation.cases.rename(
        columns={"relationship": "feature_kind", "contribution_relationship": "contribution_kind"}
    )
    names = tuple("kind" if name == "relationship" else name for name in given.explanation.names)
    found = groups(replace(given.explanation, cases=cases, names=names), given.class_names)
    label = next(row[0] for row in found[0].figures[0].rows if row[0].startswith("kind"))
    assert label == f"kind = {cases['feature_kind'].iloc[0]}"
