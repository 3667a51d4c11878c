"""The store: objects are written whole, and exactly one of two writers creates a name."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from components.store import Store


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
