"""What `make approve` records, and what it refuses."""

import pytest

from components.release.approval import approve, main
from components.release.ledger import Ledger
from components.store import Store
from tests.flows.project import SETTINGS, toml


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a config.toml and a ledger of two decisions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METAFLOW_USER", "ada")
    (tmp_path / "config.toml").write_text(toml(SETTINGS), encoding="utf-8")
    ledger = Ledger(Store(str(tmp_path / "store")))
    for run, event in {"1": "rejected", "2": "approved"}.items():
        ledger.append(event=event, run=f"TrainFlow/{run}", bundle_id=run * 64, by="eve", why="gates")
    return ledger


def test_a_persons_approval_is_recorded_once(project, capsys):
    for _ in range(2):
        assert main(["TrainFlow/2", "--reason", "seen by the advisers"]) == 0
    entry = project.entries()[-1]
    assert (entry.number, entry.event, entry.bundle_id) == (3, "approved by a person", "2" * 64)
    assert (entry.by, entry.why) == ("ada", "seen by the advisers")
    assert "Entry 3: ada approves bundle 222222222222 of TrainFlow/2." in capsys.readouterr().out


def test_two_persons_are_two_entries(project):
    for person in ("ada", "grace"):
        approve(project, "2" * 8, by=person, why="seen by the advisers")
    assert [entry.by for entry in project.entries()[2:]] == ["ada", "grace"]


@pytest.mark.parametrize(
    ("run", "reason", "said"),
    [
        ("TrainFlow/1", "seen by the advisers", "rejected by its gates, and no person can approve it"),
        ("TrainFlow/3", "seen by the advisers", "No decision in the ledger"),
        ("TrainFlow/2", "  ok  ", "The reason is 'ok'"),
    ],
)
def test_what_cannot_be_approved_is_refused_in_a_line(project, capsys, run, reason, said):
    assert main([run, "--reason", reason]) == 1
    assert said in capsys.readouterr().err
    assert len(project.entries()) == 2


def test_nobody_cannot_approve(project, monkeypatch, capsys):
    monkeypatch.delenv("METAFLOW_USER")
    monkeypatch.delenv("USER", raising=False)
    assert main(["TrainFlow/2", "--reason", "seen by the advisers"]) == 1
    assert "Nobody is named" in capsys.readouterr().err
