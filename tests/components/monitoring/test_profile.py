"""A window is counted in the reference's bins, once a row, whatever the types that the log has."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest

from components.monitoring import profile as profile_module
from components.monitoring.bins import of_reference
from components.monitoring.profile import profile
from components.release.reference import FINE_BINS, reference

GENERATOR = np.random.default_rng(3)
ROWS = pd.DataFrame(
    {
        "income": GENERATOR.lognormal(3, 1, 3000),
        "children": GENERATOR.integers(0, 5, 3000),
        "member": GENERATOR.random(3000) < 0.3,
        "kind": GENERATOR.choice(["a", "b", "c"], 3000),
        "born": [
            datetime(2000, 1, 1) + timedelta(days=int(day)) for day in GENERATOR.integers(0, 9000, 3000)
        ],
        "note": GENERATOR.choice(["", "short", "a longer one"], 3000),
    }
)
Y_SCORE = GENERATOR.random(3000)
Y_PRED = (Y_SCORE > 0.4).astype(int)
BINS = of_reference(reference(ROWS, {"y_score": Y_SCORE, "y_pred": Y_PRED}, texts=["note"]))
LOG = pl.from_pandas(ROWS).with_columns(
    pl.col("born").dt.epoch("s").cast(pl.Float64), y_score=pl.Series(Y_SCORE), y_pred=pl.Series(Y_PRED)
)


def test_the_reference_rows_themselves_give_the_reference():
    found = profile(LOG.lazy(), BINS)
    assert found.rows == 3000
    for name, bins in BINS.items():
        counts = found.columns[name]
        assert counts.known.tolist() == bins.reference.known.tolist(), name
        assert (counts.missing, counts.other) == (bins.reference.missing, 0), name
        assert np.allclose(counts.means, bins.reference.means, rtol=1e-9), name


def test_the_ten_bins_of_psi_are_made_of_the_fine_ones():
    told = reference(ROWS, {})["features"]
    assert len(told["income"]["fine"]["counts"]) == FINE_BINS
    assert set(told["income"]["cuts"]) <= set(told["income"]["fine"]["cuts"])
    cells = BINS["income"].cells(BINS["income"].reference)
    assert cells.tolist() == [*told["income"]["counts"], 0]


def test_batches_and_threads_change_nothing(monkeypatch):
    whole = profile(LOG.lazy(), BINS)
    monkeypatch.setattr(profile_module, "BATCH_ROWS", 700)
    parts = profile(LOG.lazy(), BINS, threads=3)
    assert parts.rows == whole.rows
    for name, counts in whole.columns.items():
        assert parts.columns[name].known.tolist() == counts.known.tolist()


def test_missing_values_and_new_labels_are_counted_apart():
    log = pl.DataFrame({"income": [1.0, None, float("nan")], "kind": ["a", "new", None]})
    found = profile(log.lazy(), BINS).columns
    assert (found["income"].missing, found["kind"].missing, found["kind"].other) == (2, 1, 1)
    assert found["kind"].strange == (("new", 1),)


def test_values_of_another_type_count_as_missing():
    found = profile(pl.DataFrame({"income": ["12.5", "many"]}).lazy(), BINS).columns["income"]
    assert (found.known.sum(), found.missing) == (1, 1)


def test_a_column_that_is_not_logged_is_not_counted():
    assert set(profile(LOG.lazy().select("kind"), BINS).columns) == {"kind"}
    assert profile(LOG.lazy().select(pl.lit(1).alias("x")).head(2), BINS).rows in (1, 2)


def test_an_older_bundle_without_fine_bins_can_be_watched():
    told = reference(ROWS, {"y_score": Y_SCORE})
    for entry in (*told["features"].values(), told["y_score"]):
        entry.pop("fine", None)
    bins = of_reference(told)
    found = profile(LOG.lazy(), bins)
    assert found.columns["income"].known.tolist() == told["features"]["income"]["counts"]


MEMBERS = pl.DataFrame({"member": [None, True, True, False] * 25})


def test_a_boolean_column_that_misses_values_is_counted_as_at_training():
    bins = of_reference(reference(MEMBERS.to_pandas(), {}))
    found = profile(MEMBERS.lazy(), bins).columns["member"]
    assert (found.known.tolist(), found.missing, found.other) == ([25, 50], 25, 0)
    assert found.known.tolist() == bins["member"].reference.known.tolist()


def test_an_older_bundle_that_counts_such_a_column_as_labels_can_be_watched():
    told = {"kind": "category", "counts": {"True": 50, "False": 25}, "other": 0, "missing": 25}
    found = profile(MEMBERS.lazy(), of_reference({"features": {"member": told}})).columns["member"]
    assert (found.known.tolist(), found.missing, found.strange) == ([50, 25], 25, ())


@pytest.mark.parametrize("dtype", [pl.Datetime("us"), pl.Datetime("ms", "UTC")])
def test_dates_are_read_in_any_form(dtype):
    log = pl.from_pandas(ROWS[["born"]]).with_columns(pl.col("born").cast(pl.Datetime("us")))
    zone = getattr(dtype, "time_zone", None)
    log = log.with_columns(pl.col("born").dt.replace_time_zone(zone).cast(dtype))
    assert profile(log.lazy(), BINS).columns["born"].known.tolist() == BINS["born"].reference.known.tolist()
