"""What was altered behind the project's back is detected and named, and nothing is overwritten."""

import json
import shutil

import pytest

from tests.flows.project import Project
from tests.flows.test_refusals import refused


def contents(project, *folders):
    """Every file of the project's folders."""
    return {
        path: path.read_bytes()
        for folder in folders
        for path in sorted((project.root / folder).rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def own(trained, tmp_path):
    """A copy of the trained project that a test may spoil; its runs can be resumed."""
    shutil.copytree(trained.root, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


def flip(path):
    """Alter one byte in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_corrupted_snapshot_is_named(own):
    version = own.decision["data_version"]
    flip(own.root / "store" / "snapshots" / version / "data.parquet")
    before = contents(own, "store", "build")
    assert f"snapshots/{version}/data.parquet in the store is damaged" in refused(
        own, "run", "--data-version", version
    )
    assert contents(own, "store", "build") == before


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("columns: [", "contract is no YAML"),
        pytest.param(
            "columns:\n  age:\n    dtype: Aeon\n",
            "column 'age' has the dtype 'Aeon'",
            marks=pytest.mark.system,
        ),
    ],
)
def test_a_corrupted_contract_is_named(idle, text, sentence):
    (idle.root / "schema.yaml").write_text(text, encoding="utf-8")
    assert sentence.replace("contract", "schema.yaml") in refused(idle)
    assert (idle.root / "schema.yaml").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("file", ["program.onnx", "decision.json", "documents/model_card.md"])
def test_a_corrupted_bundle_is_named(own, file):
    flip(own.build / "bundle" / file)
    done = own.python("-m", "components.release.bundle", "verify", str(own.build / "bundle"))
    assert (done.code, done.output.startswith(f"refused: {file}: altered")) == (1, True)


def test_a_corrupted_ledger_is_named_and_nothing_is_added(own):
    entry = own.root / "store" / "ledger" / "00000001.json"
    entry.write_text(
        entry.read_text(encoding="utf-8").replace(own.decision["run"], "TrainFlow/1"), encoding="utf-8"
    )
    before = contents(own, "store", "build")
    assert "ledger/00000001.json" in refused(own, "resume", "judge")
    assert contents(own, "store", "build") == before


def test_a_ledger_whose_tail_was_cut_is_noticed(own):
    last = sorted((own.root / "store" / "ledger").iterdir())[-1]
    last.unlink()
    done = own.python("-m", "components.release.history")
    assert (done.code, f"{int(last.stem)} was recorded elsewhere" in done.output) == (1, True)


@pytest.mark.system
def test_a_new_run_stops_at_a_corrupted_ledger_before_it_trains(own):
    entry = own.root / "store" / "ledger" / "00000001.json"
    content = json.loads(entry.read_text(encoding="utf-8"))
    entry.write_text(json.dumps(content | {"by": "nobody"}), encoding="utf-8")
    before = contents(own, "store", "build")
    output = refused(own)
    assert "ledger/00000001.json" in output
    assert "/divide/" not in output
    assert contents(own, "store", "build") == before
