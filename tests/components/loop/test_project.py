"""The copy in which the loop lives: its own store and tracking, nobody's accounts, and commands with their logs."""

import tomllib
from pathlib import Path
from time import monotonic

import polars as pl
import pytest

from components import config
from components.loop.project import Copy, changed

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def copy(tmp_path, monkeypatch):
    monkeypatch.setenv("METAFLOW_DEFAULT_DATASTORE", "s3")
    monkeypatch.setenv("METAFLOW_PROFILE", "cloud")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MONITOR_WEBHOOK_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("MAKEFLAGS", "n")
    made = Copy(tmp_path / "project", tmp_path / "logs", str(tmp_path / "venv"))
    made.make(ROOT, pl.DataFrame({"year": [2015]}), {"data": {"until": "2015"}})
    return made


def test_it_keeps_everything_in_its_own_folder(copy):
    settings = config.load(copy.root / "config.toml")
    assert (settings.data.source, settings.data.until) == ("data/table.parquet", "2015")
    assert (settings.store.root, settings.tracking.uri) == ("store", "sqlite:///mlflow.db")
    assert pl.read_parquet(copy.root / "data" / "table.parquet").height == 1
    assert not (copy.root / "store").exists()


def test_what_else_is_configured_stays(copy):
    before = tomllib.loads((ROOT / "config.toml").read_text(encoding="utf-8"))
    after = tomllib.loads((copy.root / "config.toml").read_text(encoding="utf-8"))
    assert after["gates"] == before["gates"]
    assert after["search"] == before["search"]


def test_nobody_elses_settings_reach_its_commands(copy):
    environment = copy.environment
    assert environment["METAFLOW_DEFAULT_DATASTORE"] == "local"
    assert environment["METAFLOW_DATASTORE_SYSROOT_LOCAL"] == str(copy.root)
    assert (
        not {"METAFLOW_PROFILE", "MLFLOW_TRACKING_URI", "MONITOR_WEBHOOK_URL", "MAKEFLAGS"}
        & environment.keys()
    )


def test_a_command_leaves_its_log_and_its_code(copy):
    (copy.root / "Makefile").write_text(
        "good:\n\t@echo all is $(WORD)\nbad:\n\t@echo why >&2; exit 3\n", encoding="utf-8"
    )
    heard = []
    copy.heard = heard.append
    good, bad = copy.run("good", WORD="very well"), copy.run("bad")
    assert (good.code, good.last, good.words) == (0, "all is very well", "make good WORD='very well'")
    assert good.log.read_text(encoding="utf-8") == "$ make good WORD='very well'\nall is very well\n"
    assert heard[0] == "all is very well\n"
    assert (bad.code != 0, bad.last) == (True, "why")


def test_a_key_or_a_section_that_was_not_there_is_added():
    text = changed(
        "[data]\nsource = 'a' # mine\n", {"data": {"source": "b", "until": "2015"}, "store": {"root": "s"}}
    )
    assert tomllib.loads(text) == {"data": {"source": "b", "until": "2015"}, "store": {"root": "s"}}
    assert "# mine" in text


def test_a_flows_refusal_is_told_in_its_own_words(copy):
    said = """2026-11-30 20:04:00.485 [17/start/1 (pid 32534)] Refused:
2026-11-30 20:04:00.486 [17/start/1 (pid 32534)] The table has drifted:
2026-11-30 20:04:00.486 [17/start/1 (pid 32534)] age: above 64 in 9 rows
2026-11-30 20:04:01.178 [17/start/1 (pid 32534)] Task failed.
2026-11-30 20:04:01.178 Workflow failed.
"""
    (copy.root / "said").write_text(said, encoding="utf-8")
    (copy.root / "Makefile").write_text(
        "score:\n\t@cat said; exit 1\nsay:\n\t@echo all is well\n", encoding="utf-8"
    )
    assert copy.run("score").refusal == "The table has drifted: age: above 64 in 9 rows"
    assert copy.run("say").refusal == "all is well"


def test_what_a_command_started_ends_with_the_loop(copy):
    (copy.root / "Makefile").write_text("wait:\n\t@sleep 600 & echo $$!; wait\n", encoding="utf-8")

    def interrupted(line: str) -> None:
        told.append(int(line))
        raise KeyboardInterrupt

    told: list[int] = []
    copy.heard = interrupted
    with pytest.raises(KeyboardInterrupt):
        copy.run("wait")
    end = monotonic() + 30
    while Path(f"/proc/{told[0]}").exists() and "Z" not in _state(told[0]) and monotonic() < end:
        pass
    assert not Path(f"/proc/{told[0]}").exists() or "Z" in _state(told[0])


def _state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"
