from collections import Counter
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from components.data.split import (
    HOLDOUT,
    PARTS,
    TRAIN,
    Split,
    SplitRule,
    assign,
    everything,
    holdout_id,
    overlaps,
    untouched,
)
from components.data.split import sample as sampled
from components.errors import ConfigError, DataError

RULE = SplitRule("hash", "salt", 0.6, 0.2, 0.2)
BY_YEAR = replace(RULE, method="temporal", time="year", validation_from="2017", holdout_from="2018")


@pytest.fixture(scope="module")
def people(sample: pl.DataFrame) -> pl.DataFrame:
    """The sample with a person and a household of about three, of whom the numbers say nothing."""
    row = pl.int_range(pl.len())
    return sample.with_columns(person=row * 7919 % 100_003, household=row // 3)


def counted(table: pl.DataFrame, split: Split) -> Counter[tuple[object, ...]]:
    """How often each row stands in each part."""
    return Counter(zip(table.iter_rows(), split.part.tolist(), strict=True))


def test_the_holdout_of_the_sample_is_pinned(sample: pl.DataFrame) -> None:
    split = assign(sample, RULE)
    assert split.holdout_id == "h14bea697dc2773c1"
    assert split.part[:12].tolist() == [0, 0, 2, 1, 1, 0, 2, 1, 0, 0, 0, 0]


def test_the_parts_have_their_shares(sample: pl.DataFrame) -> None:
    shares = np.bincount(assign(sample, RULE).part) / sample.height
    assert np.abs(shares - [0.6, 0.2, 0.2]).max() < 4 * np.sqrt(0.24 / sample.height)


def test_added_rows_leave_the_others_where_they_are(sample: pl.DataFrame) -> None:
    before = counted(sample[:3000], assign(sample[:3000], RULE))
    after = counted(sample, assign(sample, RULE))
    assert before <= after


def test_removed_rows_leave_the_others_where_they_are(people: pl.DataFrame) -> None:
    whole, half = assign(people, RULE), assign(people.gather_every(2), RULE)
    assert np.array_equal(half.part, whole.part[::2])


def test_the_order_of_rows_does_not_count(sample: pl.DataFrame) -> None:
    assert counted(sample, assign(sample, RULE)) == counted(sample.reverse(), assign(sample.reverse(), RULE))
    assert assign(sample.reverse(), RULE).holdout_id == assign(sample, RULE).holdout_id


def test_the_order_and_the_storage_of_columns_do_not_count(sample: pl.DataFrame) -> None:
    stored = sample.select(reversed(sample.columns)).with_columns(
        pl.col(pl.Categorical).cast(pl.String), pl.col("age", "education").cast(pl.Int64)
    )
    assert np.array_equal(assign(stored, RULE).identity, assign(sample, RULE).identity)


def test_equal_rows_have_identities_of_their_own(sample: pl.DataFrame) -> None:
    assert sample.n_unique() < sample.height
    assert len(np.unique(assign(sample, RULE).identity)) == sample.height


def test_another_salt_makes_another_division(sample: pl.DataFrame) -> None:
    one, other = (assign(sample, replace(RULE, salt=salt)).part for salt in "ab")
    agreement = (one == other).mean()
    assert abs(agreement - (0.6**2 + 0.2**2 + 0.2**2)) < 4 * np.sqrt(0.25 / sample.height)


def test_a_larger_holdout_keeps_the_rows_it_had(sample: pl.DataFrame) -> None:
    small = assign(sample, RULE).part == HOLDOUT
    large = assign(sample, replace(RULE, train=0.5, validation=0.2, holdout=0.3)).part == HOLDOUT
    assert (large | ~small).all()


def test_a_key_keeps_the_part_of_a_row_that_changes(people: pl.DataFrame) -> None:
    keyed = replace(RULE, key=("person",))
    older = people.with_columns(pl.col("age") + 1)
    assert np.array_equal(assign(people, keyed).part, assign(older, keyed).part)
    assert assign(people, keyed).holdout_id == assign(older, keyed).holdout_id


def test_a_group_stays_together(people: pl.DataFrame) -> None:
    split = assign(people, replace(RULE, group=("household",), key=("person",)))
    parts = people.select("household", part=pl.Series(split.part)).group_by("household").n_unique()
    assert parts["part"].max() == 1


def test_the_group_goes_before_the_key(people: pl.DataFrame) -> None:
    grouped = replace(RULE, group=("household",))
    assert np.array_equal(
        assign(people, grouped).part, assign(people, replace(grouped, key=("person",))).part
    )


def test_a_temporal_split_follows_the_time(sample: pl.DataFrame) -> None:
    part = assign(sample, BY_YEAR).part
    years = {name: set(sample["year"].filter(part == number)) for number, name in enumerate(PARTS)}
    assert years == {"train": {2015, 2016}, "validation": {2017}, "holdout": {2018}}


@pytest.mark.parametrize("dtype", [pl.Date, pl.Datetime("us")])
def test_a_temporal_split_reads_dates(dtype: pl.DataType, sample: pl.DataFrame) -> None:
    dated = sample.with_columns(pl.date("year", 1, 1).cast(dtype).alias("year"))
    rule = replace(BY_YEAR, validation_from="2017-01-01", holdout_from="2018-01-01")
    assert np.array_equal(assign(dated, rule).part, assign(sample, BY_YEAR).part)


def test_the_holdout_id_names_the_rows(sample: pl.DataFrame) -> None:
    split = assign(sample, RULE)
    without_training = sample.filter(split.part == HOLDOUT)
    identity = split.identity[split.part == HOLDOUT]
    assert split.holdout_id == holdout_id(identity[::-1]) != holdout_id(identity[1:])
    assert len(without_training) == len(identity)


def test_lookalikes_are_counted_over_the_features(sample: pl.DataFrame) -> None:
    features = ["age", "sex", "race"]
    split = assign(sample, RULE, features)
    train, holdout = (sample.filter(split.part == part) for part in (TRAIN, HOLDOUT))
    assert split.lookalikes == holdout.join(train, on=features, how="semi").height


def test_lookalikes_leave_out_key_group_and_time(people: pl.DataFrame) -> None:
    split = assign(people, replace(RULE, key=("person",), group=("household",), time="year"))
    rest = [name for name in people.columns if name not in ("person", "household", "year")]
    train, holdout = (people.filter(split.part == part) for part in (TRAIN, HOLDOUT))
    assert split.lookalikes == holdout.join(train, on=rest, how="semi").height


def test_no_row_and_no_group_stands_in_two_parts(people: pl.DataFrame) -> None:
    rule = replace(RULE, group=("household",), key=("person",))
    assert overlaps(assign(people, rule), people, rule) == {"rows": 0, "groups": 0}


def test_a_key_that_repeats_is_found_in_two_parts(people: pl.DataFrame) -> None:
    rule = replace(RULE, group=("household",), key=("person",))
    twice = people.with_columns(person=pl.int_range(pl.len()) // 2)
    assert overlaps(assign(twice, rule), twice, rule)["rows"] > 0


def test_a_group_that_a_temporal_split_tears_apart_is_found(people: pl.DataFrame) -> None:
    rule = replace(BY_YEAR, group=("sex",))
    assert overlaps(assign(people, rule), people, rule) == {"rows": 0, "groups": 2}


def test_the_same_rule_leaves_its_holdout_untouched(sample: pl.DataFrame) -> None:
    assert np.array_equal(untouched(sample, RULE, RULE), assign(sample, RULE).part == HOLDOUT)


def test_rows_that_the_champion_learned_from_are_not_untouched(sample: pl.DataFrame) -> None:
    champion = replace(RULE, salt="another")
    learned = assign(sample[:3000], champion).part != HOLDOUT
    assert not untouched(sample, RULE, champion)[:3000][learned].any()
    assert untouched(sample, RULE, champion).any()


def test_a_temporal_challenger_is_compared_after_the_champion_ended(sample: pl.DataFrame) -> None:
    champion = replace(BY_YEAR, validation_from="2016", holdout_from="2017")
    assert set(sample["year"].filter(untouched(sample, BY_YEAR, champion))) == {2018}


def test_rows_are_recognised_though_the_table_has_grown_a_column(sample: pl.DataFrame) -> None:
    champion = replace(RULE, columns=tuple(sample.columns))
    grown = sample.with_columns(income=pl.int_range(pl.len()))
    current = replace(RULE, key=("income",))
    learned = assign(sample, champion).part != HOLDOUT
    assert not untouched(grown, current, champion)[learned].any()


def test_a_champion_of_other_columns_cannot_be_compared(sample: pl.DataFrame) -> None:
    with pytest.raises(ConfigError, match="The rule of an earlier split names 'income'"):
        untouched(sample, RULE, replace(RULE, columns=("income", "age")))


def test_everything_is_all_rows(sample: pl.DataFrame) -> None:
    assert everything(assign(sample, RULE)).all()


def test_a_sample_is_of_the_same_rows_in_any_order(people: pl.DataFrame) -> None:
    some = sampled(assign(people, RULE), 500)
    assert some.sum() == 500
    assert np.array_equal(sampled(assign(people.reverse(), RULE), 500), some[::-1])


def test_a_sample_of_more_rows_than_there_are_is_all(sample: pl.DataFrame) -> None:
    assert sampled(assign(sample, RULE), 10**6).all()


def test_a_sample_takes_from_all_parts_alike(sample: pl.DataFrame) -> None:
    split = assign(sample, RULE)
    shares = np.bincount(split.part[sampled(split, 1000)]) / 1000
    assert np.abs(shares - [0.6, 0.2, 0.2]).max() < 4 * np.sqrt(0.24 / 1000)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (replace(RULE, key=("id",)), r"data\.key names 'id', which the table does not have; it has year"),
        (replace(RULE, group=("home",)), r"data\.group names 'home'"),
        (replace(BY_YEAR, time="date"), r"data\.time names 'date'"),
        (
            replace(BY_YEAR, holdout_from="later"),
            r"split\.holdout_from is 'later', and column 'year' holds Int16",
        ),
        (replace(BY_YEAR, holdout_from=None), r"split\.holdout_from is ''"),
        (
            replace(BY_YEAR, time="sex"),
            r"split\.validation_from is '2017', and column 'sex' holds Categorical",
        ),
        (replace(BY_YEAR, validation_from="2018"), r"'2018', which is not before split\.holdout_from '2018'"),
    ],
)
def test_a_rule_that_does_not_fit_the_table_is_named(
    rule: SplitRule, message: str, sample: pl.DataFrame
) -> None:
    with pytest.raises(ConfigError, match=message):
        assign(sample, rule)


