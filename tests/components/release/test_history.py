"""What `make ledger` prints."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from components.release.history import main, table
from components.release.ledger import Ledger
from components.store import Store

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


@pytest.fixture
def ledger(store: Store) -> Ledger:
    """Three decisions and a promotion."""
    ledger = Ledger(store)
    for number, event in enumerate(("rejected", "approved", "approved"), 1):
        run, bundle = f"TrainFlow/{number}", str(number) * 64
        ledger.append(event=event, run=run, bundle_id=bundle, by="ada", why="P01 failed")
    ledger.append(event="promoted", run="DeployFlow/9", bundle_id="2" * 64, by="ada", why="it is better")
    return ledger


def test_table_shows_an_entry_a_line(ledger):
    lines = table(ledger.entries()).splitlines()
    assert lines[0].split() == ["no.", "when", "(UTC)", "event", "bundle", "run", "by", "why"]
    assert len(lines) == 5
    assert lines[4].split()[3:] == ["promoted", "2" * 12, "DeployFlow/9", "ada", "it", "is", "better"]


def test_table_keeps_an_entry_on_one_line(ledger):
    ledger.append(event="waived", run="", bundle_id="", by="ada", why="first\nsecond\x1b[2J")
    assert table(ledger.entries()).splitlines()[5].endswith("first second[2J")


def test_command_prints_the_ledger(ledger, store, capsys):
    assert main(["--root", store.root]) == 0
    assert "4 entries; the chain is whole." in capsys.readouterr().out


def test_command_says_when_there_is_nothing(store, capsys):
    assert main(["--root", store.root]) == 0
    assert capsys.readouterr().out == "The ledger is empty.\n"


def test_command_names_what_is_broken_in_one_line(ledger, store, capsys):
    content = json.loads(store.read("ledger/00000003.json"))
    store.write("ledger/00000003.json", json.dumps(content | {"by": "eve"}).encode())
    assert main(["--root", store.root]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("ledger/00000003.json: ")
    assert printed.err.count("\n") == 1


def test_command_runs_as_a_module(ledger, store):
    command = [sys.executable, "-m", "components.release.history", "--root", store.root]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
