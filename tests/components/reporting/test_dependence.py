import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from components.reporting.dependence import dependence


def test_a_number_is_drawn_against_its_values_and_a_category_by_name(given):
    assert dependence(given.explanation, "age").header == ("age", "mean contribution")
    kinds = dependence(given.explanation, "relationship")
    names = set(given.explanation.X["relationship"].astype(str))
    assert {row[0] for row in kinds.rows} == names


def test_the_mean_contribution_of_a_category_is_exact(given):
    explanation = given.explanation
    first = dependence(explanation, "relationship").rows[0]
    values = explanation.values[:, list(explanation.names).index("relationship")]
    mean = values[(explanation.X["relationship"] == first[0]).to_numpy()].mean()
    assert float(first[1].replace("−", "-")) == pytest.approx(mean, abs=0.0005)


def test_missing_numbers_are_left_out_of_the_plot(given):
    X = given.explanation.X.copy()
    X.loc[X.index[:50], "age"] = np.nan
    figure = dependence(replace(given.explanation, X=X), "age")
    assert "nan" not in figure.svg.lower()


def test_means_of_a_number_are_means_of_its_rows(given):
    explanation = given.explanation
    constant = replace(explanation, values=np.full_like(explanation.values, 0.25))
    assert {row[1] for row in dependence(constant, "age").rows} == {"+0.250"}


def test_yes_or_no_is_false_and_true(given):
    names = {row[0] for row in dependence(given.explanation, "foreign_born").rows}
    assert names == {"false", "true"}


def test_two_other_numbers_keep_their_values(given):
    X = given.explanation.X.assign(foreign_born=given.explanation.X["foreign_born"] + 1)
    X.loc[X.index[0], "foreign_born"] = np.nan
    names = {row[0] for row in dependence(replace(given.explanation, X=X), "foreign_born").rows}
    assert names == {"1", "2", "missing"}


def test_dates_are_drawn_in_years_and_told_by_the_month(given):
    X = given.explanation.X.copy()
    X["age"] = pd.Timestamp("2011-01-01") + pd.to_timedelta(X["age"] * 30, "D")
    X.loc[X.index[:9], "age"] = pd.NaT
    figure = dependence(replace(given.explanation, X=X), "age")
    assert all(re.fullmatch(r"201\d-(0\d|1[0-2])", row[0]) for row in figure.rows)
    assert "2,01" not in figure.svg
    assert "nan" not in figure.svg.lower()
