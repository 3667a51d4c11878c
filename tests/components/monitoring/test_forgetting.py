"""Days that are over leave the log, and so do rows that somebody asks to erase, with their labels; the ledger tells no more of them."""

import json
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from components.errors import DataError
from components.monitoring import erasure, forgetting
from components.monitoring.forgetting import Erased, erase_request, erase_subject, expire
from components.release.ledger import Ledger
from components.serving import prediction_log
from components.serving.prediction_log import PredictionLog, Record, read
from components.store import Store
from tests.components import packed
from tests.flows.project import changed, toml

AT = datetime(2026, 3, 4, 5, tzinfo=UTC).timestamp()


def record(name: str, *, rows: list[int] | None = None, variant: str = "champion", **columns: list) -> Record:
    columns = columns or {"age": [40, 23], "member": [True, None], "name": ["Ada", "Bo"]}
    scores = {"y_score": [number / 8 for number in range(len(next(iter(columns.values()))))]}
    return Record(name, AT, variant, "b" * 64, "12", columns, scores, rows)


@pytest.fixture
def log(tmp_path) -> Path:
    """A log of three requests, of which a shadow scored one too."""
    folder = tmp_path / "store" / "predictions"
    writer = PredictionLog(folder, worker="w", mode="strict", segment_bytes=600)
    writer.append(record("one"), record("one", variant="shadow"))
    writer.append(record("two", rows=[0, 3]))
    writer.append(record("three:4", age=[40.0]))
    writer.close()
    assert len(prediction_log.segments(folder)) > 1
    return folder


@pytest.fixture
def store(tmp_path) -> Store:
    """A store with labels of all of them, in two files."""
    store = Store(str(tmp_path / "store"))
    ids = ["one:0", "one:1", "two:0", "two:3", "three:4:0"]
    store.write(
        "labels/2026.csv",
        "\n".join(["prediction_id;y_true;note", *(f"{each};1;a,b" for each in ids)]).encode(),
    )
    pl.DataFrame({"y_true": [True] * 5, "prediction_id": ids}).write_parquet(tmp_path / "labels.parquet")
    store.write("labels/2026.parquet", (tmp_path / "labels.parquet").read_bytes())
    return store


def logged(log: Path) -> list[str]:
    return read(log)[0]["prediction_id"].to_list()


def labelled(store: Store) -> list[list[str]]:
    lines = store.read("labels/2026.csv").decode().splitlines()
    assert lines[0] == "prediction_id;y_true;note"
    assert all(line.endswith(";1;a,b") for line in lines[1:])
    with store.file("labels/2026.parquet") as path:
        return [[line.split(";")[0] for line in lines[1:]], pl.read_parquet(path)["prediction_id"].to_list()]


def test_a_request_leaves_the_log_and_its_labels_the_store(log, store):
    ledger = Ledger(store)
    assert erase_request(log, store, ledger, "one", by="ada") == Erased(rows=4, labels=4, damaged=0)
    assert logged(log) == ["two:0", "two:3", "three:4:0"]
    assert labelled(store) == [["two:0", "two:3", "three:4:0"]] * 2
    (entry,) = ledger.entries()
    assert (entry.event, entry.by) == ("erased", "ada")
    assert entry.details == {"rows": 4, "labels": 4, "damaged": 0}
    assert "one" not in json.dumps(vars(entry))


def test_a_row_of_a_request_leaves_the_others_as_they_were(log, store):
    before = read(log)[0]
    assert erase_request(log, store, Ledger(store), "two:3", by="ada").rows == 1
    assert read(log)[0].equals(before.filter(pl.col("prediction_id") != "two:3"))
    assert erase_request(log, store, Ledger(store), "three", by="ada").rows == 0


@pytest.mark.parametrize(
    ("column", "value", "gone"),
    [
        ("name", "Ada", {"one:0", "two:0"}),
        ("age", "40", {"one:0", "two:0", "three:4:0"}),
        ("age", "23.0", {"one:1", "two:3"}),
        ("member", "true", {"one:0", "two:0"}),
        ("name", "A", set()),
        ("age", "forty", set()),
    ],
)
def test_a_subject_leaves_by_what_was_logged_of_it(log, store, column, value, gone):
    before, ledger = logged(log), Ledger(store)
    erased = erase_subject(log, store, ledger, column, value, by="ada")
    assert logged(log) == [each for each in before if each not in gone]
    assert erased.rows == len(before) - len(logged(log))
    assert erased.labels == 2 * len(gone)
    assert all(not gone & set(found) for found in labelled(store))
    files = [path.read_text() for path in log.rglob("*.jsonl")]
    assert not gone or value != "Ada" or not any("Ada" in text for text in files)
    (entry,) = ledger.entries()
    assert column in entry.why
    assert value not in entry.why + json.dumps(entry.details)


def test_a_column_that_is_not_logged_is_told(log, store):
    with pytest.raises(DataError, match=r"no.*'email'.* logged are age, member, name"):
        erase_subject(log, store, Ledger(store), "email", "a@b.example", by="ada")
    assert len(logged(log)) == 7


def test_labels_that_cannot_be_rewritten_stop_it_before_anything_is_erased(log, store):
    store.write("labels/notes.txt", b"one:0 came true")
    with pytest.raises(DataError, match=r"notes\.txt: neither Parquet nor CSV"):
        erase_request(log, store, Ledger(store), "one", by="ada")
    assert len(logged(log)) == 7


