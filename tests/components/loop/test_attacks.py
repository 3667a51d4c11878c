"""A bad table: it is kept out only if the command refuses it for what is wrong with it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from components import config
from components.loop import attacks
from components.loop.hearing import Hearing
from components.loop.periods import Past, Period
from components.loop.project import Copy
from components.loop.timeline import Timeline
from components.loop.world import World
from components.monitoring.windows import windows
from components.scoring.intake import DRIFTED

ROOT = Path(__file__).resolve().parents[3]
AGE = {"name": "age", "type": "integer", "minimum": 18, "maximum": 64, "categories": None}


@pytest.fixture
def world(tmp_path):
    """With a champion that has a contract, and a year of two rows."""
    copy = Copy(tmp_path / "project", tmp_path / "logs", str(tmp_path / "venv"))
    rows = pl.DataFrame({"age": [20, 30]})
    copy.make(ROOT, rows, {})
    champion = copy.ledger.append(event="promoted", run="TrainFlow/1", bundle_id="a" * 64, by="me", why="1st")
    bundle = copy.root / "build" / "deploy" / copy.live / "bundles" / champion.bundle_id
    bundle.mkdir(parents=True)
    (bundle / "contract.json").write_text(json.dumps({"features": [AGE]}), encoding="utf-8")
    (year,) = windows("year", datetime(2016, 1, 1, tzinfo=UTC), datetime(2017, 1, 1, tzinfo=UTC))
    with Hearing() as hearing:
        yield World(
            copy, config.load(ROOT / "config.toml"), Past(rows, "2015"), "year", [Period(year, rows)],
            timeline=Timeline("Coaching"), folder=tmp_path, hearing=hearing,
        )  # fmt: skip


def scored(world, said: str, code: int):
    """What came of the attack where `make score` says this, and ends so."""
    (world.copy.root / "said").write_text(said, encoding="utf-8")
    (world.copy.root / "Makefile").write_text(f"score:\n\t@cat said; exit {code}\n", encoding="utf-8")
    result = attacks.bad_table(world)
    return result.status, world.timeline.promises


def test_a_table_that_is_refused_as_it_has_drifted_is_kept_out(world):
    said = f"Refused:\n{DRIFTED}: 2 of the 2 rows that were looked at break it\nTask failed.\n"
    status, ((_, kept),) = scored(world, said, 1)
    assert (status, kept) == ("blocked", True)
    assert pl.read_parquet(world.copy.root / "data" / "spoiled.parquet")["age"].min() > 64


@pytest.mark.parametrize(
    ("said", "code"),
    [("Refused:\nproduction has no champion.\n", 1), ("No module named 'polars'\n", 2), ("2 rows\n", 0)],
)
def test_a_table_that_is_not_scored_for_another_reason_is_no_proof(world, said, code):
    status, ((_, kept),) = scored(world, said, code)
    assert (status, kept) == ("failed", False)
