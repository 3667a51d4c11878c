"""`make loop` on a small table: the whole life, with an alarm that asks for another training, and nothing failed or lost."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from components.release.ledger import Ledger
from components.store import Store
from tests.flows.project import COLUMNS, SAMPLE, TARGET, Project, changed

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parents[2]
ROWS = {2015: 4000, 2016: 4000, 2017: 3000}


def people() -> pl.DataFrame:
    """Rows of three years; from 2016 on a quarter of those without work have found some."""
    sample = pl.read_parquet(SAMPLE)
    table = pl.concat(
        [sample.filter(pl.col("year") == year).sample(count, seed=1) for year, count in ROWS.items()]
    )
    found_work = (pl.col("year") > 2015) & (pl.int_range(pl.len()) % 4 == 0)
    return table.select("year", *COLUMNS, TARGET).with_columns(pl.col(TARGET) | found_work)


def project(root: Path, **gates: float) -> Project:
    settings = changed(data={"time": "year", "since": "2015", "until": "2015"})
    settings["gates"] = settings["gates"] | {
        code: {"threshold": threshold} for code, threshold in gates.items()
    }
    made = Project.make(root, people(), settings)
    shutil.copy2(ROOT / "Makefile", root)
    for path in ROOT.glob("requirements*.lock"):
        shutil.copy2(path, root)
    return made


def loop(made: Project) -> subprocess.CompletedProcess[str]:
    venv = Path(sys.executable).parent.parent
    environment = {name: value for name, value in made.environment.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "--no-print-directory", "loop", f"VENV={venv}"], cwd=made.root, env=environment | {"PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A project that lived, what the loop said, and its page."""
    made = project(tmp_path_factory.mktemp("lived") / "project")
    done = loop(made)
    assert done.returncode == 0, done.stdout + done.stderr
    return made, done.stdout, (made.root / "build" / "loop" / "timeline.html").read_text(encoding="utf-8")


def ledger(made: Project):
    return Ledger(Store(str(made.root / "build" / "loop" / "project" / "store"))).entries()


def test_every_promise_is_kept(lived):
    _, said, page = lived
    kept = re.findall(r"^ (✓|✗) ([a-z].*)$", said, re.MULTILINE)
    assert {sign for sign, _ in kept} == {"✓"}
    promised = " ".join(text for _, text in kept)
    for word in ("every request was answered", "prediction log", "bad row", "broke the contract", "bad model", "under traffic", "the champion before", "chain is whole"):  # fmt: skip
        assert word in promised
    assert "Every promise was kept" in page


def test_the_alarm_asks_for_the_training_that_takes_over(lived):
    entries = ledger(lived[0])
    events = [entry.event for entry in entries if entry.event != "waived"]
    places = [events.index(each) for each in ("approved", "promoted", "alerted", "retraining requested", "retraining begun", "retraining ended", "set beside", "rejected", "rolled back")]  # fmt: skip
    assert places == sorted(places)
    (requested,) = [
        entry
        for entry in entries
        if entry.event == "retraining requested" and entry.details["window"] == "2016"
    ]
    assert "calibration" in requested.why
    first, second = [entry for entry in entries if entry.event == "promoted"][:2]
    assert requested.number < second.number
    (back,) = [entry for entry in entries if entry.event == "rolled back"]
    assert back.details["to"] == first.bundle_id


def test_labels_of_the_year_before_are_of_known_predictions(lived):
    assert "are for unknown predictions" not in re.sub(r"\b0 are for unknown predictions", "", lived[1])


def test_both_models_answered_in_the_ab_test_and_it_was_judged(lived):
    assert re.search(r"labels of 2017 arrive, monitor: .*", lived[1])
    account = next(
        (lived[0].root / "build" / "loop" / "project" / "store" / "monitoring").glob(
            "production-2017-*-labelled.json"
        )
    )
    assert '"kind": "experiment"' in account.read_text(encoding="utf-8")


def test_every_link_of_the_timeline_leads_to_evidence(lived):
    made, _, page = lived
    folder = made.root / "build" / "loop"
    links = set(re.findall(r'href="([^"]+)"', page))
    ids = set(re.findall(r'id="([^"]+)"', page))
    assert len(links) > 30
    assert {link for link in links if link.startswith("#") and link[1:] not in ids} == set()
    assert {link for link in links if not link.startswith("#") and not (folder / link).is_file()} == set()


def test_the_projects_own_store_is_not_touched(lived):
    assert not (lived[0].root / "store").exists()
    assert not (lived[0].root / "mlflow.db").exists()
    assert not (lived[0].root / ".metaflow").exists()


def test_a_first_model_that_is_rejected_breaks_the_loop_off(tmp_path):
    made = project(tmp_path / "project", P01=0.99)
    done = loop(made)
    assert done.returncode != 0
    assert "The first model was rejected" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    page = (made.root / "build" / "loop" / "timeline.html").read_text(encoding="utf-8")
    assert "A promise was broken" in page