def test_lines_that_nobody_can_read_go_too_for_nobody_can_say_whose_they_are(log, store):
    last = prediction_log.segments(log)[-1]
    with last.open("ab") as file:
        file.write(b'00000000 ["torn",1,"Ada')
    assert erase_request(log, store, Ledger(store), "nobody", by="ada") == Erased(0, 0, 1)
    assert read(log)[1] == 0
    assert len(logged(log)) == 7


def test_what_one_that_was_killed_left_behind_is_removed(log, store):
    left = prediction_log.segments(log)[0].with_name(".partial-x")
    left.write_text("Ada")
    erase_request(log, store, Ledger(store), "one", by="ada")
    assert not left.exists()
    assert not list(log.rglob(".partial-*"))


WRITER = """
import itertools, pathlib, sys, time
from components.serving.prediction_log import PredictionLog, Record
folder, enough = map(pathlib.Path, sys.argv[1:3])
log = PredictionLog(folder, worker="w", mode=sys.argv[3], window_seconds=0.001)
for number in itertools.count():
    log.append(Record(f"r{number}", 1.5, "champion", "b", "1", {"age": [number]}, {"y_score": [0.5]}))
    if number % 4 == 0:
        time.sleep(0.001)
    if enough.exists():
        break
print(number + 1)
sys.exit(0 if log.close() else 1)
"""


@pytest.mark.parametrize("mode", ["strict", "window"])
def test_a_server_that_goes_on_writing_loses_nothing(tmp_path, mode):
    folder, enough = tmp_path / "log", tmp_path / "enough"
    folder.mkdir()
    erased: list[str] = []

    seen = -1

    def sevens(each: Record) -> set[int]:
        nonlocal seen
        if (number := int(each.request_id[1:])) > seen:
            seen = number + 100
            time.sleep(0.01)  # so that more is written while the newest are copied
        return {0} if number % 10 == 7 else set()

    writer = [sys.executable, "-c", WRITER, str(folder), str(enough), mode]
    with subprocess.Popen(writer, cwd=packed.ROOT, stdout=subprocess.PIPE, text=True) as server:
        while server.poll() is None:
            erased += erasure.forget(folder, sevens).prediction_ids
            if len(prediction_log.segments(folder)) > 5:  # so rows were taken out five times while it wrote
                enough.touch()
        written = int(server.stdout.read())
    assert server.returncode == 0
    found = logged(folder)
    assert len({*found, *erased}) == len(found) + len(erased) == written
    assert erased
    assert all(each.endswith("7:0") for each in erased)
    assert read(folder)[1] == 0


TODAY = date(2026, 3, 10)


def days(log: Path) -> list[str]:
    return sorted({path.parent.name for path in prediction_log.segments(log)})


@pytest.fixture
def kept(tmp_path) -> Path:
    """A log of several days, of a server and of two pods."""
    for name in (
        "2026-03-01",
        "pod-a/2026-03-02",
        "pod-b/2026-03-07",
        "2026-03-08",
        "pod-a/2026-03-10",
        "by-hand",
    ):
        (tmp_path / "log" / name).mkdir(parents=True)
        (tmp_path / "log" / name / "000000-w-0001.jsonl").write_bytes(b"")
    return tmp_path / "log"


def test_days_that_are_over_are_removed_whole_and_the_ledger_is_told(kept, store):
    ledger = Ledger(store)
    assert expire(kept, 3, TODAY, ledger, by="ada") == ["2026-03-01", "2026-03-02"]
    assert days(kept) == ["2026-03-07", "2026-03-08", "2026-03-10", "by-hand"]
    assert not (kept / "2026-03-01").exists()
    assert (kept / "pod-a").is_dir()  # which is mounted, perhaps
    (entry,) = ledger.entries()
    assert (entry.event, entry.details) == ("expired", {"days": ["2026-03-01", "2026-03-02"], "log_days": 3})
    assert expire(kept, 3, TODAY, ledger, by="ada") == []
    assert len(ledger.entries()) == 1


def test_without_a_limit_all_is_kept(kept, store):
    before = days(kept)
    assert expire(kept, 0, TODAY, Ledger(store), by="ada") == []
    assert days(kept) == before


# The command


@pytest.fixture
def project(tmp_path, monkeypatch, log, store) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METAFLOW_USER", "ada")
    (tmp_path / "config.toml").write_text(toml(changed(serving={"log_days": 70})), encoding="utf-8")
    return tmp_path


def test_make_forget_erases_what_is_named(project, log, store, capsys):
    assert forgetting.main(["--id", "one"]) == 0
    assert capsys.readouterr().out == "4 rows of the log and 4 labels were erased.\n"
    assert forgetting.main(["--column", "name", "--value", "Ada"]) == 0
    assert capsys.readouterr().out == "1 rows of the log and 2 labels were erased.\n"
    assert [entry.by for entry in Ledger(store).entries()] == ["ada", "ada"]


def test_make_forget_removes_what_is_over(project, log, capsys):
    old = datetime.now(UTC).date() - timedelta(days=71)
    prediction_log.segments(log)[0].parent.rename(log / f"{old}")
    assert forgetting.main([]) == 0
    assert capsys.readouterr().out == "1 days were removed; serving.log_days is 70.\n"
    assert days(log) == []


@pytest.mark.parametrize(
    "words", [["--column", "name"], ["--value", "Ada"], ["--id", "a", "--column", "b", "--value", "c"]]
)
def test_make_forget_asks_for_what_is_missing(project, log, capsys, words):
    assert forgetting.main(words) == 1
    assert capsys.readouterr().err == "Name what is to be erased by ID=..., or by COLUMN=... and VALUE=....\n"
    assert len(logged(log)) == 7
