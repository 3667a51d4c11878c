"""What each column of a table is for, on the safe side."""

import numpy as np
import polars as pl
import pytest

from components.data import schema
from components.data.adopt.findings import Wishes
from components.data.adopt.look import look
from components.data.adopt.plan import Plan, plan
from components.data.intake import Purpose, require_positive
from components.errors import DataError

ROWS = 1200
BOUGHT = Wishes("bought")


def planned(table: pl.DataFrame, wishes: Wishes = BOUGHT) -> Plan:
    return plan([look(table[name]) for name in table.columns], wishes)


def role(found: Plan, column: str) -> str:
    return next(finding.role for finding in found.findings if finding.column == column)


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    """Numbers, categories and a target that they say something of."""
    generator = np.random.default_rng(0)
    size = generator.normal(50, 10, ROWS).round(1)
    return pl.DataFrame(
        {
            "size": size,
            "colour": generator.choice(["red", "green", "blue"], ROWS),
            "visits": generator.integers(0, 90, ROWS),
            "bought": np.where(size + generator.normal(0, 12, ROWS) > 55, "yes", "no"),
        }
    )


def test_plain_columns_are_features_and_the_target_is_told(table: pl.DataFrame) -> None:
    found = planned(table)
    assert found.named("feature") == ("size", "colour", "visits")
    assert found.target.classes == ("false", "true")
    assert found.target.codes.sum() == (table["bought"] == "yes").sum()


