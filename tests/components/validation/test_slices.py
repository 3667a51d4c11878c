from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from components.validation.bounds import simultaneous_level
from components.validation.intervals import interval
from components.validation.metrics import METRICS
from components.validation.resampling import Design
from components.validation.slices import slice_report
from tests.components.validation.sample import people

FEATURES = ["age", "marital_status", "foreign_born"]


def report(frame=None, *, metric="roc_auc", min_rows=100, score=None, **options):
    sample = people()
    frame = sample.frame[FEATURES] if frame is None else frame
    score = sample.score if score is None else score
    return slice_report(frame, sample.y, score, metric=metric, min_rows=min_rows, **options)


def named(found, feature):
    return {each.bin: each for each in found.slices if each.feature == feature}


def test_numbers_are_cut_into_bins_of_about_equally_many_rows():
    bins = named(report(), "age")
    assert len(bins) == 4
    assert sum(each.rows for each in bins.values()) == len(people().y)
    assert next(iter(bins)).startswith("18 to ")
    assert list(bins)[-1].endswith(" to 64")


def test_bins_do_not_overlap():
    edges = [name.split(" to ") for name in named(report(), "age")]
    assert all(int(high) < int(low) for (_, high), (low, _) in pairwise(edges))


def test_categories_and_booleans_are_slices_each():
    found = report()
    assert {"married", "never_married", "divorced"} <= set(named(found, "marital_status"))
    assert set(named(found, "foreign_born")) == {"False", "True"}


def test_a_slices_value_is_the_metric_on_its_rows():
    sample, married = people(), (people().frame["marital_status"] == "married").to_numpy()
    each = named(report(), "marital_status")["married"]
    assert each.rows == married.sum()
    assert each.value == pytest.approx(METRICS["roc_auc"].function(sample.y[married], sample.score[married]))
    assert each.low < each.value < each.high


@pytest.mark.parametrize("absent", [None, "__missing__"])
def test_missing_values_are_a_slice(absent):
    column = people().frame["marital_status"].astype(object)
    column[:200] = absent
    assert named(report(pd.DataFrame({"marital_status": column})), "marital_status")["missing"].rows == 200


def test_missing_numbers_are_a_slice():
    column = people().frame["age"].astype(float)
    column[:200] = np.nan
    assert named(report(pd.DataFrame({"age": column})), "age")["missing"].rows == 200


def test_small_slices_are_named_and_not_scored():
    found = report(min_rows=100)
    widowed = int((people().frame["marital_status"] == "widowed").sum())
    assert widowed < 100
    assert f"marital_status = widowed ({widowed} rows)" in found.skipped
    assert "widowed" not in named(found, "marital_status")


def test_many_small_slices_are_counted():
    names = pd.DataFrame({"name": np.arange(len(people().y)).astype(str)})
    assert report(names).skipped == ("name: 1,500 slices of too few rows",)


def test_a_slice_with_hardly_a_row_of_one_class_is_not_scored():
    lucky = np.where(np.cumsum(people().y == 0) > 5, "others", "the first")
    rows = int((lucky == "the first").sum())
    found = report(pd.DataFrame({"luck": lucky}), min_rows=10)
    assert found.skipped == (f"luck = the first ({rows} rows)",)


def test_a_slice_without_weight_is_not_scored():
    weight = np.where(people().frame["foreign_born"], 0.0, 1.0)
    assert set(named(report(sample_weight=weight), "foreign_born")) == {"False"}


def test_without_a_slice_of_enough_rows_none_is_scored_and_all_are_named():
    found = report(min_rows=10_000)
    assert found.slices == ()
    assert (found.worst.feature, found.worst.rows) == ("all", len(people().y))
    assert any("marital_status" in each for each in found.skipped)


def test_the_bound_is_the_lowest_at_the_level_for_all_slices_together():
    sample, found, bounds = people(), report(), []
    level = simultaneous_level(0.05, len(found.slices))
    for name in named(found, "marital_status"):
        rows = (sample.frame["marital_status"] == name).to_numpy()
        area = METRICS["roc_auc"].of(sample.y[rows], sample.score[rows], 0.5)
        bounds.append(interval(area, Design(int(rows.sum())), bounded=True, level=level, one_sided=True)[0])
    assert found.worst_low <= min(bounds)
    alone = report(sample.frame[["marital_status"]])
    assert alone.worst_low > found.worst_low or alone.worst != found.worst


def test_the_bound_lies_below_every_slices_own_interval():
    found = report()
    assert found.worst_low < min(each.low for each in found.slices)


def test_a_slice_with_spoiled_scores_is_found_to_be_the_worst():
    divorced = (people().frame["marital_status"] == "divorced").to_numpy()
    found = report(score=np.where(divorced, 1 - people().score, people().score))
    assert (found.worst.feature, found.worst.bin) == ("marital_status", "divorced")
    assert found.worst_low < 0.5


def test_where_less_is_better_the_worst_is_the_highest_and_its_bound_an_upper_one():
    found = report(metric="log_loss")
    assert found.worst_low > max(each.high for each in found.slices)
    assert found.worst.value > METRICS["log_loss"].function(people().y, people().score)


def test_metrics_of_decisions_use_the_threshold():
    sample, married = people(), (people().frame["marital_status"] == "married").to_numpy()
    each = named(report(metric="accuracy", threshold=0.8), "marital_status")["married"]
    assert each.value == pytest.approx(np.mean((sample.score >= 0.8)[married] == sample.y[married]))


def test_weights_and_groups_reach_the_slices():
    sample = people()
    plain, designed = report(), report(sample_weight=sample.weight, groups=sample.group)
    first, second = (named(found, "foreign_born")["False"] for found in (plain, designed))
    assert first.value != second.value
    assert second.high - second.low > first.high - first.low


def test_dates_are_cut_into_bins_that_are_named_by_their_days():
    count = len(people().y)
    frame = pd.DataFrame({"seen": pd.Timestamp("2015-01-01") + pd.to_timedelta(np.arange(count), "D")})
    bins = named(report(frame), "seen")
    assert len(bins) == 4
    assert next(iter(bins)).startswith("2015-01-01 to 201")
    assert not any(":" in name for name in bins)


def test_thousands_of_categories_are_counted_and_not_scored():
    frame = pd.DataFrame({"town": [f"t{row}" for row in range(len(people().y))]})
    assert report(frame).skipped == (f"town: {len(frame):,} slices of too few rows",)
