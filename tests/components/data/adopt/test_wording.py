"""Free text, many categories and names are told apart by what comes again and how long it is."""

import numpy as np
import polars as pl
import pytest

from components.data.adopt.account import account
from components.data.adopt.findings import Wishes
from components.data.adopt.look import Column, look
from components.data.adopt.plan import Plan, plan
from components.data.adopt.wording import average_words, wording
from components.data.checks import check
from tests.components.films import films

FILMS = films()
TABLE = pl.from_pandas(FILMS.table.astype({"title": object})).with_columns(
    pl.Series("late", np.where(FILMS.y == 1, "yes", "no"))
)


def seen(values: list[str]) -> Column:
    return look(pl.Series("it", values))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([f"shop {row % 400}" for row in range(1200)], "categories"),
        ([f"{row % 300:05} in the town of Hadley" for row in range(900)], "categories"),
        ([f"in case {row % 300} she wrote to us once more" for row in range(900)], "prose"),
        ([f"it came {row} days late" for row in range(900)], "prose"),
        ([f"AB-{row:x}" for row in range(900)], "names"),
        ([f"Ada{row} Byron" for row in range(900)], "names"),
    ],
)
def test_texts_are_told_apart(values: list[str], kind: str) -> None:
    assert wording(seen(values)) == kind


def test_words_are_counted_in_what_differs() -> None:
    assert average_words(seen([f"one two {row}" for row in range(300)])) == 3


def planned(**wishes: tuple[str, ...]) -> Plan:
    return plan([look(TABLE[name]) for name in TABLE.columns], Wishes("late", **wishes))


def test_real_titles_genres_and_dates_become_features() -> None:
    found = planned()
    assert {"title", "genres", "kind", "released", "premiered"} <= set(found.named("feature"))
    types = found.contract.types
    assert (types["title"], types["genres"], types["released"]) == ("text", "category", "datetime")


def test_many_categories_may_be_joined_by_new_ones() -> None:
    contract = planned().contract
    assert contract.column("genres").categories is None
    assert contract.column("kind").categories is not None
    new = TABLE.with_columns(genres=pl.lit("Silent|Slapstick"))
    assert not check(new, contract, target="late").violations


def test_the_account_says_what_is_made_of_texts_dates_and_many_categories() -> None:
    told = account(planned(), "films", [])
    assert "743 categories: target encoding" in told
    assert "TF-IDF of words and pairs" in told
    assert "year, month, day, day of the week, hour, days since 1970; 1.7% missing" in told
    assert "day of the week, days since 1970; 19.5% missing" in told
    flat = " ".join(told.split())
    assert "title: Does it name people" in flat
    assert "premiered: Is it known when the prediction is made?" in flat


def test_a_text_that_gives_the_target_away_is_left_out() -> None:
    leaking = TABLE.with_columns(
        note=pl.format(
            "case {} was {} by us",
            pl.int_range(pl.len()),
            pl.when(late="yes").then(pl.lit("approved")).otherwise(pl.lit("closed")),
        )
    )
    found = plan([look(leaking[name]) for name in leaking.columns], Wishes("late"))
    assert "note" in found.named("left out")


def test_what_the_person_drops_is_dropped() -> None:
    assert "title" in planned(drop=("title",)).named("dropped")