def test_an_empty_part_is_named(sample: pl.DataFrame) -> None:
    with pytest.raises(DataError, match=r"The holdout part is empty \(train, validation and holdout have"):
        assign(sample, replace(BY_YEAR, holdout_from="2030"))


@pytest.mark.parametrize(
    ("column", "rule"),
    [
        ("household", replace(RULE, group=("household",))),
        ("person", replace(RULE, key=("person",))),
        ("year", BY_YEAR),
    ],
)
def test_rows_without_what_decides_their_part_are_counted(
    column: str, rule: SplitRule, people: pl.DataFrame
) -> None:
    gaps = people.with_columns(pl.when(pl.int_range(pl.len()) >= 4).then(column).alias(column))
    with pytest.raises(DataError, match=rf"Column '{column}' .* is missing in 4 rows"):
        assign(gaps, rule)


def test_dates_before_the_bounds_are_training(sample: pl.DataFrame) -> None:
    dated = sample[:9].with_columns(year=pl.Series([date(2015, 1, day) for day in range(1, 10)]))
    rule = replace(BY_YEAR, validation_from="2015-01-04", holdout_from="2015-01-07T00:00:00")
    assert assign(dated, rule).part.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_named_columns_keep_every_row_in_its_part_when_the_table_gets_another(sample):
    named = replace(RULE, columns=tuple(sample.columns))
    wider = sample.with_columns(more=pl.int_range(sample.height))
    before, after = assign(sample, named), assign(wider, named)
    assert np.array_equal(before.part, after.part)
    assert before.holdout_id == after.holdout_id == assign(sample, RULE).holdout_id
    held = untouched(wider, replace(RULE, columns=tuple(wider.columns)), named)
    assert not np.any(held & (before.part != HOLDOUT))
