import numpy as np
import pandas as pd
import pytest

from components.errors import DataError
from components.validation.groups import bands, groups_of, intersection


def test_a_band_holds_its_lower_edge_and_not_its_upper_one() -> None:
    assert list(bands([17, 18, 24, 25, 64, 65], [18, 25, 65])) == [
        "under 18", "18-24", "18-24", "25-64", "25-64", "65 and over",
    ]  # fmt: skip


def test_bands_of_fractions_say_where_they_end() -> None:
    assert list(bands([1.5, 2.5], [1, 2.5, 4])) == ["1 to under 2.5", "2.5 to under 4"]


def test_a_band_of_one_whole_number_is_called_by_it() -> None:
    assert list(bands([3], [3, 4])) == ["3"]


def test_a_missing_number_has_no_band() -> None:
    assert bands([np.nan, 20.0], [18]).isna().tolist() == [True, False]


@pytest.mark.parametrize("edges", [[], [25, 18], [18, 18]])
def test_edges_must_rise(edges: list[float]) -> None:
    with pytest.raises(DataError, match="each above the last"):
        bands([20], edges)


def test_text_has_no_bands() -> None:
    with pytest.raises(DataError, match="holds text"):
        bands(["20", "young"], [18])


def test_groups_are_those_that_occur_in_order_with_missing_last() -> None:
    groups = groups_of(pd.Series(["b", None, "a", "b"], name="letter", dtype="category"))
    assert (groups.feature, groups.labels, groups.codes.tolist()) == (
        "letter",
        ("a", "b", "missing"),
        [1, 2, 0, 1],
    )


def test_groups_of_bands_stand_in_the_order_of_the_bands() -> None:
    ages = pd.Series(bands([70, 20, 5], [18, 65]), name="age")
    assert groups_of(ages).labels == ("under 18", "18-64", "65 and over")


def test_yes_and_no_are_groups() -> None:
    assert groups_of(pd.Series([True, False, True], name="disability")).labels == ("False", "True")


def test_an_intersection_has_the_pairs_that_occur() -> None:
    sex, race = pd.Series(["f", "m", "m"], name="sex"), pd.Series(["x", "y", "x"], name="race")
    both = intersection(groups_of(sex), groups_of(race))
    assert (both.feature, both.labels) == ("sex × race", ("f × x", "m × x", "m × y"))
    assert both.codes.tolist() == [0, 2, 1]
