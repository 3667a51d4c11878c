import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from threading import Barrier

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from components.data import snapshot
from components.data.conformity import conform
from components.data.contract import Contract
from components.data.rowhash import BATCH_ROWS
from components.data.snapshot import Snapshot, content_version, load, quarantine, take, versions
from components.data.source import load as read
from components.errors import DataError
from components.store import Store

ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


@pytest.fixture
def every_type() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "flag": [True, False, None],
            "count": [1, -(2**62), None],
            "amount": [0.1, -0.0, float("nan")],
            "short": ["a", "", None],
            "long": ["more than twelve bytes", "Übergrößenträger", None],
            "day": [date(1969, 12, 31), date(2024, 2, 29), None],
            "moment": [datetime(2024, 2, 29, 12, 30, 15, 123456), datetime(1900, 1, 1), None],
        }
    )


def test_the_version_of_the_sample_is_pinned(sample: pl.DataFrame) -> None:
    assert content_version(sample) == "dc6a6c68088f87fbd"


def test_the_version_of_every_type_is_pinned(every_type: pl.DataFrame) -> None:
    assert content_version(every_type) == "dae25ad87ff30eebc"


def test_the_version_of_a_table_without_rows_is_pinned(every_type: pl.DataFrame) -> None:
    assert content_version(every_type.clear()) == "d80a25714581bcea7"


def test_the_order_of_rows_does_not_count(sample: pl.DataFrame) -> None:
    assert content_version(sample.sort("age", "race")) == content_version(sample)


def test_the_order_of_columns_does_not_count(sample: pl.DataFrame) -> None:
    assert content_version(sample.select(reversed(sample.columns))) == content_version(sample)


def test_storage_does_not_count(sample: pl.DataFrame) -> None:
    stored = sample.select(
        pl.col("year", "age", "education").cast(pl.UInt32),
        pl.col(pl.Categorical).exclude("race").cast(pl.String),
        pl.col("race").cast(pl.Enum(sorted(sample["race"].unique().cast(pl.String)))),
        pl.col(pl.Boolean),
    )
    assert content_version(stored) == content_version(sample)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_format_and_path_do_not_count(
    suffix: str, sample: pl.DataFrame, contract: Contract, tmp_path: Path
) -> None:
    path = tmp_path / f"elsewhere.{suffix}"
    getattr(sample.reverse(), f"write_{suffix}")(path)
    assert content_version(conform(read(str(path)), contract)) == content_version(sample)


def test_duplicates_count(sample: pl.DataFrame) -> None:
    assert content_version(pl.concat([sample, sample[:1]])) != content_version(sample)


def test_a_pair_of_duplicates_does_not_cancel_out(sample: pl.DataFrame) -> None:
    assert content_version(pl.concat([sample, sample[:1], sample[:1]])) != content_version(sample)


