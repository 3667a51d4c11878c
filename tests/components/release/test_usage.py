"""Which runs used which data version."""

from pathlib import Path

import polars as pl
import pytest

from components.data import snapshot
from components.release.ledger import Ledger
from components.release.usage import main
from components.store import Store

ROOT = Path(__file__).parents[3]


def test_versions_name_the_runs_that_used_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(str(tmp_path / "store"))
    taken = snapshot.take(pl.DataFrame({"x": [1, 2]}), source="table.csv", store=store)
    details = {"data_version": taken.version}
    Ledger(store).append(
        event="rejected", run="TrainFlow/7", bundle_id="", by="me", why="P01", details=details
    )
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    config = tmp_path / "config.toml"
    config.write_text(text.replace('root = "store"', f'root = "{tmp_path}/store"'), encoding="utf-8")
    assert main(["--config", str(config)]) == 0
    printed = capsys.readouterr().out
    assert taken.version in printed
    assert "TrainFlow/7 (rejected)" in printed


def test_a_missing_configuration_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(tmp_path / "nowhere.toml")]) == 1
    assert "not found" in capsys.readouterr().err