@pytest.mark.parametrize(
    ("name", "values", "wanted"),
    [
        ("constant", ["x"] * ROWS, "left out"),
        ("nearly", ["x"] * (ROWS - 1) + ["y"], "left out"),
        ("empty", [None] * ROWS, "left out"),
        ("order_id", [str(n * 7 + 1000) for n in range(ROWS)], "key"),
        ("Unnamed: 0", list(range(ROWS)), "dropped"),
        ("row", list(range(1, ROWS + 1)), "dropped"),
        ("uuid", [f"{n:08x}-0000-4000-8000-{n:012x}" for n in range(ROWS)], "key"),
        ("customer_id", [n // 3 for n in range(ROWS)], "group"),
        ("gender", ["f", "m"] * (ROWS // 2), "sensitive"),
        ("remark", [f"it came {n} days late, she said" for n in range(ROWS)], "feature"),
        ("shop", [f"shop {n * n % 407}" for n in range(ROWS)], "feature"),
        ("village", [f"V{n:x}ton" for n in range(ROWS)], "left out"),
        ("captain", [f"Ann{n:x} Smith{n % 7}" for n in range(ROWS)], "left out"),
        ("email", [f"p{n}@example.org" for n in range(ROWS)], "dropped"),
        ("fnlwgt", [n % 97 + 0.5 for n in range(ROWS)], "weight"),
        ("weight", [n % 97 + 0.5 for n in range(ROWS)], "left out"),
        ("renovated_on", [f"{1980 + n // 60}-01-01" for n in range(ROWS)], "feature"),
        ("observed", [f"{2000 + n // 60}-01-01" for n in range(ROWS)], "time"),
        ("", list(range(ROWS)), "dropped"),
        ("Kundennummer", [n // 3 + 70000 for n in range(ROWS)], "group"),
        ("Geschlecht", ["m", "w"] * (ROWS // 2), "sensitive"),
        ("Geburtsdatum", [f"19{n % 60 + 30}-0{n % 9 + 1}-11" for n in range(ROWS)], "dropped"),
        ("birth_year", [1950 + n % 50 for n in range(ROWS)], "feature"),
        ("year", [2001 + n // 300 for n in range(ROWS)], "time"),
        ("salary", [1000 + (n * 7919) % 100003 for n in range(ROWS)], "feature"),
    ],
)
def test_a_column_is_taken_for_what_it_is(
    table: pl.DataFrame, name: str, values: list[object], wanted: str
) -> None:
    assert role(planned(table.with_columns(pl.Series(name, values))), name) == wanted


def test_a_measured_weight_beside_a_height_is_a_feature(table: pl.DataFrame) -> None:
    body = table.with_columns(weight=pl.col("size") + 20, height=pl.col("visits") + 120)
    assert role(planned(body), "weight") == "feature"


def test_a_column_that_gives_the_target_away_is_left_out_and_one_that_says_much_is_named(
    table: pl.DataFrame,
) -> None:
    answer = (table["bought"] == "yes").cast(pl.Int64)
    noise = pl.Series(np.random.default_rng(1).normal(0, 0.6, ROWS))
    found = planned(table.with_columns(refunded=answer, hinted=answer + noise))
    assert role(found, "refunded") == "left out"
    assert role(found, "hinted") == "feature"
    assert any("hinted" in note for note in found.notes)


def test_a_column_that_is_only_there_when_the_target_is_positive_is_left_out(table: pl.DataFrame) -> None:
    late = table.with_columns(delivered=pl.when(pl.col("bought") == "yes").then(pl.col("visits") * 1.5))
    finding = next(each for each in planned(late).findings if each.column == "delivered")
    assert finding.role == "left out"
    assert "whether it is missing" in finding.why


def test_rows_that_belong_together_are_found_without_a_telling_name(table: pl.DataFrame) -> None:
    people = pl.DataFrame({"who": [n // 4 for n in range(ROWS)]}).with_columns(
        tall=pl.col("who") * 7919 % 41,
        town=(pl.col("who") * 31 % 17).cast(pl.String) + "th",
        shoe=pl.col("who") % 13,
    )
    found = planned(pl.concat([table, people], how="horizontal"))
    assert role(found, "who") == "group"


def test_parts_follow_time_where_there_is_one(table: pl.DataFrame) -> None:
    dated = table.with_columns(day=pl.date(2020, 1, 1) + pl.duration(days=pl.int_range(ROWS) // 4))
    found = planned(dated)
    assert found.time == "day"
    assert found.validation_from.startswith("2020-06-")
    assert found.holdout_from.startswith("2020-08-")


def test_parts_follow_the_group_where_there_are_both(table: pl.DataFrame) -> None:
    both = table.with_columns(
        day=pl.date(2020, 1, 1) + pl.duration(days=pl.int_range(ROWS) // 4),
        customer_id=pl.int_range(ROWS) % 300,
    )
    found = planned(both)
    assert (found.named("group"), found.holdout_from) == (("customer_id",), "")
    assert any("by group" in note for note in found.notes)


def test_a_word_of_the_person_stands_above_what_was_found(table: pl.DataFrame) -> None:
    found = planned(table, Wishes("bought", drop=("colour",), sensitive=("size",)))
    assert [role(found, name) for name in ("visits", "colour", "size")] == ["feature", "dropped", "sensitive"]
    assert len(found.bands["size"]) == 4


def test_a_rare_class_and_repeated_rows_are_said(table: pl.DataFrame) -> None:
    rare = table.with_columns(bought=pl.Series(["yes"] * 30 + ["no"] * (ROWS - 30)))
    notes = " ".join(planned(pl.concat([rare, rare])).notes)
    assert "Only 60 of 2,400 rows are true" in notes
    assert "D02 is likely to reject" in notes
    assert "repeat another one in every column: if they are the same case" in notes


def test_the_rarer_class_is_positive_where_the_values_do_not_say(table: pl.DataFrame) -> None:
    target = planned(table.with_columns(bought=pl.Series(["cat"] * 300 + ["dog"] * 900))).target
    assert target.classes == ("dog", "cat")
    assert "data.positive" in target.decide


@pytest.mark.parametrize(
    ("change", "wishes", "said"),
    [
        ({}, Wishes("bought", key=("gone",)), "KEY names"),
        ({}, Wishes("bought", key=("size",), drop=("size",)), "two purposes"),
        ({"bought": pl.lit("yes")}, BOUGHT, "every row"),
        ({"bought": pl.lit(None)}, BOUGHT, "no value"),
        ({"size": pl.lit(1), "colour": pl.lit("x"), "visits": pl.lit(2)}, BOUGHT, "No column is left"),
        ({"variant": pl.col("colour")}, BOUGHT, r"\['variant'\] have the names"),
        ({"y_score_a": pl.col("colour")}, Wishes("bought", sensitive=("y_score_a",)), "DROP="),
    ],
)
def test_what_cannot_be_adopted_is_refused_with_the_reason(
    table: pl.DataFrame, change: dict[str, pl.Expr], wishes: Wishes, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        planned(table.with_columns(**change), wishes)


def test_what_is_not_logged_may_be_called_as_the_log_calls_its_own(table: pl.DataFrame) -> None:
    named = table.with_columns(variant=pl.col("colour"))
    assert role(planned(named, Wishes("bought", drop=("variant",))), "variant") == "dropped"


@pytest.mark.parametrize(
    ("target", "task"), [("colour", "multiclass"), ("size", "regression"), ("bought", "binary")]
)
def test_the_task_is_found_from_the_target(table: pl.DataFrame, target: str, task: str) -> None:
    assert planned(table, Wishes(target)).target.task == task


def test_limits_are_those_of_the_task_unless_they_were_written_for_it(table: pl.DataFrame) -> None:
    columns = [look(table[name]) for name in table.columns]
    first = plan(columns, Wishes("size"), limits={"D02": 0.015, "P01": 0.7})
    assert (first.limits["D02"], first.limits["K03"], first.limits["P01"]) == (0.05, 0.87, 0.7)
    assert plan(columns, Wishes("size"), limits={"D02": 0.2}, earlier="regression").limits == {"D02": 0.2}
    assert "K03" not in plan(columns, BOUGHT, limits=first.limits, earlier="regression").limits


def test_rare_classes_are_set_aside_by_the_contract_and_said(table: pl.DataFrame) -> None:
    kinds = pl.Series(["a"] * 500 + ["b"] * 400 + ["c"] * 290 + ["d"] * 10)
    found = planned(table.with_columns(kind=kinds), Wishes("kind"))
    rule = next(rule for rule in found.contract.columns if rule.name == "kind")
    assert (found.target.classes, rule.categories) == (("a", "b", "c"), ("a", "b", "c"))
    assert found.target.missing == pytest.approx(10 / ROWS)
    assert any("d (10)" in note and "set aside" in note for note in found.notes)


def test_what_is_missing_where_the_target_is_is_left_out(table: pl.DataFrame) -> None:
    late = pl.int_range(ROWS) < 40
    flights = table.with_columns(
        delay=pl.when(~late).then(pl.col("size") * 2), in_air=pl.when(~late).then(pl.col("visits") + 0.5)
    )
    finding = next(each for each in planned(flights, Wishes("delay")).findings if each.column == "in_air")
    assert finding.role == "left out"
    assert "missing in 100.0% of the rows without a target" in finding.why


def test_a_column_that_says_yes_or_no_to_one_class_is_made_of_the_target(table: pl.DataFrame) -> None:
    very = table.with_columns(very=(pl.col("colour") == "red").cast(pl.Int64), size=pl.col("size"))
    finding = next(each for each in planned(very, Wishes("colour")).findings if each.column == "very")
    assert finding.role == "left out"
    assert "stands for colour = red" in finding.why


def test_a_measurement_that_parts_one_class_from_the_others_stays(table: pl.DataFrame) -> None:
    apart = pl.when(pl.col("colour") == "red").then(pl.col("size") + 100).otherwise("size")
    found = planned(table.with_columns(long=apart), Wishes("colour"))
    assert role(found, "long") == "feature"


def test_the_same_things_seen_again_and_again_are_a_group(table: pl.DataFrame) -> None:
    panel = table.with_columns(nr=pl.int_range(ROWS) // 6 * 7, year=1990 + pl.int_range(ROWS) % 6)
    finding = next(each for each in planned(panel).findings if each.column == "nr")
    assert finding.role == "group"
    assert "at most once with each year" in finding.why


def test_numbers_that_meet_a_year_twice_are_no_group(table: pl.DataFrame) -> None:
    generator = np.random.default_rng(4)
    chance = table.with_columns(
        nr=pl.Series(generator.integers(0, 200, ROWS)), year=1990 + pl.int_range(ROWS) % 6
    )
    assert role(planned(chance), "nr") == "feature"


def test_a_column_that_only_few_rows_cannot_clear_stays_and_is_named(table: pl.DataFrame) -> None:
    few = table.head(200)
    answer = (few["bought"] == "yes").cast(pl.Int64)
    noise = pl.Series(np.random.default_rng(2).normal(0, 0.56, 200))
    found = planned(few.with_columns(strong=answer + noise))
    assert role(found, "strong") == "feature"
    assert any("cannot clear" in note and "strong" in note for note in found.notes)


@pytest.mark.parametrize(("target", "what"), [("size", "concordance"), ("colour", "stands for colour = ")])
def test_leaks_of_numbers_and_of_several_classes_are_left_out(
    table: pl.DataFrame, target: str, what: str
) -> None:
    copy = (
        (table["size"] * 3 + 1)
        if target == "size"
        else table["colour"].replace({"red": "R", "green": "G", "blue": "B"})
    )
    finding = next(
        each
        for each in planned(table.with_columns(copy=copy), Wishes(target)).findings
        if each.column == "copy"
    )
    assert finding.role == "left out"
    assert what in finding.why


def test_columns_that_know_nothing_stay_where_the_classes_come_by_turns(table: pl.DataFrame) -> None:
    found = planned(table.with_columns(bought=pl.int_range(ROWS) % 2))
    assert found.named("feature") == ("size", "colour", "visits")
    assert not any("colour" in note or "L02" in note for note in found.notes)


def test_a_column_that_tells_one_of_several_classes_is_asked_about(table: pl.DataFrame) -> None:
    generator = np.random.default_rng(2)
    kind = generator.choice(["red", "white", "rosé"], ROWS)
    hint = (kind == "white") + generator.normal(0, 0.01, ROWS)
    found = planned(table.with_columns(bought=pl.Series(kind), hint=hint))
    assert role(found, "hint") == "feature"
    (note,) = (note for note in found.notes if "tell one class from the rest" in note)
    assert "hint (white: 1.000)" in note
    assert "size" not in note


@pytest.mark.parametrize(
    ("negative", "positive", "other"),
    [
        (0, 1, 2),
        (0, 1, -1),
        (1, 2, 0),
        (-1, 1, 0),
        (0, 100, 50),
        (0.0, 1.0, 2.0),
        (0.5, 1.5, 2.5),
        ("no", "yes", "maybe"),
    ],
)
def test_a_third_value_of_a_target_of_two_is_set_aside(
    table: pl.DataFrame, negative: object, positive: object, other: object
) -> None:
    bought = [negative, positive, positive] * (ROWS // 3)
    found = planned(table.with_columns(bought=pl.Series(bought)))
    assert set(found.target.classes) <= {"true", "false", *(str(each).removesuffix(".0") for each in bought)}
    late = table.with_columns(bought=pl.Series([other, *bought[1:]]))
    checked = schema.check(schema.conform(late, found.contract), found.contract, target="bought")
    assert (checked.accepted.height, checked.quarantined.height) == (ROWS - 1, 1)
    require_positive(checked.accepted, Purpose("bought", found.target.positive))


def test_rows_with_an_infinite_target_are_set_aside(table: pl.DataFrame) -> None:
    generator = np.random.default_rng(5)
    numbers = np.where(np.arange(ROWS) % 50 == 0, np.inf, generator.normal(size=ROWS))
    amounts = table.with_columns(bought=pl.Series(numbers))
    found = planned(amounts)
    checked = schema.check(schema.conform(amounts, found.contract), found.contract, target="bought")
    assert (checked.quarantined.height, found.target.missing) == (24, pytest.approx(24 / ROWS))
    assert checked.accepted["bought"].is_finite().all()


def test_numbers_that_would_fit_another_form_are_asked_about(table: pl.DataFrame) -> None:
    prices = pl.Series("price", [f"{100 + row % 700}.{row % 10}50 €" for row in range(ROWS)])
    (told,) = [note for note in planned(table.with_columns(prices)).notes if "would fit" in note]
    assert "numbers of price were read as 1,234.5 (from 100.05 to 799.95), and would fit 1.234,5" in told
