"""How a source spells its values."""

import polars as pl
import pytest

from components.data.spelling import Spelling, respelled
from components.errors import ConfigError


def test_what_stands_for_nothing_is_missing_in_texts_and_in_numbers() -> None:
    table = pl.DataFrame({"text": ["-999.0", "1", " ? ", "x"], "number": [1.5, -999.0, 3.0, None]})
    read = respelled(table, Spelling(missing={"text": ["-999", "?"], "number": ["-999"]}))
    assert read["text"].to_list() == [None, "1", None, "x"]
    assert read["number"].to_list() == [1.5, None, 3.0, None]


@pytest.mark.parametrize(
    ("form", "texts", "numbers"),
    [
        ("1,234.5", ["$1,234.50", "12 %", "-3"], ["1234.50", "12", "-3"]),
        ("1.234,5", ["1.234,50 €", "0,5", "7"], ["1234.50", "0.5", "7"]),
    ],
)
def test_numbers_are_read_in_either_form(form: str, texts: list[str], numbers: list[str]) -> None:
    assert respelled(pl.DataFrame({"n": texts}), Spelling(numbers={"n": form}))["n"].to_list() == numbers


def test_what_is_no_number_stays_so_that_its_row_can_be_set_aside() -> None:
    assert respelled(pl.DataFrame({"n": ["1,5", "tall"]}), Spelling(numbers={"n": "1.234,5"}))[
        "n"
    ].to_list() == ["1.5", "tall"]


def test_dates_are_read_in_their_form() -> None:
    read = respelled(pl.DataFrame({"d": ["31/12/2020", None]}), Spelling(dates={"d": "%d/%m/%Y"}))["d"]
    assert read.dtype == pl.Datetime("us")
    assert str(read[0]) == "2020-12-31 00:00:00"


def test_what_is_no_date_stays() -> None:
    read = respelled(pl.DataFrame({"d": ["31/12/2020", "soon"]}), Spelling(dates={"d": "%d/%m/%Y"}))["d"]
    assert read[1] == "soon"
    assert read[0].startswith("2020-12-31")


def test_dropped_columns_are_not_taken_in() -> None:
    spelling = Spelling(drop=["name", "gone before"])
    assert respelled(pl.DataFrame({"a": [1], "name": ["Ada"]}), spelling).columns == ["a"]


def test_a_column_that_the_contract_does_not_have_is_named() -> None:
    with pytest.raises(ConfigError, match="'agee'"):
        Spelling(missing={"agee": ["?"]}).require_known(["age"])


@pytest.mark.parametrize(
    ("spelling", "said"),
    [
        (Spelling(numbers={"a": "1 234"}), "1,234.5"),
        (Spelling(dates={"a": "%d/%Q"}), "form of dates"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(spelling: Spelling, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        respelled(pl.DataFrame({"a": ["1"]}), spelling)
