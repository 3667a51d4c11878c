"""A table is taken in by shards: each row's verdict is the contract's, none is lost, and drift is refused."""

import json
import math
from typing import Any

import polars as pl
import pytest

from components.data import snapshot, source
from components.data.contract import ColumnRule, Contract
from components.data.intake import Period
from components.data.source import Taken
from components.data.spelling import Spelling
from components.errors import ConfigError, ContractError, DataError
from components.scoring import intake, shards
from components.scoring.asked import Asked

FOLDER = "incoming/ScoreFlow/1"


def of(bundle, **others: Any) -> Asked:
    return Asked.of_bundle(json.loads(bundle.files["contract.json"]), **others)


def take_in(table, asked, store, rows: int = 400, most: float = 0.1):
    return intake.take_in(
        Taken(table.lazy()), asked, shard_rows=rows, most_refused_fraction=most, folder=FOLDER, store=store
    )


def everything(incoming, store) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of all shards that hold, and those that do not."""
    pairs = [shards.fetched(FOLDER, shard, store) for shard in incoming.shards]
    good, bad = (
        pl.concat([pl.DataFrame(), *(pair[side] for pair in pairs if pair[side] is not None)], how="diagonal")
        for side in (0, 1)
    )
    return good, bad


def spoiled(people: pl.DataFrame, rows: list[int], column: str = "age", value: Any = 7) -> pl.DataFrame:
    where = pl.int_range(people.height).is_in(rows)
    return people.with_columns(
        pl.when(where).then(pl.lit(value)).otherwise(column).cast(people[column].dtype).alias(column)
    )


def test_every_row_is_there_in_its_order_with_its_number(bundle, people, store):
    incoming = take_in(people, of(bundle), store)
    good, _ = everything(incoming, store)
    assert [shard.rows for shard in incoming.shards] == [400, 400, 400, 300]
    assert good["prediction_id"].to_list() == list(range(1500))
    assert good.drop("prediction_id").equals(
        people.select(good.columns[1:]).with_columns(pl.col("age", "education").cast(pl.Int64))
    )


def test_only_inputs_are_taken_and_optional_ones_where_they_are(bundle, people, store):
    good, _ = everything(take_in(people, of(bundle), store), store)
    assert "employed" not in good.columns
    assert "sex" in good.columns
    without = take_in(people.drop("sex", "employed"), of(bundle), store)
    assert "sex" not in everything(without, store)[0].columns


def test_the_version_is_that_of_the_rows_whatever_the_shards_and_the_format(bundle, people, store, tmp_path):
    whole = take_in(people, of(bundle), store)
    good, _ = everything(whole, store)
    small = take_in(people, of(bundle), store, rows=77)
    assert whole.data_version == small.data_version == snapshot.content_version(good.drop("prediction_id"))
    people.write_csv(tmp_path / "people.csv")
    written = intake.take_in(
        source.take(str(tmp_path / "people.csv")),
        of(bundle),
        shard_rows=400,
        most_refused_fraction=0,
        folder=FOLDER,
        store=store,
    )
    assert (written.data_version, written.order) == (whole.data_version, whole.order)


def test_another_order_is_the_same_version_and_another_order(bundle, people, store):
    one, other = (take_in(table, of(bundle), store) for table in (people, people.reverse()))
    assert one.data_version == other.data_version
    assert one.order != other.order


def test_bad_rows_are_set_aside_with_every_reason_and_as_they_were_found(bundle, people, store):
    table = spoiled(spoiled(people, [3, 500]), [500, 1499], "marital_status", None)
    incoming = take_in(table, of(bundle), store)
    good, bad = everything(incoming, store)
    assert (incoming.rows, incoming.refused, good.height) == (1497, 3, 1497)
    assert dict(bad.select("prediction_id", "reasons").iter_rows()) == {
        "3": "age: below 13",
        "500": "age: below 13; marital_status: missing",
        "1499": "marital_status: missing",
    }
    assert bad["age"].to_list()[:2] == ["7", "7"]
    told = {(each.column, each.rule): (each.rows, each.example) for each in incoming.violations}
    assert told == {("age", "below 13"): (2, "7"), ("marital_status", "missing"): (2, "nothing")}


def test_a_shard_of_bad_rows_alone_has_no_good_ones(bundle, people, store):
    incoming = take_in(spoiled(people.head(20), [0, 1]), of(bundle), store, rows=2)
    assert (incoming.shards[0].rows, incoming.shards[0].refused) == (0, 2)
    assert shards.fetched(FOLDER, incoming.shards[0], store)[0] is None


def test_a_table_that_has_drifted_is_refused_with_the_account_and_its_bad_rows_are_kept(
    bundle, people, store
):
    with pytest.raises(ContractError) as refused:
        take_in(spoiled(people, list(range(300))), of(bundle), store)
    told = str(refused.value)
    assert "300 of the 400 rows that were looked at break it (75.00%); at most 10.00% of all may" in told
    assert "age: below 13 in 300 rows, such as 7" in told
    assert pl.read_parquet(store.url(f"{FOLDER}/refused-00000.parquet")).height == 300


def test_few_bad_rows_at_first_are_no_drift(bundle, people, store):
    assert take_in(spoiled(people, list(range(140))), of(bundle), store, rows=200).refused == 140


def test_a_column_of_another_type_is_refused(bundle, people, store):
    with pytest.raises(ContractError, match="age: not of type integer in 400 rows, such as 'old'"):
        take_in(people.with_columns(age=pl.lit("old")), of(bundle), store)


@pytest.mark.parametrize(
    "values", [pl.lit([1, 2]), pl.struct(pl.lit(1)), pl.lit(b"\xff\x00")], ids=["lists", "structs", "bytes"]
)
def test_a_column_of_no_plain_values_is_refused(bundle, people, store, values):
    with pytest.raises(ContractError, match="age: not of type integer"):
        take_in(people.with_columns(age=values), of(bundle), store)


def test_a_missing_column_is_refused_by_name(bundle, people, store):
    with pytest.raises(
        ContractError, match="The table has no column age, education, and so it cannot be scored"
    ):
        take_in(people.drop("age", "education"), of(bundle), store)


def test_an_empty_table_is_refused(bundle, people, store):
    with pytest.raises(DataError, match="The table is empty"):
        take_in(people.clear(), of(bundle), store)


@pytest.mark.parametrize("name", ["prediction_id", "y_score", "reasons", "bundle_id"])
def test_an_input_that_is_called_what_the_scores_need_is_refused(name, store):
    asked = Asked(Contract((ColumnRule(name, "integer"),)), reserved=("y_score", "y_pred"))
    with pytest.raises(ConfigError, match=f"\\['{name}'\\] are called what the scores need"):
        take_in(pl.DataFrame({name: [1]}), asked, store)


def test_infinite_numbers_are_set_aside(store):
    asked = Asked(Contract((ColumnRule("x", "number", nullable=True),)))
    table = pl.DataFrame({"x": [1.0, math.inf, -math.inf, math.nan, None]})
    incoming = take_in(table, asked, store, most=1)
    good, bad = everything(incoming, store)
    assert good["x"].to_list() == [1.0, None, None]
    assert bad["reasons"].to_list() == ["x: infinite"] * 2


# --- periods -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stored", [pl.Int64, pl.String, pl.Int16], ids=str)
def test_rows_of_a_period_keep_the_numbers_they_have_in_the_table(bundle, people, store, stored):
    table = people.with_columns(pl.col("year").cast(stored))
    incoming = take_in(table, of(bundle, period=Period("year", "2016", "2017")), store)
    good, _ = everything(incoming, store)
    wanted = people.with_row_index().filter(pl.col("year").is_between(2016, 2017))
    assert good["prediction_id"].to_list() == wanted["index"].to_list()
    assert "year" not in good.columns


def test_days_are_whole(store):
    asked = Asked(Contract((ColumnRule("x", "integer"),)), period=Period("at", "2016-01-02", "2016-01-03"))
    days = ["2016-01-01T23:59:59", "2016-01-02", "2016-01-03T23:59:59", "2016-01-04"]
    good, _ = everything(take_in(pl.DataFrame({"x": [0, 1, 2, 3], "at": days}), asked, store), store)
    assert good["x"].to_list() == [1, 2]


def test_rows_without_a_readable_time_are_set_aside_where_one_is_asked_for(store):
    asked = Asked(Contract((ColumnRule("x", "integer"),)), period=Period("at", "2016", "2016"))
    table = pl.DataFrame({"x": [0, 1, 2, 3], "at": ["2015", None, "soon", "2016"]})
    good, bad = everything(take_in(table, asked, store, most=1), store)
    assert good["x"].to_list() == [3]
    assert dict(bad.select("prediction_id", "reasons").iter_rows()) == {
        "1": "at: missing",
        "2": "at: not of type integer",
    }


def test_a_time_that_is_an_input_must_be_known_too_where_a_period_is_asked_for(store):
    asked = Asked(Contract((ColumnRule("at", "integer", nullable=True),)), period=Period("at", "2016", ""))
    table = pl.DataFrame({"at": [2015, None, 2016]})
    good, bad = everything(take_in(table, asked, store, most=1), store)
    assert (good["at"].to_list(), bad["reasons"].to_list()) == ([2016], ["at: missing"])


def test_a_period_without_rows_is_refused(bundle, people, store):
    with pytest.raises(DataError, match="No row of the table has 'year' from 2030 to the end"):
        take_in(people, of(bundle, period=Period("year", "2030", "")), store)


def test_an_end_that_is_no_value_of_the_column_is_refused(bundle, people, store):
    with pytest.raises(ConfigError, match="'soon', which is no integer"):
        take_in(people, of(bundle, period=Period("year", "soon", "")), store)


# --- keys ----------------------------------------------------------------------------------------------------------
def test_rows_are_named_by_their_key_and_the_key_is_no_input(bundle, people, store):
    table = people.with_columns(person=pl.format("p{}", pl.int_range(people.height)))
    good, _ = everything(take_in(table, of(bundle, key=("person",)), store), store)
    assert good["prediction_id"].to_list()[:2] == ["p0", "p1"]
    assert "person" not in good.columns


def test_of_rows_that_share_a_key_all_are_set_aside_also_across_shards(bundle, people, store):
    person = [f"p{n}" for n in range(1500)]
    person[1400] = person[3]
    person[7] = None
    incoming = take_in(people.with_columns(person=pl.Series(person)), of(bundle, key=("person",)), store)
    _, bad = everything(incoming, store)
    assert bad.select("prediction_id", "reasons").rows() == [
        ("p3", "person: repeated key"),
        (None, "person: missing"),
        ("p3", "person: repeated key"),
    ]


def test_a_key_may_come_again_in_another_period(bundle, people, store):
    table = people.sort("year").with_columns(person=pl.int_range(pl.len()).over("year"))
    asked = of(bundle, key=("person",), period=Period("year", "2016", "2016"))
    assert take_in(table, asked, store).refused == 0
    with pytest.raises(ContractError, match="have a key"):
        take_in(table, of(bundle, key=("person",)), store)


def test_a_table_without_the_key_is_refused(bundle, people, store):
    with pytest.raises(ContractError, match=r"no column person.*config\.toml for the rest"):
        take_in(people, of(bundle, key=("person",)), store)


# --- spelling ------------------------------------------------------------------------------------------------------
def test_the_sources_spelling_is_read(store):
    asked = Asked(
        Contract((ColumnRule("x", "number", nullable=True), ColumnRule("day", "datetime"))),
        spelling=Spelling((), {"x": ("-999",)}, {"x": "1,234.5"}, {"day": "%d/%m/%Y"}),
    )
    table = pl.DataFrame({"x": ["1,234.50", "-999"], "day": ["31/01/2026", "01/02/2026"]})
    good, _ = everything(take_in(table, asked, store), store)
    assert good["x"].to_list() == [1234.5, None]
    assert good["day"].dt.strftime("%Y-%m-%d").to_list() == ["2026-01-31", "2026-02-01"]


# --- the store -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("harm", ["altered", "missing"])
def test_a_waiting_shard_that_was_touched_is_refused(bundle, people, store, harm):
    incoming = take_in(people, of(bundle), store)
    name = shards.waiting(FOLDER, 1)[0]
    store.write(name, store.read(name)[:-1] + b"?") if harm == "altered" else store.remove(name)
    with pytest.raises(DataError, match=r"rows-00001\.parquet in the store (is missing|was altered)"):
        shards.fetched(FOLDER, incoming.shards[1], store)
