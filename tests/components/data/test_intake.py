"""From source to snapshot: the period, what is set aside, and what does not fit the configuration."""

from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from components.data import schema, snapshot, source
from components.data.intake import Period, Purpose, require_positive, take_in
from components.data.spelling import Spelling, respelled
from components.errors import ConfigError, ContractError, DataError
from components.store import Store

PURPOSE = Purpose("paid", "true", weight="")
ROWS = 200


@pytest.fixture
def table():
    return pl.DataFrame({
        "week": [1 + n % 20 for n in range(ROWS)],
        "at": [datetime(2026, 1, 1 + n % 20, 12) for n in range(ROWS)],
        "amount": [float(n % 17) for n in range(ROWS)],
        "share": [0.5 + n % 3 for n in range(ROWS)],
        "paid": [n % 3 == 0 for n in range(ROWS)],
    })  # fmt: skip


@pytest.fixture
def take(table, tmp_path):
    contract = schema.infer(table)

    def taken(rows=table, *, form="parquet", contract=contract, allowed=0.5, **options):
        path = tmp_path / f"table.{form}"
        getattr(rows, f"write_{form}")(path)
        usual = {"period": Period(), "purpose": PURPOSE, "named": "the table", "contract": contract}
        return take_in(
            str(path),
            **{
                **usual,
                "max_quarantined_fraction": allowed,
                "store": Store(str(tmp_path / "store")),
                **options,
            },
        )

    return taken


def nullable(contract, name):
    rules = (replace(rule, nullable=True) if rule.name == name else rule for rule in contract.columns)
    return replace(contract, columns=tuple(rules))


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize(
    ("period", "rows"),
    [
        (Period("week", "2", "5"), 40),
        (Period("week", "19"), 20),
        (Period("week", until="10"), 100),
        (Period("at", "2026-01-02", "2026-01-05"), 40),
        (Period("at", "2026-01-02T13:00", "2026-01-05T11:00"), 20),
        (Period("amount", "16"), 11),
        (Period("at", "2026-01-02", day="2026-01-05"), 40),
        (Period("week", day="10"), 100),
    ],
)
def test_a_period_means_the_same_rows_whatever_the_form(take, form, period, rows):
    assert take(form=form, period=period).snapshot.rows == rows


@pytest.mark.parametrize(("kind", "rows"), [(pl.Int64, 150), (pl.Float64, 150), (pl.Int16, 150)])
def test_of_years_a_day_means_its_whole_year(take, table, kind, rows):
    years = table.with_columns(year=(2014 + pl.int_range(pl.len()) % 4).cast(kind))
    contract = schema.infer(years)
    assert take(years, contract=contract, period=Period("year", day="2016-03-31")).snapshot.rows == rows
    assert (
        take(years, contract=contract, period=Period("year", "2015", day="2016-12-31")).snapshot.rows == 100
    )


def test_a_year_that_is_none_does_not_keep_the_others_from_being_years(take, table):
    years = table.with_columns(year=2014 + pl.int_range(pl.len()) % 4)
    contract = schema.infer(years)
    wrong = years.with_columns(year=pl.when(pl.col("week") == 1).then(-999).otherwise("year"))
    taken = take(wrong, contract=contract, period=Period("year", day="2016-03-31"))
    assert (taken.quarantined_rows, taken.snapshot.rows) == (10, 145 - 5)


@pytest.mark.parametrize(("first", "step"), [(201601, 1), (1_459_468_799, 86_400), (1, 1), (16.0, 0.25)])
def test_of_numbers_that_are_no_years_no_day_is_the_end(take, table, first, step):
    times = table.with_columns(moment=first + step * (pl.int_range(pl.len()) % 12))
    with pytest.raises(ConfigError, match=r"until 2016-03-31, but data.time is 'moment', .* no years"):
        take(times, contract=schema.infer(times), period=Period("moment", day="2016-03-31"))


def test_a_period_has_one_data_version_whatever_the_form(take):
    versions = {
        take(form=form, period=Period("week", "2", "5")).snapshot.version for form in ("parquet", "csv")
    }
    assert len(versions) == 1