def test_rows_exchanged_between_batches_do_not_count(sample: pl.DataFrame) -> None:
    large = pl.concat([sample] * (BATCH_ROWS // sample.height + 2)).with_row_index()
    assert content_version(large.reverse()) == content_version(large)


def test_one_changed_value_counts(sample: pl.DataFrame) -> None:
    changed = sample.with_columns(
        pl.when(pl.int_range(pl.len()) == 99).then(18).otherwise("age").alias("age")
    )
    assert content_version(changed) != content_version(sample)


def test_values_exchanged_between_rows_count(sample: pl.DataFrame) -> None:
    exchanged = sample.with_columns(pl.col("age").reverse())
    assert content_version(exchanged) != content_version(sample)


def test_a_missing_value_counts(sample: pl.DataFrame) -> None:
    blanked = sample.with_columns(pl.when(pl.int_range(pl.len()) > 0).then("age").alias("age"))
    assert content_version(blanked) != content_version(sample)


def test_a_renamed_column_counts(sample: pl.DataFrame) -> None:
    assert content_version(sample.rename({"age": "years"})) != content_version(sample)


def test_the_logical_type_counts() -> None:
    assert content_version(pl.DataFrame({"a": [1, 2]})) != content_version(pl.DataFrame({"a": ["1", "2"]}))
    assert content_version(pl.DataFrame({"a": [1, 2]})) != content_version(pl.DataFrame({"a": [1.0, 2.0]}))


def test_a_snapshot_brings_its_rows_back(sample: pl.DataFrame, store: Store) -> None:
    taken = take(sample, source="table.parquet", store=store)
    assert_frame_equal(load(taken.version, store), sample)


def test_a_snapshot_says_what_it_is(sample: pl.DataFrame, store: Store) -> None:
    taken = take(sample, source="table.parquet", store=store)
    assert taken.version == content_version(sample)
    assert (taken.rows, taken.columns, taken.source) == (
        sample.height,
        tuple(sample.columns),
        "table.parquet",
    )
    assert taken.size_bytes == len(store.read(f"snapshots/{taken.version}/data.parquet"))
    assert datetime.fromisoformat(taken.created).utcoffset() is not None


def test_the_first_snapshot_of_a_version_stays(sample: pl.DataFrame, store: Store) -> None:
    first = take(sample, source="first.parquet", store=store)
    kept = store.read(f"snapshots/{first.version}/data.parquet")
    assert take(sample.reverse(), source="second.csv", store=store) == first
    assert store.read(f"snapshots/{first.version}/data.parquet") == kept


def test_a_snapshot_left_half_written_is_completed(sample: pl.DataFrame, store: Store) -> None:
    taken = take(sample, source="table.parquet", store=store)
    half = Store(store.root + "-half")
    half.write(
        f"snapshots/{taken.version}/data.parquet", store.read(f"snapshots/{taken.version}/data.parquet")
    )
    assert take(sample.reverse(), source="table.parquet", store=half).version == taken.version
    assert_frame_equal(load(taken.version, half), sample)


def test_versions_are_listed_from_the_oldest(sample: pl.DataFrame, store: Store) -> None:
    taken = [take(sample[:rows], source=f"{rows} rows", store=store) for rows in (10, 20, 30)]
    assert versions(store) == sorted(taken, key=lambda kept: (kept.created, kept.version))


def test_takers_at_the_same_time_agree(sample: pl.DataFrame, store: Store) -> None:
    start = Barrier(8)

    def taken(number: int) -> Snapshot:
        start.wait()
        return take(sample.sort(sample.columns[number]), source=f"taker {number}", store=store)

    with ThreadPoolExecutor(8) as takers:
        results = set(takers.map(taken, range(8)))
    assert results == set(versions(store))


def test_a_store_without_snapshots_lists_none(store: Store) -> None:
    assert versions(store) == []


def test_a_remote_store_keeps_snapshots_too(sample: pl.DataFrame) -> None:
    remote = Store("memory://snapshots-of-a-test")
    taken = take(sample, source="table.parquet", store=remote)
    assert take(sample, source="table.parquet", store=remote) == taken
    assert_frame_equal(load(taken.version, remote), sample)
    assert versions(remote) == [taken]


@pytest.mark.parametrize("position", [0.0, 0.2, 0.5, 0.9, 0.999])
def test_a_flipped_byte_is_found_and_named(position: float, sample: pl.DataFrame, store: Store) -> None:
    taken = take(sample, source="table.parquet", store=store)
    name = f"snapshots/{taken.version}/data.parquet"
    damaged = bytearray(store.read(name))
    damaged[int(position * len(damaged))] ^= 1
    store.write(name, bytes(damaged))
    for touch in (lambda: load(taken.version, store), lambda: take(sample, source="again", store=store)):
        with pytest.raises(DataError, match=rf"{name} in the store is damaged"):
            touch()
    assert store.read(name) == bytes(damaged)


@pytest.mark.parametrize("size", [0, 1000, -1])
def test_a_truncated_file_is_found_and_named(size: int, sample: pl.DataFrame, store: Store) -> None:
    version = take(sample, source="table.parquet", store=store).version
    name = f"snapshots/{version}/data.parquet"
    store.write(name, store.read(name)[:size])
    with pytest.raises(DataError, match=rf"{name} in the store is damaged"):
        load(version, store)


def test_other_rows_in_place_of_a_half_written_snapshot_are_found(sample: pl.DataFrame, store: Store) -> None:
    version, name = content_version(sample), f"snapshots/{content_version(sample)}/data.parquet"
    others = BytesIO()
    sample[1:].write_parquet(others)
    store.write(name, others.getvalue())
    with pytest.raises(
        DataError, match=rf"{name} in the store is damaged: its content is {content_version(sample[1:])}"
    ):
        take(sample, source="table.parquet", store=store)
    assert not store.exists(f"snapshots/{version}/snapshot.json")


def test_a_lost_file_is_named(sample: pl.DataFrame, store: Store) -> None:
    version = take(sample, source="table.parquet", store=store).version
    Path(store.url(f"snapshots/{version}/data.parquet")).unlink()
    with pytest.raises(
        DataError, match=rf"snapshots/{version}/data.parquet in the store is damaged: it is missing"
    ):
        take(sample, source="table.parquet", store=store)


@pytest.mark.parametrize(
    "alter",
    [
        lambda text: text.replace("table.parquet", "other.parquet"),
        lambda text: text[:-20],
        lambda text: "[]",
        lambda text: json.dumps({**json.loads(text), "rows": 1}),
        lambda text: json.dumps({key: value for key, value in json.loads(text).items() if key != "source"}),
    ],
)
def test_an_altered_description_is_found_and_named(alter, sample: pl.DataFrame, store: Store) -> None:
    version = take(sample, source="table.parquet", store=store).version
    name = f"snapshots/{version}/snapshot.json"
    store.write(name, alter(store.read(name).decode()).encode())
    for touch in (lambda: versions(store), lambda: load(version, store)):
        with pytest.raises(DataError, match=rf"{name} in the store is damaged"):
            touch()


def test_a_version_that_is_not_kept_is_named(store: Store) -> None:
    with pytest.raises(DataError, match="has no data version d0123456789abcdef"):
        load("d0123456789abcdef", store)


@pytest.mark.parametrize("version", ["", "../../etc", "d0123", "D0123456789ABCDEF"])
def test_a_text_that_is_no_version_is_refused(version: str, store: Store) -> None:
    with pytest.raises(DataError, match="is no data version"):
        load(version, store)


def test_quarantined_rows_are_kept(sample: pl.DataFrame, store: Store) -> None:
    rows = sample[:5].with_columns(reasons=pl.lit("age: below 16"))
    name = quarantine(rows, "d0123456789abcdef", store)
    assert name.startswith("quarantine/d0123456789abcdef/")
    assert_frame_equal(pl.read_parquet(store.url(name)), rows)


def test_the_same_rows_are_quarantined_once(sample: pl.DataFrame, store: Store) -> None:
    names = [
        quarantine(rows, "d0123456789abcdef", store)
        for rows in (sample[:5], sample[:5].reverse(), sample[:4])
    ]
    assert names[0] == names[1] != names[2]
    assert store.names("quarantine") == sorted(set(names))


PIN = (("git commit", "3f2a"), ("md5 data/table.csv", "c40e"))


def test_what_exactly_was_read_is_kept(sample: pl.DataFrame, store: Store) -> None:
    taken = take(sample, source="dvc://tables/data/table.csv", store=store, pin=PIN)
    assert taken.pin == PIN
    assert versions(store) == [taken]


def test_the_first_pin_of_a_version_stays(sample: pl.DataFrame, store: Store) -> None:
    first = take(sample, source="table.csv", store=store)
    assert take(sample, source="dvc://tables/data/table.csv", store=store, pin=PIN) == first
    assert first.pin == ()


def test_a_description_from_before_there_were_pins_is_read(sample: pl.DataFrame, store: Store) -> None:
    version = take(sample, source="table.csv", store=store).version
    name = f"snapshots/{version}/snapshot.json"
    content = json.loads(store.read(name))
    assert set(content) == {
        "version", "rows", "columns", "size_bytes", "created", "source", "data_sha256", "sha256",
    }  # fmt: skip
    del content["sha256"]
    seal = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    store.write(name, json.dumps({**content, "sha256": seal}).encode())
    assert versions(store)[0].pin == ()
    assert_frame_equal(load(version, store), sample)


def test_a_pin_that_was_put_in_later_is_found(sample: pl.DataFrame, store: Store) -> None:
    version = take(sample, source="table.csv", store=store, pin=PIN).version
    name = f"snapshots/{version}/snapshot.json"
    store.write(name, store.read(name).replace(b"3f2a", b"4f2a"))
    with pytest.raises(DataError, match=r"it was altered after it was written"):
        versions(store)


def test_lost_rows_are_put_back_and_the_rest_of_what_is_known_stays(
    sample: pl.DataFrame, store: Store
) -> None:
    taken = take(sample, source="table.csv", store=store, pin=PIN)
    Path(store.url(f"snapshots/{taken.version}/data.parquet")).unlink()
    assert snapshot.is_lost(taken.version, store)
    again = snapshot.restore(sample.reverse(), taken, store)
    assert replace(again, size_bytes=0) == replace(taken, size_bytes=0)
    assert again.size_bytes == len(store.read(f"snapshots/{taken.version}/data.parquet"))
    assert_frame_equal(load(taken.version, store), sample.reverse())


def test_other_rows_are_not_put_in_the_place_of_lost_ones(sample: pl.DataFrame, store: Store) -> None:
    taken = take(sample, source="table.csv", store=store)
    Path(store.url(f"snapshots/{taken.version}/data.parquet")).unlink()
    with pytest.raises(DataError, match=f"not {taken.version}; restore"):
        snapshot.restore(sample[1:], taken, store)
    assert snapshot.is_lost(taken.version, store)


def test_those_who_put_lost_rows_back_at_the_same_time_agree(sample: pl.DataFrame, store: Store) -> None:
    taken = take(sample, source="table.csv", store=store)
    Path(store.url(f"snapshots/{taken.version}/data.parquet")).unlink()
    start = Barrier(4)

    def restored(number: int) -> None:
        start.wait()
        snapshot.restore(sample.sort(sample.columns[number]), taken, store)

    with ThreadPoolExecutor(4) as restorers:
        list(restorers.map(restored, range(4)))
    assert load(taken.version, store).height == sample.height


@pytest.fixture(scope="module")
def larger() -> pl.DataFrame:
    """A table of more than one batch, and the last one not full."""
    rows = pl.int_range(snapshot._BATCH_ROWS + 1234, eager=True)
    return pl.DataFrame(
        {
            "n": rows,
            "kind": (rows % 7).cast(pl.String).cast(pl.Categorical),
            "text": pl.select(pl.format("text {}", rows)).to_series(),
        }
    )


def test_a_table_of_several_batches_comes_back_as_it_was(larger: pl.DataFrame, store: Store) -> None:
    assert_frame_equal(load(take(larger, source="x", store=store).version, store), larger)


def test_rows_that_are_asked_for_are_those_of_the_whole_table(larger: pl.DataFrame, store: Store) -> None:
    where = np.random.default_rng(0).random(larger.height) < 0.3
    version = take(larger, source="x", store=store).version
    assert_frame_equal(load(version, store, where), larger.filter(where))


def test_rows_that_are_asked_for_come_in_the_same_types(every_type: pl.DataFrame, store: Store) -> None:
    version = take(every_type, source="x", store=store).version
    assert_frame_equal(load(version, store, np.array([False, True, True])), every_type[1:])


def test_a_question_about_another_number_of_rows_is_an_error(every_type: pl.DataFrame, store: Store) -> None:
    version = take(every_type, source="x", store=store).version
    with pytest.raises(ValueError, match="2 rows are asked about"):
        load(version, store, np.ones(2, bool))


def test_rows_that_nobody_asked_for_are_verified_too(sample: pl.DataFrame, store: Store) -> None:
    version, name = content_version(sample), f"snapshots/{content_version(sample)}/data.parquet"
    take(sample, source="x", store=store)
    others = BytesIO()
    pl.concat([sample[:1], sample[:1], sample[2:]]).write_parquet(others)
    store.write(name, others.getvalue())
    description = json.loads(store.read(f"snapshots/{version}/snapshot.json"))
    del description["sha256"]
    description["data_sha256"] = hashlib.sha256(others.getvalue()).hexdigest()
    sealed = {**description, "sha256": snapshot._seal(description)}
    store.write(f"snapshots/{version}/snapshot.json", json.dumps(sealed).encode())
    with pytest.raises(DataError, match="its content is"):
        load(version, store, np.arange(sample.height) == 0)


def test_a_snapshot_taken_again_is_verified(sample: pl.DataFrame, store: Store) -> None:
    version = take(sample, source="x", store=store).version
    name = f"snapshots/{version}/data.parquet"
    store.write(name, store.read(name)[:-1])
    with pytest.raises(DataError, match="not those that were written"):
        take(sample, source="x", store=store)
