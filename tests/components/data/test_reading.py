from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from components.data.contract import STORED_AS, ColumnType
from components.data.reading import known, read_as

NAN = float("nan")
NEW_YORK = ZoneInfo("America/New_York")
MOMENT = datetime(2016, 2, 29, 12, 30)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["42", " 42 ", "42.0", "-7", "1e3"], "integer", [42, 42, 42, -7, 1000]),
        (["4.5", "a", "99999999999999999999", "inf"], "integer", [None] * 4),
        ([42.0, -0.0, NAN, None], "integer", [42, 0, None, None]),
        ([4.5, 1e300], "integer", [None, None]),
        ([Decimal("2.00"), Decimal("2.50")], "integer", [2, None]),
        ([True, False], "integer", [None, None]),
        (["1.5", "-2", "1e-3", "x"], "number", [1.5, -2.0, 0.001, None]),
        ([1, None], "number", [1.0, None]),
        ([Decimal("0.10")], "number", [0.1]),
        ([True], "number", [None]),
        (["True", "FALSE", "t", "no", "1", "2"], "boolean", [True, False, True, False, True, None]),
        ([1, 0, 2, None], "boolean", [True, False, None, None]),
        ([1.0, 0.5], "boolean", [True, None]),
        (["a", " b", "", None], "category", ["a", " b", None, None]),
        ([1, 2], "category", ["1", "2"]),
        ([1.0, 2.5, NAN], "category", ["1", None, None]),
        ([True, None], "text", ["true", None]),
        ([date(2016, 2, 29)], "text", [None]),
        ([date(2016, 2, 29)], "datetime", [datetime(2016, 2, 29)]),
        ([datetime(2016, 2, 29, 7, 30, tzinfo=NEW_YORK)], "datetime", [MOMENT]),
        (["2016-02-29", "2016-02-29 12:30"], "datetime", [datetime(2016, 2, 29), MOMENT]),
        (
            ["2016-02-29T12:30:00", "2016-02-29 12:30:00.5"],
            "datetime",
            [MOMENT, MOMENT.replace(microsecond=500_000)],
        ),
        (["2016-02-29T12:30:00Z", "2016-02-29T14:30:00+02:00"], "datetime", [MOMENT, MOMENT]),
        (["2015-02-29", "29.2.2016", "soon"], "datetime", [None] * 3),
        ([2016], "datetime", [None]),
        ([None, None], "category", [None, None]),
        ([[1], [2]], "number", [None, None]),
    ],
)
def test_values_are_read_as(values: list[Any], kind: ColumnType, expected: list[Any]) -> None:
    read = read_as(known(pl.Series("column", values), kind), kind)
    assert read.dtype == STORED_AS[kind]
    assert read.to_list() == expected


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["1", "b"])])
def test_categories_are_read_like_texts(dtype: pl.DataType) -> None:
    assert read_as(known(pl.Series(["1", "b", None], dtype=dtype), "integer"), "integer").to_list() == [
        1,
        None,
        None,
    ]


@pytest.mark.parametrize("word", ["", " ", "NaN", "null", "None", "NA", "n/a"])
def test_words_for_nothing_are_missing_where_no_text_is_wanted(word: str) -> None:
    assert known(pl.Series(["1", word]), "integer").to_list() == ["1", None]


def test_words_for_nothing_are_texts_where_texts_are_wanted() -> None:
    assert known(pl.Series(["null", "NA", ""]), "category").to_list() == ["null", "NA", None]


def test_nan_is_missing() -> None:
    assert known(pl.Series([1.0, NAN, None]), "number").to_list() == [1.0, None, None]


def test_what_is_stored_as_wanted_is_left_alone() -> None:
    values = pl.Series([1, None], dtype=pl.Int64)
    assert read_as(known(values, "integer"), "integer") is values
