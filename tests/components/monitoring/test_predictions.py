"""The rows that are watched, from the server's segments and from batch scores: damaged, from the future, out of order."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from components.errors import DataError
from components.monitoring import spool
from components.monitoring.faults import Faults
from components.monitoring.predictions import Predictions, predictions
from components.serving import prediction_log
from components.serving.prediction_log import PredictionLog, Record, read

DAY = datetime(2016, 3, 4, tzinfo=UTC)
NOW = datetime(2016, 3, 10, tzinfo=UTC)
COLUMNS = {"age": [40, 23], "note": ["a", None]}


def record(name: str, at: datetime, **columns: list) -> Record:
    return Record(
        name, at.timestamp(), "champion", "b" * 64, "12", columns or COLUMNS, {"y_score": [0.25, 1 / 3]}
    )


def write(folder: Path, *records: Record, day: str = "2016-03-04") -> Path:
    """A segment with these records, in the folder of a day."""
    log = PredictionLog(folder / "draft", worker="w", mode="strict")
    log.append(*records)
    log.close()
    (segment,) = prediction_log.segments(folder / "draft")
    (folder / day).mkdir(parents=True, exist_ok=True)
    return segment.rename(folder / day / f"{len(list(folder.glob('*/*'))):04d}.jsonl")


def rows(
    folder: Path, since: datetime = DAY, until: datetime = DAY + timedelta(days=1)
) -> tuple[pl.DataFrame, object]:
    with predictions(folder, since, until, NOW) as found:
        return found.rows.collect(), found


def test_rows_are_those_that_read_gives(tmp_path):
    write(tmp_path, record("a", DAY), record("b", DAY + timedelta(hours=3)))
    found, told = rows(tmp_path)
    expected, _ = read(tmp_path)
    assert found.select(expected.columns).equals(
        expected.with_columns(pl.col("served_at").cast(pl.Datetime("us", "UTC")))
    )
    assert told.faults == Faults()


def test_many_rows_go_to_the_disk_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "SPOOL_ROWS", 4)
    write(tmp_path, *(record(str(n), DAY + timedelta(minutes=n)) for n in range(9)))
    write(tmp_path, record("other", DAY, age=[1.5, None]), record("text", DAY, age=["x", "y"]))
    found, _ = rows(tmp_path)
    assert found.height == 22
    assert found["prediction_id"].n_unique() == 22


def test_only_the_span_is_read_and_its_end_is_left_out(tmp_path):
    moments = [DAY - timedelta(seconds=1), DAY, DAY + timedelta(hours=23), DAY + timedelta(days=1)]
    write(tmp_path, *(record(str(n), at) for n, at in enumerate(moments)))
    assert rows(tmp_path)[0]["prediction_id"].to_list() == ["1:0", "1:1", "2:0", "2:1"]


def test_what_was_made_before_midnight_and_written_after_it_is_found(tmp_path):
    write(tmp_path, record("late", DAY + timedelta(hours=23, minutes=59, seconds=59)), day="2016-03-05")
    assert rows(tmp_path)[0].height == 2


def test_pods_that_share_a_volume_have_a_folder_each(tmp_path):
    write(tmp_path / "model-7d9f-aaaaa", record("late", DAY + timedelta(hours=2)))
    write(tmp_path / "model-7d9f-aaaaa", record("next day", DAY + timedelta(days=1)), day="2016-03-05")
    write(tmp_path / "model-7d9f-bbbbb", record("early", DAY))
    write(tmp_path / "model-7d9f-bbbbb", record("long ago", DAY), day="2016-03-01")
    found, _ = rows(tmp_path, until=DAY + timedelta(days=2))
    assert found["prediction_id"].to_list() == [
        f"{name}:{row}" for name in ("late", "early", "next day") for row in (0, 1)
    ]  # those of a day long before are not opened
    assert read(tmp_path)[0].height == 8


def test_the_segments_of_pods_are_in_the_order_of_their_days_and_times(tmp_path):
    names = {
        "b/2016-03-03": "120000000000-w-0001", "a/2016-03-04": "070000000000-w-0001",
        "b/2016-03-04": "060000000000-w-0001", "2016-03-04": "080000000000-w-0001",
    }  # fmt: skip
    for day, name in names.items():
        (tmp_path / day).mkdir(parents=True)
        (tmp_path / day / f"{name}.jsonl").touch()
    found = [str(path.parent.relative_to(tmp_path)) for path in prediction_log.segments(tmp_path)]
    assert found == ["b/2016-03-03", "b/2016-03-04", "a/2016-03-04", "2016-03-04"]


def test_segments_of_days_long_before_are_not_opened(tmp_path):
    write(tmp_path, record("old", DAY), day="2016-03-01").write_bytes(b"damaged\n")
    assert rows(tmp_path)[1].faults.damaged.total() == 0


def test_segments_of_later_days_are_not_read_on_behind_their_first_line(tmp_path):
    later = DAY + timedelta(days=2)
    segment = write(tmp_path, record("later", later), day=f"{later:%Y-%m-%d}")
    segment.write_bytes(segment.read_bytes() + b"damaged\n")
    assert rows(tmp_path)[1].faults.damaged.total() == 0
    assert rows(tmp_path, until=later)[1].faults.damaged.total() == 1


@pytest.mark.parametrize("days", [1, 2, 5, 6])
def test_what_had_waited_for_days_to_be_written_is_found(tmp_path, days):
    """As where the disk was full: what waited comes first."""
    later = DAY + timedelta(days=days, hours=2)
    write(tmp_path, record("waited", DAY), record("later", later), day=f"{later:%Y-%m-%d}")
    assert rows(tmp_path)[0]["prediction_id"].to_list() == ["waited:0", "waited:1"]


def test_the_segments_of_today_are_read_for_clocks_that_are_ahead(tmp_path):
    write(
        tmp_path,
        record("a", NOW - timedelta(hours=1)),
        record("ahead", NOW + timedelta(hours=1)),
        day="2016-03-10",
    )
    assert rows(tmp_path)[1].faults.future == 2


def test_damaged_lines_are_counted_and_the_others_read(tmp_path):
    segment = write(tmp_path, record("a", DAY), record("b", DAY), record("c", DAY))
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(lines[0] + lines[1].replace(b"40", b"41") + lines[2][:-20])
    write(tmp_path, record("d", DAY)).write_bytes(bytes(range(256)) * 10)
    found, told = rows(tmp_path)
    assert found["prediction_id"].to_list() == ["a:0", "a:1"]
    assert told.faults.within(DAY, DAY + timedelta(days=1))[0] >= 3


def test_the_future_is_counted_and_left_out(tmp_path):
    """Of a clock that is ahead of ours the whole segment is; which window its rows belong to is not known yet."""
    far = NOW + timedelta(days=900)
    write(tmp_path, record("now", DAY))
    write(tmp_path, record("future", far), day=f"{far:%Y-%m-%d}")
    found, told = rows(tmp_path, until=NOW + timedelta(days=2000))
    assert (found.height, told.faults.future) == (2, 2)


def test_a_clock_that_jumped_ahead_counts_in_the_window_in_which_it_did(tmp_path):
    """Its rows are in no window, also once their time has come."""
    ahead = record("ahead", DAY + timedelta(days=3))
    write(tmp_path, record("a", DAY + timedelta(hours=2)), ahead, record("b", DAY + timedelta(hours=3)))
    day = timedelta(days=1)
    for since, until in ((DAY, DAY + day), (DAY - day, NOW), (DAY, DAY + 4 * day)):
        found, told = rows(tmp_path, since, until)
        assert found["prediction_id"].to_list() == ["a:0", "a:1", "b:0", "b:1"]
        assert told.faults.within(DAY, DAY + day) == (0, 2, 0)
        assert told.faults.within(DAY + 3 * day, DAY + 4 * day) == (0, 0, 0)


@pytest.mark.parametrize("place", ["first", "middle", "last", "all"])
def test_a_damaged_line_counts_in_one_window_however_many_are_looked_at(tmp_path, place):
    days = [DAY + timedelta(days=number) for number in range(3)]
    segments = [
        write(tmp_path, record(f"{at:%d}", at), record(f"{at:%d}x", at), day=f"{at:%Y-%m-%d}") for at in days
    ]
    lines = segments[1].read_bytes().splitlines(keepends=True)
    broken = b"00000000 broken\n"
    segments[1].write_bytes(
        {"first": broken + b"".join(lines), "middle": lines[0] + broken + lines[1], "last": b"".join(lines) + broken[:5], "all": broken}[place]
    )  # fmt: skip
    ends = [*days[1:], days[2] + timedelta(days=1)]
    together = rows(tmp_path, days[0], ends[2])[1].faults
    assert [together.within(*each)[0] for each in zip(days, ends, strict=True)] == [0, 1, 0]
    alone = [rows(tmp_path, *each)[1].faults.within(*each)[0] for each in zip(days, ends, strict=True)]
    assert alone == [0, 1, 0]


def test_a_clock_that_goes_back_is_counted_and_its_rows_count_by_their_own_time(tmp_path):
    times = [DAY + timedelta(hours=3), DAY + timedelta(hours=1), DAY + timedelta(hours=1, seconds=-30)]
    write(tmp_path, *(record(str(n), at) for n, at in enumerate(times)))
    found, told = rows(tmp_path)
    assert found.height == 6
    assert told.faults.within(times[1], times[0]) == (0, 0, 1)
    assert told.faults.within(times[0], times[0] + timedelta(hours=1)) == (0, 0, 0)


def scored(folder: Path, *ats: datetime, done: bool = True, **told_too: object) -> Path:
    """What a scoring left whose parts were scored at these moments, by default at one; its first part."""
    folder.mkdir(parents=True)
    told = []
    for number, at in enumerate(ats or (DAY,)):
        table = pl.DataFrame(
            {"prediction_id": [f"s:{2 * number}", f"s:{2 * number + 1}"], "served_at": [at, at], "model_version": "12",
             "bundle_id": "b" * 64, "variant": "batch", "data_version": "d", "age": [3, 4], "y_score": [0.1, 0.9]}
        ).cast(dict.fromkeys(("model_version", "bundle_id", "variant", "data_version"), pl.Categorical))  # fmt: skip
        part = folder / f"part-{number:05d}.parquet"
        table.write_parquet(part)
        digest = hashlib.sha256(part.read_bytes()).hexdigest()
        told.append({"name": f"scores/s/{part.name}", "sha256": digest, "rows": 2})
    if done:
        (folder / "done.json").write_text(json.dumps({"parts": told, **told_too}))
    return folder / "part-00000.parquet"


def test_batch_scores_are_read_beside_the_log(tmp_path):
    scored(tmp_path / "s1")
    write(tmp_path, record("a", DAY))
    found, _ = rows(tmp_path)
    assert sorted(found["prediction_id"]) == ["a:0", "a:1", "s:0", "s:1"]
    assert rows(tmp_path / "s1")[0].height == 2


def test_a_scoring_that_is_not_done_is_not_looked_at(tmp_path):
    scored(tmp_path / "s1", done=False)
    assert rows(tmp_path)[0].is_empty()


def test_a_scoring_over_midnight_counts_where_it_ended(tmp_path):
    """The window before was looked at while its last rows were still being scored, and is not looked at again."""
    midnight = DAY + timedelta(days=1)
    scored(tmp_path / "s1", midnight - timedelta(minutes=10), midnight + timedelta(minutes=10))
    assert rows(tmp_path)[0].is_empty()
    found, _ = rows(tmp_path, midnight, midnight + timedelta(days=1))
    assert found["prediction_id"].to_list() == ["s:0", "s:1", "s:2", "s:3"]


def test_what_was_scored_at_other_times_is_not_read(tmp_path):
    scored(tmp_path / "s1", DAY - timedelta(days=1))
    done = tmp_path / "s1" / "done.json"
    altered = re.sub(r'"sha256": "\w+"', f'"sha256": "{64 * "0"}"', done.read_text())
    done.write_text(altered)
    assert rows(tmp_path)[1].faults.damaged.total() == 0
    assert rows(tmp_path, since=DAY - timedelta(days=1))[1].faults.damaged.total() == 1


def test_where_nothing_was_logged_the_rows_have_the_columns_that_all_have(tmp_path):
    with predictions(tmp_path, DAY, NOW, NOW) as found:
        nothing = found.within(DAY, NOW, "b" * 64).collect()
    assert nothing.is_empty()
    assert nothing.equals(Predictions.none().rows.collect())
    write(tmp_path, record("a", DAY))
    assert dict(nothing.schema).items() <= dict(rows(tmp_path)[0].schema).items()


@pytest.mark.parametrize("harm", ["altered", "gone", "manifest"])
def test_a_damaged_part_is_counted_and_passed_over(tmp_path, harm):
    scored(tmp_path / "whole")
    part = scored(tmp_path / "harmed")
    if harm == "altered":
        part.write_bytes(part.read_bytes()[:-100])
    elif harm == "gone":
        part.unlink()
    else:
        (part.parent / "done.json").write_text("{")
    found, told = rows(tmp_path)
    assert (found.height, told.faults.damaged.total()) == (2, 1)


def test_a_damaged_part_counts_when_its_scoring_was_made(tmp_path):
    whole, harmed = scored(tmp_path / "s"), tmp_path / "s" / "part-00001.parquet"
    done = json.loads((tmp_path / "s" / "done.json").read_text())
    done["parts"].append({"name": f"scores/s/{harmed.name}", "sha256": "0" * 64, "rows": 2})
    (tmp_path / "s" / "done.json").write_text(json.dumps(done))
    harmed.write_bytes(whole.read_bytes())
    assert rows(tmp_path)[1].faults.within(DAY, DAY + timedelta(days=1)) == (1, 0, 0)


SET_ASIDE = {
    "bundle_id": "b" * 64,
    "refused_rows": 3,
    "violations": [
        {"column": "age", "rule": "below 13", "rows": 3, "example": "7"},
        {"column": "note", "rule": "missing", "rows": 1, "example": "nothing"},
    ],
}


def test_rows_that_a_scoring_set_aside_are_told_in_the_window_of_its_end(tmp_path):
    scored(tmp_path / "s1", DAY + timedelta(hours=5), **SET_ASIDE)
    scored(tmp_path / "s2")
    _, told = rows(tmp_path)
    (found,) = told.refused(DAY, DAY + timedelta(days=1), "b" * 64)
    assert (found.at, found.rows) == (DAY + timedelta(hours=5), 3)
    assert found.violations == {("age", "below 13"): 3, ("note", "missing"): 1}
    assert told.refused(DAY + timedelta(hours=6), NOW, "b" * 64) == []
    assert told.refused(DAY, NOW, "c" * 64) == []


def test_a_manifest_that_tells_no_numbers_is_damaged(tmp_path):
    scored(tmp_path / "s1", **SET_ASIDE | {"violations": [{"column": "age"}]})
    found, told = rows(tmp_path)
    assert (found.height, told.faults.damaged.total(), told.set_aside) == (0, 1, ())


def test_scores_from_the_future_are_counted(tmp_path):
    scored(tmp_path / "s1", NOW + timedelta(days=9))
    found, told = rows(tmp_path, until=NOW + timedelta(days=20))
    assert (found.height, told.faults.future) == (0, 2)


def test_no_folder_is_told(tmp_path):
    with pytest.raises(DataError, match="LOG="):
        rows(tmp_path / "nowhere")


def test_rows_of_the_asked_bundle_and_variant_alone(tmp_path):
    shadow = Record("s", DAY.timestamp(), "shadow", "c" * 64, "13", COLUMNS, {"y_score": [0.5, 0.5]})
    write(tmp_path, record("a", DAY), shadow)
    with predictions(tmp_path, DAY, NOW, NOW) as found:
        assert found.within(DAY, NOW, "b" * 64).collect().height == 2
        assert found.within(DAY, NOW, "", ("shadow",)).collect()["bundle_id"].unique().to_list() == ["c" * 64]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_damaged_line_counts_with_its_neighbours_whenever_they_were_written(tmp_path, place):
    """As in a log that was copied: its folder is of a later day."""
    segment = write(tmp_path, record("a", DAY), record("b", DAY), day="2016-03-09")
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:place], b"00000000 broken\n", *lines[place:]]))
    assert rows(tmp_path)[1].faults.within(DAY, DAY + timedelta(days=1)) == (1, 0, 0)
