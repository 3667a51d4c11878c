"""`make gate`: the ledger's word, not that of a file that anybody can edit."""

import json
from pathlib import Path

import pytest

from components.release.gate import main
from components.release.ledger import Ledger
from components.store import Store

CONFIG = Path(__file__).parents[3] / "config.toml"
BUNDLE = "1" * 64
BLOCKED = {"code": "L02", "title": "No feature", "status": "failed"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose ledger has an approved and a rejected run."""
    text = CONFIG.read_text(encoding="utf-8").replace('root = "store"', f'root = "{tmp_path / "store"}"')
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    ledger = Ledger(Store(str(tmp_path / "store")))
    for event, run in (("approved", "TrainFlow/1"), ("rejected", "TrainFlow/2")):
        ledger.append(event=event, run=run, bundle_id=BUNDLE, by="ada", why="the gates said so")
    return tmp_path


def gate(project: Path, outcome: str, run: str, *checks: dict[str, str], bundle_id: str = BUNDLE) -> int:
    decision = {"outcome": outcome, "run": run, "bundle_id": bundle_id, "checks": list(checks)}
    (project / "decision.json").write_text(json.dumps(decision), encoding="utf-8")
    return main([str(project / "decision.json"), "--config", str(project / "config.toml")])


def test_an_approved_run_passes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate(project, "approved", "TrainFlow/1") == 0
    assert capsys.readouterr().out == "approved, run TrainFlow/1\n"


def test_a_rejected_run_fails_and_says_what_blocked_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate(project, "rejected", "TrainFlow/2", BLOCKED) == 1
    assert capsys.readouterr().out == "rejected, run TrainFlow/2: blocked by L02 No feature\n"


def test_a_decision_that_was_edited_fails_and_the_ledger_counts(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate(project, "approved", "TrainFlow/2", BLOCKED) == 1
    assert "another outcome than entry 2 of the ledger (rejected)" in capsys.readouterr().err
    assert gate(project, "approved", "TrainFlow/1", bundle_id="2" * 64) == 1
    assert "another bundle_id" in capsys.readouterr().err


def test_a_run_that_the_ledger_does_not_know_fails(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate(project, "approved", "TrainFlow/3") == 1
    assert "no decision on run TrainFlow/3" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["[]", "{", "{}", None])
def test_what_is_no_decision_fails(
    project: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    path = project / "other.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert main([str(path), "--config", str(project / "config.toml")]) == 1
    assert "no decision to read" in capsys.readouterr().err
