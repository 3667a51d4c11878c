"""The reference counts every row once, in bins whose edges are settled, and keeps none."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.release.reference import MOST_CATEGORIES, binned, reference
from tests.components.films import films

ROWS = pd.read_parquet(Path(__file__).parents[3] / "data" / "acs_employment_ma_18_64.parquet").head(2000)
Y_SCORE = np.linspace(0, 1, len(ROWS))
Y_PRED = (Y_SCORE >= 0.3).astype(int)


@pytest.fixture(scope="module")
def made() -> dict:
    return reference(ROWS, {"y_score": Y_SCORE, "y_pred": Y_PRED})


@pytest.mark.parametrize("name", ["age", "education", "foreign_born", "marital_status", "ancestry"])
def test_every_row_is_counted_once(made, name):
    feature = made["features"][name]
    counts = feature["counts"]
    total = sum(counts) if feature["kind"] == "number" else sum(counts.values()) + feature["other"]
    assert total + feature["missing"] == len(ROWS)


def test_a_value_on_a_cut_belongs_to_the_bin_above():
    assert binned(np.array([0.9, 1.0, 2.0, 2.1, np.nan]), [1.0, 2.0]) == [1, 1, 2]


def test_few_distinct_numbers_have_a_bin_each(made):
    feature = made["features"]["foreign_born"]
    assert feature["counts"] == [int((~ROWS.foreign_born).sum()), int(ROWS.foreign_born.sum())]


def test_many_distinct_numbers_fall_into_bins_of_about_as_many_rows(made):
    shares = np.array(made["features"]["age"]["counts"]) / len(ROWS)
    assert len(shares) == 10
    assert np.all((shares > 0.05) & (shares < 0.15))


def test_missing_values_are_counted_apart():
    rows = pd.DataFrame({"age": [1.0, np.nan, 3.0, 4.0], "kind": ["a", "a", None, "__missing__"]})
    made = reference(rows, {})["features"]
    assert (made["age"]["missing"], made["kind"]["missing"], made["kind"]["counts"]) == (1, 2, {"a": 2})


def test_a_boolean_column_that_misses_values_is_counted_as_one_that_misses_none():
    rows = pd.DataFrame({"whole": [True, False, True], "gaps": [True, None, False], "none": [None] * 3})
    made = reference(rows, {})["features"]
    assert (made["whole"]["kind"], made["whole"]["counts"]) == ("number", [1, 2])
    assert (made["gaps"]["kind"], made["gaps"]["counts"], made["gaps"]["missing"]) == ("number", [1, 1], 1)
    assert (made["none"]["kind"], made["none"]["missing"]) == ("category", 3)


def test_rare_categories_become_one_count():
    labels = [f"c{number}" for number in range(200)] + ["common"] * 50
    rows = pd.DataFrame({"kind": labels})
    made = reference(rows, {}, others=rows)["features"]["kind"]
    assert (len(made["counts"]), made["other"]) == (MOST_CATEGORIES, 250 - 50 - (MOST_CATEGORIES - 1))


def test_other_rows_choose_the_labels_that_have_a_count():
    others = pd.DataFrame({"kind": [f"c{number}" for number in range(60) for _ in range(60 - number)]})
    rows = pd.DataFrame({"kind": ["c0", "c59", "c59", "new"]})
    made = reference(rows, {}, others=others)["features"]["kind"]
    assert set(made["counts"]) == {f"c{number}" for number in range(MOST_CATEGORIES)}
    assert (made["counts"]["c0"], made["counts"]["c7"], made["other"]) == (1, 0, 3)


def test_of_one_table_with_rare_labels_every_other_row_chooses_and_the_rest_is_counted():
    rows = pd.DataFrame({"kind": ["a", "a", "b", "a", "b", "c"], "sex": ["f", "m"] * 3})
    made = reference(rows, {})["features"]
    assert (made["kind"]["counts"], made["kind"]["other"]) == ({"a": 2, "b": 0}, 1)
    assert made["sex"]["counts"] == {"f": 3, "m": 3}


def test_scores_and_decisions_are_counted(made):
    assert sum(made["y_score"]["counts"]) == len(ROWS)
    assert made["y_pred"] == {"0": int((Y_PRED == 0).sum()), "1": int(Y_PRED.sum())}


def test_classes_are_counted_by_name_and_numbers_in_bins_of_about_as_many_rows():
    said = {"y_pred": np.array(["a", "b"] * 1000, dtype=object), "y_low": np.arange(2000) - 500.0}
    made = reference(ROWS, said)
    assert made["y_pred"] == {"a": 1000, "b": 1000}
    assert made["y_low"]["counts"] == [200] * 10


def test_it_is_plain_json(made):
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_dates_are_binned_as_seconds_and_texts_by_their_length_alone():
    rows = films().table[["released", "premiered", "title"]]
    made = reference(rows, {}, texts=["title"])["features"]
    assert [made[name]["kind"] for name in rows] == ["datetime", "datetime", "text"]
    assert all(sum(made[name]["counts"]) + made[name]["missing"] == len(rows) for name in rows)
    assert made["premiered"]["missing"] == rows["premiered"].isna().sum()
    first, last = (rows["released"].quantile(share).timestamp() for share in (0.09, 0.11))
    assert first < made["released"]["cuts"][0] < last
    assert not any(str(title) in json.dumps(made) for title in rows["title"].dropna()[:50])
