"""Which rows a back-test fits on and scores: never the holdout, no group on both sides, no more than asked for."""

import numpy as np
import polars as pl
import pytest

from components.data.origins import origins
from components.data.split import HOLDOUT, TRAIN, VALIDATION

ROWS = 4000


@pytest.fixture(scope="module")
def rows():
    """A table of four years with groups that span them, each in one part."""
    draw = np.random.default_rng(0)
    group = draw.integers(0, 900, ROWS)
    return pl.DataFrame(
        {
            "year": draw.integers(2015, 2019, ROWS),
            "group": group,
            "part": draw.choice(3, 900, p=[0.6, 0.2, 0.2])[group].astype(np.int8),
        }
    )


def planned(rows, **options):
    used = options.pop("used", np.ones(rows.height, bool))
    return origins(rows["year"], rows["part"].to_numpy(), used, **options)


def test_models_learn_training_rows_up_to_their_origin_and_are_scored_on_validation_rows(rows):
    found, year, part = planned(rows), rows["year"].to_numpy(), rows["part"].to_numpy()
    assert (found.labels, found.length) == (("2015", "2016", "2017", "2018"), "a step of 1 in year")
    for number in range(4):
        assert (
            found.fitted[number].tolist()
            == np.flatnonzero((part == TRAIN) & (year <= 2015 + number)).tolist()
        )
        assert (
            found.scored[number].tolist()
            == np.flatnonzero((part == VALIDATION) & (year == 2015 + number)).tolist()
        )


def test_the_holdout_is_in_neither_and_its_times_are_not_looked_at(rows):
    held = rows["part"] == HOLDOUT
    other = rows.with_columns(pl.when(held).then(1066).otherwise("year").alias("year"))
    found, again = planned(rows), planned(other)
    assert not set(found.rows) & set(np.flatnonzero(held))
    assert again.labels == found.labels
    assert again.rows.tolist() == found.rows.tolist()


def test_rows_that_the_run_does_not_use_are_in_neither(rows):
    used = np.arange(ROWS) % 2 == 0
    assert np.all(planned(rows, used=used).rows % 2 == 0)


def in_time(rows):
    year = rows["year"].to_numpy()
    return rows.with_columns(part=pl.Series(np.select([year < 2017, year < 2018], [TRAIN, VALIDATION], HOLDOUT).astype(np.int8)))  # fmt: skip


def test_where_parts_follow_each_other_a_quarter_of_the_training_part_is_kept_back(rows):
    found = planned(in_time(rows), temporal=True)
    assert set(found.fitted) == {0, 1}
    assert found.labels == ("2015", "2016", "2017")
    fitted, kept = found.fitted[1], np.concatenate([found.scored[0], found.scored[1]])
    assert not set(fitted) & set(kept)
    assert len(kept) / (len(kept) + len(fitted)) == pytest.approx(0.25, abs=0.03)
    assert found.scored[2].tolist() == np.flatnonzero(rows["year"].to_numpy() == 2017).tolist()


@pytest.mark.parametrize("temporal", [False, True])
def test_no_group_is_fitted_on_and_scored(rows, temporal):
    table = in_time(rows) if temporal else rows
    group = rows["group"].to_numpy()
    found = planned(table, temporal=temporal, groups=group)
    fitted = {code for each in found.fitted.values() for code in group[each]}
    scored = {code for each in found.scored.values() for code in group[each]}
    assert fitted
    assert scored
    assert not fitted & scored


def test_no_more_rows_than_asked_for_and_always_the_same(rows):
    found = planned(rows, most_rows=100, seed=3)
    assert {len(each) for each in (*found.fitted.values(), *found.scored.values())} == {100}
    assert found.rows.tolist() == planned(rows, most_rows=100, seed=3).rows.tolist()
    assert set(found.scored[0]) <= set(planned(rows).scored[0])


def test_one_period_gives_nothing_to_do_and_says_what_to_set(rows):
    found = planned(rows.filter(pl.col("year") == 2015))
    assert "one period (2015)" in found.reason
    assert "data.until" in found.reason
    assert not len(found.rows)


def test_without_a_time_there_is_nothing_to_do(rows):
    part = rows["part"].to_numpy()
    assert "data.time" in origins(None, part, np.ones(ROWS, bool)).reason
    texts = pl.Series("seen", [str(number) for number in range(ROWS)])
    assert "holds texts" in origins(texts, part, np.ones(ROWS, bool)).reason
