"""Each row has a name of its own, by its key or its place, and a key that comes twice is found in bounded memory."""

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from components.errors import ContractError
from components.scoring import identity
from components.scoring.identity import identities, repeated

texts = st.text(alphabet="ab|\\", max_size=4)


def test_without_a_key_it_is_the_number_of_the_row():
    assert identities(pl.DataFrame({"x": [7, 7, 8]}), (), 40).to_list() == [40, 41, 42]


@pytest.mark.parametrize(
    ("values", "name"),
    [(7, "7"), ("a|b", "a|b"), (1.5, "1.5"), (None, None)],
    ids=["integer", "text", "number", "null"],
)
def test_a_key_of_one_column_is_its_value(values, name):
    assert identities(pl.DataFrame({"id": [values]}), ("id",), 0).to_list() == [name]


def test_a_key_of_which_a_part_is_missing_is_none():
    assert identities(pl.DataFrame({"a": ["x"], "b": [None]}), ("a", "b"), 0).to_list() == [None]


@given(st.lists(st.tuples(texts, texts), min_size=2, max_size=2, unique=True))
@example([("a|b", "c"), ("a", "b|c")])
@example([("a|", "b"), ("a", "|b")])
@example([("\\", "|a"), ("\\|", "a")])
@example([("a\\|b", "c"), ("a\\", "b|c")])
def test_no_two_keys_are_written_alike(keys):
    table = pl.DataFrame(keys, schema=["a", "b"], orient="row")
    assert identities(table, ("a", "b"), 0).n_unique() == 2


@pytest.mark.parametrize("pass_rows", [2, 5, 1000])
def test_names_that_come_more_than_once_are_found_across_batches_and_passes(monkeypatch, pass_rows):
    monkeypatch.setattr(identity, "PASS_ROWS", pass_rows)
    batches = [pl.Series(["a", "b", None]), pl.Series(["c", "a", None]), pl.Series(["d", "b", "a"])]
    assert sorted(repeated(lambda: batches, 9, 9, ["id"])) == ["a", "b"]


def test_none_is_found_where_all_differ():
    assert repeated(lambda: [pl.Series(["a", "b"]), pl.Series(["c"])], 3, 0, ["id"]).to_list() == []


def test_too_many_of_them_are_refused_before_they_are_gathered():
    with pytest.raises(ContractError, match=r"At least 3 of 4 rows have a key \(id\) that others have too"):
        repeated(lambda: [pl.Series(["a", "a"]), pl.Series(["a", "b"])], 4, 2, ["id"])
