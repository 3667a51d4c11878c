"""What a column holds, from its values alone."""

import polars as pl
import pytest

from components.data.adopt.__main__ import looked_at
from components.data.adopt.look import Column, look, words_of
from components.errors import DataError


def seen(*values: object) -> Column:
    return look(pl.Series("column", [*values], strict=False))


@pytest.mark.parametrize(
    ("values", "kind", "form"),
    [
        (["1", "2", "30"] * 5, "integer", ""),
        (["1.5", "2", "-3e2"] * 5, "number", ""),
        (["$1,200.50", "12", "3,400"] * 5, "number", "1,234.5"),
        (["1.200,50", "12", "3,4"] * 5, "number", "1.234,5"),
        (["12 %", "3 %", "4.5 %"] * 5, "number", "1,234.5"),
        (["007", "012", "100"] * 5, "category", ""),
        (["yes", "No", "YES"] * 5, "boolean", ""),
        (["T", "F"] * 5, "boolean", ""),
        (["off", "on"] * 5, "boolean", ""),
        (["red", "green"] * 5, "category", ""),
        ([f"a long remark of number {n}" for n in range(9)], "text", ""),
    ],
)
def test_texts_are_taken_as_what_all_of_them_are(values: list[str], kind: str, form: str) -> None:
    column = seen(*values)
    assert (column.kind, column.number_form) == (kind, form)
    assert column.missing == 0


def test_numbers_that_fit_two_forms_are_said_and_read_as_the_rest_of_the_table_is() -> None:
    prices, areas = ["166.803 €", "98.250 €"] * 5, ["65,3", "1.120,5"] * 5
    alone = looked_at(pl.DataFrame({"price": prices}))[0]
    assert (alone.number_form, alone.ambiguous, alone.values[0]) == ("1,234.5", "1.234,5", 166.803)
    price, area = looked_at(pl.DataFrame({"price": prices, "area": areas}))
    assert (price.number_form, price.ambiguous, price.values[0]) == ("1.234,5", "1,234.5", 166803)
    assert (area.number_form, area.ambiguous, area.values[0]) == ("1.234,5", "", 65.3)


@pytest.mark.parametrize(
    ("values", "form", "double"),
    [
        (["2020-01-31", "2021-12-01"], "", ""),
        (["31/01/2020", "01/12/2021"], "%d/%m/%Y", ""),
        (["01/31/2020", "12/01/2021"], "%m/%d/%Y", ""),
        (["01/02/2020", "03/04/2021"], "%d/%m/%Y", "%m/%d/%Y"),
        (["31.01.2020", "1.12.2021"], "%d.%m.%Y", ""),
        (["3 Jan 2020", "14 Feb 2021"], "%d %b %Y", ""),
        (["20200131", "20211201"], "%Y%m%d", ""),
        (["31/01/2020 12:30", "01/12/2021 08:00"], "%d/%m/%Y %H:%M", ""),
    ],
)
def test_dates_are_found_in_their_form_and_an_ambiguous_one_is_said(
    values: list[str], form: str, double: str
) -> None:
    column = seen(*values * 3)
    assert (column.kind, column.date_form, column.ambiguous) == ("datetime", form, double)
    assert column.missing == 0


@pytest.mark.parametrize(
    ("values", "markers", "kind"),
    [
        (["1", "2", "?", "3"] * 5, ("?",), "integer"),
        (["1", "2", "Unknown", "3"] * 5, ("Unknown",), "integer"),
        (["1", "2", "-999", "3"] * 5, ("-999",), "integer"),
        ([1, 2, -999, 3] * 5, ("-999",), "integer"),
        ([1.5, 2.0, 9999.0, 3.0] * 5, ("9999",), "number"),
        (["red", "?", "green"] * 5, ("?",), "category"),
        (["red", "unknown", "green"] * 5, (), "category"),
        (["EU", "NA", "US"] * 5, (), "category"),
        (["red", "NA", "green"] * 5, ("NA",), "category"),
        (["yes", "no", "?"] * 5, ("?",), "boolean"),
        ([1, 2, 99, 98] * 5, (), "integer"),
        ([-9, -8, -7, 3] * 5, (), "integer"),
        (["12/01/2020", "n.a.", "13/01/2020"] * 5, ("n.a.",), "datetime"),
    ],
)
def test_what_stands_for_nothing_is_found_where_it_means_nothing(
    values: list[object], markers: tuple[str, ...], kind: str
) -> None:
    column = seen(*values)
    assert (column.markers, column.kind) == (markers, kind)
    assert (column.missing > 0) == bool(markers)


def test_a_list_is_refused_with_the_column() -> None:
    with pytest.raises(DataError, match="'column'"):
        look(pl.Series("column", [[1], [2]]))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("customerID_2", ["customer", "id", "2"]),
        ("HTTPStatus", ["http", "status"]),
        ("mean radius", ["mean", "radius"]),
    ],
)
def test_names_are_parted_into_words(name: str, words: list[str]) -> None:
    assert words_of(name) == words