def test_rows_without_a_time_are_set_aside_and_counted(take, table):
    contract = nullable(schema.infer(table), "week")
    gaps = table.with_columns(pl.when(pl.int_range(ROWS) >= 20).then("week").alias("week"))
    taken = take(gaps, contract=contract, period=Period("week", "1", "20"))
    assert (taken.source_rows, taken.quarantined_rows) == (ROWS, 20)
    assert [(each.column, each.rule) for each in taken.violations] == [("week", "missing")]


@pytest.mark.parametrize(
    ("period", "sentence"),
    [
        (Period("month", "1"), "data.time is 'month'"),
        (Period("week", "spring"), "data.since is 'spring', which is no integer"),
        (Period("at", until="soon"), "data.until is 'soon', which is no datetime"),
    ],
)
def test_a_period_that_does_not_fit_is_refused(take, period, sentence):
    with pytest.raises(ConfigError, match=sentence):
        take(period=period)


def test_an_empty_period_is_refused(take):
    with pytest.raises(DataError, match="from 21 to the end"):
        take(period=Period("week", "21"))


@pytest.mark.parametrize("positive", ["yes", "1"])
def test_a_positive_value_that_never_occurs_is_named_with_those_that_do(take, positive):
    with pytest.raises(ConfigError, match=f"data.positive is '{positive}', but 'paid' holds false, true"):
        take(purpose=replace(PURPOSE, positive=positive))


def test_weights_must_be_numbers_of_0_or_more(take, table):
    weighted = replace(PURPOSE, weight="share")
    assert take(purpose=weighted).snapshot.rows == ROWS
    with pytest.raises(ConfigError, match="holds no numbers"):
        take(purpose=replace(PURPOSE, weight="at"))
    worse = table.with_columns(share=pl.col("share") - 1)
    with pytest.raises(DataError, match="67 of 200 are negative"):
        take(worse, contract=schema.infer(worse), purpose=weighted)


def test_rows_without_a_weight_are_set_aside(take, table):
    gaps = table.with_columns(pl.when(pl.int_range(ROWS) >= 5).then("share").alias("share"))
    taken = take(gaps, contract=schema.infer(gaps), purpose=replace(PURPOSE, weight="share"))
    assert taken.quarantined_rows == 5


def test_what_was_set_aside_counts_again_when_rows_are_brought_back(take, table):
    bad = table.with_columns(amount=pl.when(pl.int_range(ROWS) < 8).then(-1.0).otherwise("amount"))
    first = take(bad)
    again = take(version=first.snapshot.version)
    assert (
        (first.source_rows, first.quarantined_rows)
        == (again.source_rows, again.quarantined_rows)
        == (ROWS, 8)
    )
    assert again.snapshot == first.snapshot
    assert [(each.column, each.rule, each.rows) for each in again.violations] == [("amount", "below 0", 8)]


def test_rows_that_are_brought_back_are_checked_by_todays_contract(take, table):
    version = take().snapshot.version
    rules = (
        replace(rule, maximum=15) if rule.name == "week" else rule for rule in schema.infer(table).columns
    )
    narrower = replace(schema.infer(table), columns=tuple(rules))
    again = take(version=version, contract=narrower)
    assert (again.snapshot.rows, again.quarantined_rows) == (150, 50)
    with pytest.raises(ContractError, match="50 of 200 rows"):
        take(version=version, contract=narrower, allowed=0.1)
    renamed = (replace(rule, name="gone") if rule.name == "week" else rule for rule in narrower.columns)
    elsewhere = replace(narrower, columns=tuple(renamed))
    with pytest.raises(ContractError, match="missing columns: gone"):
        take(version=version, contract=elsewhere)


def test_a_repeated_key_is_set_aside_also_when_rows_are_brought_back(take):
    version = take().snapshot.version
    assert (
        take(version=version, purpose=replace(PURPOSE, key=("at", "amount")), allowed=1.0).quarantined_rows
        == 0
    )
    with pytest.raises(ContractError, match="repeated key"):
        take(version=version, purpose=replace(PURPOSE, key=("week",)))


