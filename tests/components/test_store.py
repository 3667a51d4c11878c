"""The store: objects are written whole, and exactly one of two writers creates a name."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.release.ledger import Ledger
from components.store import Store

CONFLICT = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>ConditionalRequestConflict</Code><Message>A conflicting operation is in progress.</Message></Error>"""


def create(root: str, data: bytes) -> bool:
    return Store(root).write_if_absent("ledger/1.json", data)


def test_an_object_comes_back_as_it_was_written(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    store.write("a/b.bin", b"one")
    store.write("a/b.bin", b"two")
    assert store.read("a/b.bin") == b"two"
    assert store.exists("a/b.bin")
    assert not store.exists("a/c.bin")


def test_a_name_is_created_once(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert store.write_if_absent("x", b"first")
    assert not store.write_if_absent("x", b"second")
    assert store.read("x") == b"first"


def test_of_eight_writers_exactly_one_creates(tmp_path: Path) -> None:
    with ProcessPoolExecutor(8) as pool:
        created = list(pool.map(create, [str(tmp_path)] * 8, [bytes([n]) * 1000 for n in range(8)]))
    assert sum(created) == 1
    assert Store(str(tmp_path)).read("ledger/1.json") == bytes([created.index(True)]) * 1000


def test_names_are_sorted_and_leave_out_what_is_half_written(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for name in ("ledger/2", "ledger/1", "other/1"):
        store.write(name, b"")
    (tmp_path / "ledger" / ".partial-abc").write_bytes(b"")
    assert store.names("ledger") == ["ledger/1", "ledger/2"]
    assert store.names("nowhere") == []


def test_a_missing_object_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Store(str(tmp_path)).read("nothing")


class BusyS3:
    """An S3 server that answers conditional writes with a conflict as often as it is told to.

    Attributes:
        conflicts: How many more of them meet a conflict.
        meanwhile: What happens before such an answer.
        lost: How many more of them are done, and answered with an error.
    """

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app

        self.conflicts = self.lost = 0
        self.meanwhile: Callable[[], Any] = lambda: None
        self._s3 = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if self.conflicts and environ.get("HTTP_IF_NONE_MATCH") == "*":
            self.conflicts -= 1
            self.meanwhile()
            start_response("409 Conflict", [("Content-Type", "application/xml")])
            return [CONFLICT]
        if self.lost and environ.get("HTTP_IF_NONE_MATCH") == "*":
            self.lost -= 1
            b"".join(self._s3(environ, lambda *_: None))
            start_response("500 Internal Server Error", [("Content-Length", "0")])
            return []
        return self._s3(environ, start_response)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[BusyS3]:
    """The server, with an empty bucket named ``project``."""
    import boto3
    import s3fs
    from werkzeug.serving import make_server

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    application = BusyS3()
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
    # A file system remembers the address of its server.
    s3fs.S3FileSystem.clear_instance_cache()
    boto3.client("s3").create_bucket(Bucket="project")
    yield application
    server.shutdown()
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_conflict_on_s3_is_tried_again(s3: BusyS3) -> None:
    s3.conflicts = 2
    store = Store("s3://project/conflict")
    assert store.write_if_absent("x", b"mine")
    assert (s3.conflicts, store.read("x")) == (0, b"mine")


def test_a_conflict_on_s3_with_a_writer_who_wins_is_a_name_taken(s3: BusyS3) -> None:
    store = Store("s3://project/lost")
    s3.conflicts, s3.meanwhile = 1, lambda: store.write("x", b"theirs")
    assert not store.write_if_absent("x", b"mine")
    assert store.read("x") == b"theirs"


def test_a_ledger_entry_that_was_kept_though_the_answer_got_lost_is_not_written_twice(s3: BusyS3) -> None:
    ledger = Ledger(Store("s3://project/answers"))
    s3.lost = 1
    entry = ledger.append(event="rejected", run="TrainFlow/1", bundle_id="b" * 64, by="ada", why="P01 failed")
    assert s3.lost == 0
    assert ledger.entries() == [entry]


def test_a_conflict_on_s3_that_does_not_end_is_an_error(s3: BusyS3) -> None:
    s3.conflicts = 10
    with pytest.raises(OSError, match="ConditionalRequestConflict"):
        Store("s3://project/endless").write_if_absent("x", b"mine")
    assert s3.conflicts == 4


def test_what_is_drafted_is_kept_once_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for data, kept in ((b"first", True), (b"second", False)):
        with store.draft("folder/x") as draft:
            draft.write_bytes(data)
            assert store.keep_if_absent("folder/x", draft) is kept
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["x"]
    assert store.read("folder/x") == b"first"


def test_a_draft_that_is_not_kept_is_no_object(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    with store.draft("x") as draft:
        draft.write_bytes(b"half")
        assert store.names("") == []
    assert not draft.exists()


def test_an_object_is_a_file_of_this_machine(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write("x", b"mine")
    with store.file("x") as path:
        assert path.read_bytes() == b"mine"


@pytest.mark.parametrize("megabytes", [1, 120], ids=["at once", "in parts"])
def test_a_draft_is_kept_once_on_s3(s3: BusyS3, megabytes: int) -> None:
    store, data = Store(f"s3://project/drafts-{megabytes}"), bytes(megabytes << 20)
    for content, kept in ((data, True), (b"theirs", False)):
        with store.draft("x") as draft:
            draft.write_bytes(content)
            assert store.keep_if_absent("x", draft) is kept
    with store.file("x") as path:
        assert path.read_bytes() == data
    assert not path.exists()


def test_a_conflict_on_s3_over_a_draft_is_tried_again(s3: BusyS3) -> None:
    s3.conflicts = 2
    store = Store("s3://project/draft-conflict")
    with store.draft("x") as draft:
        draft.write_bytes(b"mine")
        assert store.keep_if_absent("x", draft)
    assert (s3.conflicts, store.read("x")) == (0, b"mine")


def test_an_object_that_is_not_on_s3_is_an_error(s3: BusyS3) -> None:
    with pytest.raises(FileNotFoundError), Store("s3://project/none").file("x"):
        pass


def test_what_is_removed_is_gone_with_all_below_it_and_nothing_else(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for name in ("a/1", "a/b/2", "ab/3"):
        store.write(name, b"")
    for _ in range(2):
        store.remove("a")
        assert store.names("") == ["ab/3"]


def test_what_is_removed_on_s3_is_gone_with_all_below_it_and_nothing_else(s3: BusyS3) -> None:
    store = Store("s3://project/removed")
    for name in ("a/1", "a/b/2", "ab/3"):
        store.write(name, b"x")
    for _ in range(2):
        store.remove("a")
        assert store.names("") == ["ab/3"]


def lying(store: Store) -> tuple[list[str], list[bool]]:
    """The folders of a store in which a test writes, and of which it is known when they changed."""
    for name in ("runs/1/a", "runs/1/b/c", "runs/2/a", "runs/file", "other/1/a"):
        store.write(name, b"x")
    found = store.folders("runs")
    minutes = timedelta(minutes=5)  # as far as two clocks may differ
    now = datetime.now(UTC)
    changes = [store.changed(name) for name in found]
    return found, [change is not None and abs(change - now) < minutes for change in changes]


def test_folders_are_told_with_their_last_change(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert lying(store) == (["runs/1", "runs/2"], [True, True])
    os.utime(tmp_path / "runs" / "1" / "a", (0, 0))
    changed = store.changed("runs/1")
    assert changed is not None
    assert changed.year > 2000
    os.utime(tmp_path / "runs" / "1" / "b" / "c", (86_400, 86_400))
    assert store.changed("runs/1") == datetime(1970, 1, 2, tzinfo=UTC)
    assert (store.folders("none"), store.changed("none")) == ([], None)


def test_folders_on_s3_are_told_with_their_last_change(s3: BusyS3) -> None:
    store = Store("s3://project/folders")
    assert lying(store) == (["runs/1", "runs/2"], [True, True])
    assert (store.folders("none"), store.changed("none")) == ([], None)
