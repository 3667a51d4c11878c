"""The prediction log loses nothing that it promised to keep, and says what it could not keep."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from components.data import names
from components.errors import LogError
from components.serving.prediction_log import EARLY_BYTES, PredictionLog, Record, read, records, segments

COLUMNS = {"age": [40, 23], "marital_status": ["married", None]}
WRITER = """
import os, sys
from components.serving.prediction_log import PredictionLog, Record
log = PredictionLog(sys.argv[1], worker="w", mode=sys.argv[2], window_seconds=float(sys.argv[3]))
for n in range(int(sys.argv[4])):
    log.append(Record(f"r{n}", 1.5, "champion", "b", "1", {"age": [n]}, {"y_score": [0.5]}))
    os.write(1, b"%d\\n" % n)
os.kill(os.getpid(), 9)
"""


def record(request_id: str = "r", rows: list[int] | None = None) -> Record:
    predictions = {"y_score": [0.8250341, 1 / 3], "y_pred": [1, 0]}
    return Record(request_id, 1_767_323_045.25, "champion", "b" * 64, "12", COLUMNS, predictions, rows)


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.01)


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """A disk that is full: no file of this process may grow beyond the size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_what_is_read_is_what_was_said(tmp_path):
    log = PredictionLog(tmp_path, worker="w")
    log.append(record("first"))
    log.append(record("second", rows=[0, 4]))
    assert log.close()
    table, damaged = read(tmp_path)
    assert (damaged, log.lost) == (0, 0)
    assert table["prediction_id"].to_list() == ["first:0", "first:1", "second:0", "second:4"]
    assert table["y_score"].to_list() == [0.8250341, 1 / 3] * 2
    assert table["marital_status"].to_list() == ["married", None] * 2
    assert table["served_at"][0].isoformat() == "2026-01-02T03:04:05.250000+00:00"
    assert set(table["bundle_id"]) == {"b" * 64}


def test_only_the_allowed_columns_are_kept(tmp_path):
    log = PredictionLog(tmp_path, worker="w", names=["age"])
    log.append(record())
    log.close()
    columns = read(tmp_path)[0].columns
    assert set(columns[:5]) == set(names.LOGGED)  # which no input may have
    assert columns[5:] == ["age", "y_score", "y_pred"]
    assert "married" not in segments(tmp_path)[0].read_text()


def test_nothing_is_kept_where_no_log_is_wanted(tmp_path):
    log = PredictionLog(tmp_path, worker="w", mode="off")
    log.append(record())
    assert log.close()
    assert segments(tmp_path) == []


def test_a_window_is_written_without_being_asked(tmp_path):
    log = PredictionLog(tmp_path, worker="w", window_seconds=0.01)
    log.append(record())
    until(lambda: log.written_bytes > 0)
    assert read(tmp_path)[0].height == 2
    log.close()


def killed(folder: Path, *words: str) -> int:
    """How many records a process had appended when it killed itself."""
    command = [sys.executable, "-c", WRITER, str(folder), *words]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return len(done.stdout.splitlines())


def test_much_at_once_does_not_wait_for_the_window(tmp_path):
    log = PredictionLog(tmp_path, worker="w", window_seconds=600)
    log.append(record("short"))
    assert log.written_bytes == 0
    large = Record("large", 1.0, "champion", "b", "1", {"text": ["x" * EARLY_BYTES]}, {"y_score": [0.5]})
    log.append(large)
    until(lambda: log.written_bytes > EARLY_BYTES)
    assert read(tmp_path)[0].height == 3
    assert log.close()


def test_a_killed_process_loses_nothing_in_the_strict_mode(tmp_path):
    acknowledged = killed(tmp_path, "strict", "60", "300")
    table, damaged = read(tmp_path)
    assert (table.height, damaged) == (acknowledged, 0)


def test_a_killed_process_loses_at_most_the_window(tmp_path):
    assert killed(tmp_path / "long", "window", "60", "300") == 300
    assert read(tmp_path / "long")[0].height == 0
    acknowledged = killed(tmp_path / "short", "window", "0.001", "3000")
    assert 0 < read(tmp_path / "short")[0].height <= acknowledged


def test_a_torn_line_and_an_altered_one_are_passed_over_and_counted(tmp_path):
    log = PredictionLog(tmp_path, worker="w", mode="strict")
    for request_id in ("one", "two", "three", "four"):
        log.append(record(request_id))
    log.close()
    (segment,) = segments(tmp_path)
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"40", b"41")
    segment.write_bytes(b"".join(lines)[:-5])
    assert [kept.request_id if kept else None for kept in records(segment)] == ["one", None, "three", None]
    table, damaged = read(tmp_path)
    assert (table.height, damaged) == (4, 2)