def forget(tmp_path, version):
    """Lose the rows of a version, as a person does who tidies up."""
    (tmp_path / "store" / "snapshots" / version / "data.parquet").unlink()


def test_rows_that_the_store_lost_are_read_again_if_they_are_the_same(take, table, tmp_path):
    bad = table.with_columns(amount=pl.when(pl.int_range(ROWS) < 8).then(-1.0).otherwise("amount"))
    first = take(bad)
    forget(tmp_path, first.snapshot.version)
    again = take(bad.reverse(), version=first.snapshot.version)
    assert (again.snapshot.version, again.snapshot.created) == (
        first.snapshot.version,
        first.snapshot.created,
    )
    assert (again.source_rows, again.quarantined_rows) == (ROWS, 8)
    assert take(table[:1], version=first.snapshot.version).snapshot == again.snapshot


def test_a_source_that_has_moved_on_does_not_bring_lost_rows_back(take, table, tmp_path):
    version = take().snapshot.version
    forget(tmp_path, version)
    before = Store(str(tmp_path / "store")).names("")
    with pytest.raises(DataError, match=rf"are the data version d[0-9a-f]{{16}}, not {version}; restore"):
        take(table[1:], version=version)
    assert Store(str(tmp_path / "store")).names("") == before


def test_a_source_that_has_moved_on_does_not_touch_the_rows_that_the_store_has(take, table):
    first = take()
    assert take(table[1:], version=first.snapshot.version).snapshot == first.snapshot
    assert take(table[1:]).snapshot.version != first.snapshot.version


def test_what_is_taken_in_is_what_the_whole_table_gives_at_once(take, tmp_path):
    texts = pl.DataFrame({
        "who": [f"p{n % 190}" for n in range(ROWS)],
        "amount": [f"$ {n * 7:,}.50" if n % 9 else "?" for n in range(ROWS)],
        "since": [f"{1 + n % 28:02}/0{1 + n % 9}/2024" if n % 50 else "soon" for n in range(ROWS)],
        "kind": [("a", "b", "", None)[n % 4] for n in range(ROWS)],
        "mail": [f"{n}@example.org" for n in range(ROWS)],
        "paid": [("yes", "no", "no", "")[n % 4] for n in range(ROWS)],
    })  # fmt: skip
    contract = schema.Contract((
        schema.ColumnRule("paid", "boolean"), schema.ColumnRule("amount", "number", nullable=True),
        schema.ColumnRule("who", "text"), schema.ColumnRule("since", "datetime"),
        schema.ColumnRule("kind", "category", nullable=True, categories=("a", "b")),
    ))  # fmt: skip
    spelling = Spelling(("mail",), {"amount": ("?",)}, {"amount": "1,234.5"}, {"since": "%d/%m/%Y"})
    purpose = Purpose("paid", "true", key=("who",))
    taken = take(texts, form="csv", contract=contract, spelling=spelling, purpose=purpose)
    store = Store(str(tmp_path / "store"))
    texts.write_csv(tmp_path / "whole.csv")
    whole = schema.conform(respelled(source.load(str(tmp_path / "whole.csv")), spelling), contract)
    checked = schema.check(whole, contract, target="paid", key=("who",))
    assert taken.violations == checked.violations
    assert 0 < checked.quarantined.height == taken.quarantined_rows < ROWS
    assert_frame_equal(snapshot.load(taken.snapshot.version, store), checked.accepted)
    (name,) = store.names("quarantine")
    assert_frame_equal(pl.read_parquet(store.url(name)), checked.quarantined)


def test_a_target_that_is_always_positive_is_refused():
    rows = pl.DataFrame({"paid": [1] * 10})
    with pytest.raises(DataError, match="'paid' is 1 in every row; bring rows of another value"):
        require_positive(rows, Purpose("paid", "1"))
    require_positive(rows.vstack(pl.DataFrame({"paid": [0]})), Purpose("paid", "1"))
