"""Columns that name people."""

import polars as pl
import pytest

from components.data.adopt.look import look
from components.data.adopt.personal import luhn, personal


def found(name: str, values: list[str]) -> str:
    return personal(look(pl.Series(name, values)))


CARDS = ["4111 1111 1111 1111", "5500005555555559", "378282246310005", "6011-1111-1111-1117"]
"""Numbers that payment companies publish for tests."""


@pytest.mark.parametrize(
    ("name", "values", "what"),
    [
        ("contact", [f"p{n}@example.org" for n in range(40)], "e-mail"),
        ("column_7", [f"{n:03}-{n % 90 + 10}-{n:04}" for n in range(100, 140)], "social security"),
        ("paid_with", CARDS * 10, "card"),
        ("reach", [f"+1 617 555 {n:04}" for n in range(40)], "phone"),
        ("mobile", [f"0171 55{n:05}" for n in range(40)], "phone"),
        ("last_name", [f"Name{n} Other" for n in range(40)], "names of people"),
        ("Name", [f"Name{n} Other" for n in range(40)], "names of people"),
        ("street", [f"{n} High Street" for n in range(40)], "addresses"),
        ("dob", [f"{n:02}/01/1980" for n in range(1, 29)], "dates of birth"),
        ("origin", [f"10.0.0.{n}" for n in range(40)], "IP"),
        ("account", [f"DE{n:02}37040044053201{n:04}" for n in range(10, 50)], "IBAN"),
    ],
)
def test_what_names_people_is_found(name: str, values: list[str], what: str) -> None:
    assert what in found(name, values)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("price", ["12.50", "1300.00", "7"] * 20),
        ("opened", ["2020-01-31", "2021-02-01"] * 20),
        ("amount", [str(4000000000000000 + 7 * n) for n in range(40)]),
        ("product_name", ["chair", "table", "lamp"] * 20),
        ("code", [f"{n:07}" for n in range(40)]),
        ("remark", [f"it came {n} days late" for n in range(40)]),
        ("file_name", [f"part{n}.csv" for n in range(40)]),
    ],
)
def test_what_names_nobody_is_left_alone(name: str, values: list[str]) -> None:
    assert found(name, values) == ""


def test_the_check_digit_of_a_card_is_checked() -> None:
    assert all(luhn(card) for card in CARDS)
    assert not luhn("4111 1111 1111 1112")