def test_a_full_disk_is_told_and_nothing_is_lost_once_there_is_room(tmp_path):
    log = PredictionLog(tmp_path, worker="w", window_seconds=60)
    log.append(record("before"))
    assert log.flush()
    with files_of_at_most(segments(tmp_path)[0].stat().st_size + 20):
        log.append(record("during"))
        assert not log.flush()
        assert "predictions cannot be logged" in log.failing
        log.append(record("later"))
    assert log.flush()
    assert (log.failing, log.lost) == ("", 0)
    log.close()
    table, damaged = read(tmp_path)
    assert [each[:-2] for each in table["prediction_id"].to_list()[::2]] == ["before", "during", "later"]
    assert damaged == 0


def test_the_records_of_one_request_are_kept_together_or_not_at_all(tmp_path):
    log = PredictionLog(tmp_path, worker="w", mode="strict")
    line = len(log._line(record()))
    with files_of_at_most(line + 20), pytest.raises(LogError):
        log.append(record("one"), record("two"))
    log.append(record("one"), record("two"))
    log.close()
    assert read(tmp_path)[0]["prediction_id"].to_list() == ["one:0", "one:1", "two:0", "two:1"]


def test_a_full_disk_refuses_in_the_strict_mode(tmp_path):
    log = PredictionLog(tmp_path, worker="w", mode="strict")
    with files_of_at_most(10), pytest.raises(LogError, match="free the disk"):
        log.append(record())
    log.append(record("after"))
    assert log.failing == ""
    log.close()
    assert read(tmp_path)[0].height == 2


def test_a_full_disk_costs_the_oldest_first_and_they_are_counted(tmp_path):
    size = len(PredictionLog(tmp_path, worker="w", mode="off")._line(record("a")))
    log = PredictionLog(tmp_path, worker="w", window_seconds=60, buffer_bytes=2 * size)
    with files_of_at_most(10):
        for request_id in ("a", "b", "c"):
            log.append(record(request_id))
            assert not log.flush()
        assert log.lost == 2
    log.close()
    assert read(tmp_path)[0]["prediction_id"].to_list() == ["b:0", "b:1", "c:0", "c:1"]


@pytest.mark.parametrize("mode", ["window", "strict"])
def test_a_folder_that_goes_away_is_made_again(tmp_path, mode):
    folder = tmp_path / "log"
    log = PredictionLog(folder, worker="w", mode=mode, window_seconds=60)
    log.append(record("lost with its folder"))
    log.flush()
    folder.rename(tmp_path / "elsewhere")
    for segment in segments(tmp_path / "elsewhere"):
        os.unlink(segment)
    log.append(record("after"))
    assert log.close()
    assert read(folder)[0]["prediction_id"].to_list() == ["after:0", "after:1"]


def test_a_segment_ends_before_it_grows_too_large(tmp_path):
    log = PredictionLog(tmp_path, worker="w", mode="strict", segment_bytes=400)
    for number in range(5):
        log.append(record(str(number)))
    log.close()
    assert len(segments(tmp_path)) > 2
    assert all(segment.stat().st_size <= 400 for segment in segments(tmp_path))
    assert read(tmp_path)[0].height == 10


def test_an_empty_log_is_read_as_such(tmp_path):
    table, damaged = read(tmp_path / "none")
    assert (table.equals(pl.DataFrame()), damaged) == (True, 0)


def test_records_of_the_same_names_are_read_together(tmp_path):
    log = PredictionLog(tmp_path, worker="w", mode="window")
    for number in range(300):
        log.append(Record(f"r{number}", 1.5, "champion", "b", "1", {"age": [number]}, {"y_score": [0.5]}))
    log.append(Record("half", 2.5, "shadow", "c", "2", {"age": [0.5, None]}, {"y_score": [1, 0.25]}, [3, 7]))
    log.append(Record("other", 3.5, "champion", "b", "1", {"age": [1], "town": ["x"]}, {"y_score": [0.5]}))
    log.close()
    table, damaged = read(tmp_path)
    assert (table.height, table.n_chunks(), damaged) == (303, 2, 0)  # a piece for each set of names
    assert table["age"].to_list() == [*map(float, range(300)), 0.5, None, 1.0]
    assert table[-3:]["prediction_id"].to_list() == ["half:3", "half:7", "other:0"]
    assert table[-3:]["y_score"].to_list() == [1.0, 0.25, 0.5]
    assert table[-3:]["variant"].to_list() == ["shadow", "shadow", "champion"]
    assert table["town"].to_list() == [None] * 302 + ["x"]


def test_many_rows_are_read_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr("components.serving.prediction_log.ROWS_AT_ONCE", 4)
    log = PredictionLog(tmp_path, worker="w", mode="window")
    for number in range(9):
        log.append(Record(f"r{number}", 1.5, "champion", "b", "1", {"age": [number]}, {"y_score": [0.5]}))
    log.close()
    table, _ = read(tmp_path)
    assert (table["age"].to_list(), table.n_chunks()) == ([*range(9)], 3)
