"""A bundle is an MLflow model, repeats the flow, is the same for the same parts, and shows every change."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io

from components.data import schema
from components.errors import BundleError
from components.release.bundle import Parts, contents, files, main, pack, verify, write
from components.release.export import program
from components.release.ledger import Ledger
from components.release.manifest import write_manifest
from components.release.reference import reference
from components.serving.program import Program
from components.store import Store
from components.training.candidates import FAMILIES, build
from components.training.features import Columns, inputs
from components.training.predictor import Predictor
from tests.components.films import COLUMNS as FILMS
from tests.components.films import films
from tests.components.serving.conftest import until

ROOT = Path(__file__).parents[3]
COLUMNS = Columns(("age", "education", "foreign_born"), ("marital_status", "relationship"))
DECISION = {
    "outcome": "rejected",
    "run": "TrainFlow/12",
    "data_version": "d0123456789abcdef",
    "bundle_id": "f" * 64,
    "checks": [{"code": "T01", "value": float("inf"), "interval": (0.0, np.float64(1.0))}],
}


@pytest.fixture(scope="module")
def parts() -> Parts:
    table = pl.read_parquet(ROOT / "data" / "acs_employment_ma_18_64.parquet").sample(1500, seed=4)
    people = table.to_pandas()
    X, y = inputs(people, COLUMNS), people.employed.to_numpy(int)
    predictor = Predictor(build(FAMILIES["linear"], {"C": 1.0}, COLUMNS, 0), slope=0.9, threshold=0.6).fit(
        X, y
    )
    y_score, y_pred = predictor.score_positive(X), predictor.predict(X)
    return Parts(
        name="job_coaching",
        program=program(predictor, COLUMNS, X),
        smoke=people[list(COLUMNS.names)].assign(y_score=y_score, y_pred=y_pred).head(40),
        contract=schema.to_json(schema.infer(table), COLUMNS.names),
        reference=reference(X, {"y_score": y_score, "y_pred": y_pred}),
        decision=DECISION,
        documents={"model_card.md": "# Model card\n", "datasheet.md": "# Datasheet\n"},
        lineage={"run": "TrainFlow/12", "seeds": [1]},
        lock=(ROOT / "requirements.lock").read_text(),
        created="2026-01-02T03:04:05+00:00",
    )


@pytest.fixture(scope="module")
def packed(parts: Parts) -> dict[str, bytes]:
    return contents(parts)


@pytest.fixture
def folder(packed: dict[str, bytes], tmp_path: Path) -> Path:
    write(packed, tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def approved(parts: Parts, tmp_path: Path) -> Path:
    """The bundle of a run that was approved, which its own server serves anywhere."""
    decision = {**DECISION, "outcome": "approved"}
    pack(tmp_path / "approved", dataclasses.replace(parts, decision=decision))
    return tmp_path / "approved"


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as refused:
        verify(folder)
    return str(refused.value)


def test_everything_of_the_design_is_inside(packed):
    assert set(packed) == {
        "MLmodel", "python_env.yaml", "requirements.txt", "input_example.json",
        "serving_input_example.json", "program.json", "program.onnx",
        "program.pyz", "server.pyz", "model.skops", "smoke.json", "contract.json", "reference.json", "smoke.parquet", "decision.json",
        "documents/model_card.md", "documents/datasheet.md", "Containerfile", "sbom.cdx.json", "lineage.json",
        "manifest.json",
    }  # fmt: skip


def test_the_same_parts_give_the_same_id(parts, packed, tmp_path):
    assert (
        pack(tmp_path / "one", parts) == pack(tmp_path / "two", parts) == verify(tmp_path / "one").bundle_id
    )
    assert files(tmp_path / "one") == packed


def test_another_part_gives_another_id(parts, folder, tmp_path):
    other = dataclasses.replace(parts, documents={**parts.documents, "model_card.md": "# Other\n"})
    assert pack(tmp_path / "other", other) != verify(folder).bundle_id


def test_one_flipped_byte_in_any_file_is_refused_and_named(folder, packed):
    for name, content in packed.items():
        position = len(content) // 2
        flipped = bytearray(content)
        flipped[position] ^= 1
        (folder / name).write_bytes(flipped)
        assert name in refusal(folder)
        (folder / name).write_bytes(content)
    verify(folder)


def test_any_missing_file_is_refused_and_named(folder, packed):
    for name, content in packed.items():
        (folder / name).unlink()
        assert refusal(folder).startswith(f"{name}: missing")
        (folder / name).write_bytes(content)
    verify(folder)


@pytest.mark.parametrize(
    "name", ["extra.py", "documents/extra.md", "__pycache__/program.cpython-311.pyc", ".hidden"]
)
def test_an_extra_file_is_refused_and_named(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"")
    assert refusal(folder).startswith(f"{name}: not named")


def test_an_extra_empty_folder_is_refused_and_named(folder):
    (folder / "empty").mkdir()
    assert refusal(folder).startswith("empty: an empty folder")


def test_a_link_is_refused_even_to_the_same_bytes(folder, packed, tmp_path):
    (tmp_path / "elsewhere").write_bytes(packed["program.onnx"])
    (folder / "program.onnx").unlink()
    (folder / "program.onnx").symlink_to(tmp_path / "elsewhere")
    assert refusal(folder).startswith("program.onnx: a link")


def test_a_linked_folder_is_refused(folder, tmp_path):
    shutil.move(folder / "documents", tmp_path / "documents")
    (folder / "documents").symlink_to(tmp_path / "documents", target_is_directory=True)
    assert refusal(folder).startswith("documents: a link")


def test_a_pipe_is_refused_rather_than_read(folder):
    os.mkfifo(folder / "pipe")
    assert refusal(folder).startswith("pipe: a link or device")


def test_a_manifest_that_points_outside_is_refused(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../outside"] = {"sha256": "0" * 64, "size": 1}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    assert "'../outside' leads out of the bundle" in refusal(folder)


def test_a_bundle_packed_anew_is_not_the_one_the_ledger_knows(folder, packed):
    known = verify(folder).bundle_id
    changed = {**packed, "lineage.json": b"{}\n"}
    del changed["manifest.json"]
    (folder / "lineage.json").write_bytes(changed["lineage.json"])
    (folder / "manifest.json").write_bytes(write_manifest(changed))
    verify(folder)
    with pytest.raises(BundleError, match=f"not {known[:12]}"):
        verify(folder, known)


def test_what_is_no_folder_is_no_bundle(tmp_path):
    assert "no bundle" in refusal(tmp_path / "nowhere")
    assert "no bundle" in refusal(tmp_path)


def test_writing_again_changes_nothing(folder, packed):
    before = (folder / "MLmodel").stat().st_mtime_ns
    write(packed, folder)
    assert (folder / "MLmodel").stat().st_mtime_ns == before


def test_nothing_is_written_over_something_else(folder, packed):
    (folder / "MLmodel").write_bytes(b"mine")
    with pytest.raises(BundleError, match="MLmodel: altered"):
        write(packed, folder)
    assert (folder / "MLmodel").read_bytes() == b"mine"


def test_altered_files_are_not_written(packed, tmp_path):
    with pytest.raises(BundleError, match=r"decision\.json: altered"):
        write({**packed, "decision.json": b"{}"}, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_mlflow_loads_it_and_leaves_it_as_it_is(folder, parts):
    import mlflow.pyfunc
    from mlflow.models.utils import load_serving_example

    loaded = mlflow.pyfunc.load_model(str(folder))
    answer = loaded.predict(pd.read_parquet(folder / "smoke.parquet")[list(COLUMNS.names)])
    assert list(answer.columns) == ["y_score", "y_pred"]
    np.testing.assert_allclose(answer.y_score, parts.smoke.y_score, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(answer.y_pred, parts.smoke.y_pred)
    assert loaded.predict(loaded.input_example).equals(answer.head(5).reset_index(drop=True))
    request = json.loads(load_serving_example(str(folder)))["dataframe_split"]
    assert loaded.predict(pd.DataFrame(**request)).equals(answer.head(5).reset_index(drop=True))
    verify(folder)


@pytest.mark.parametrize("gaps", [False, True])
def test_mlflow_takes_columns_with_and_without_gaps_where_the_contract_allows_them(parts, tmp_path, gaps):
    import mlflow.pyfunc

    features = [{**rule, "nullable": True} for rule in parts.contract["features"]]
    write(contents(dataclasses.replace(parts, contract={"features": features})), tmp_path / "bundle")
    rows = pd.read_parquet(tmp_path / "bundle" / "smoke.parquet")[list(COLUMNS.names)]
    if gaps:
        rows = rows.astype({"age": float, "education": float, "foreign_born": object})
        rows.loc[0, ["age", "education", "foreign_born"]] = None
    scores = mlflow.pyfunc.load_model(str(tmp_path / "bundle")).predict(rows).y_score
    assert scores[1:].tolist() == pytest.approx(parts.smoke.y_score[1:].tolist(), abs=1e-14)


def test_recorded_rows_score_as_recorded(folder):
    rows = pd.read_parquet(folder / "smoke.parquet")
    said = Program.load(folder).predict({name: rows[name].to_numpy() for name in COLUMNS.names})
    np.testing.assert_allclose(said["y_score"], rows.y_score, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(said["y_pred"], rows.y_pred)


def containers_words(folder: Path, log: Path) -> list[str]:
    """Python's words in the Containerfile's command, as they are where the bundle lies in this folder."""
    command = json.loads((folder / "Containerfile").read_text().splitlines()[-1].removeprefix("CMD "))
    there = {"/srv": str(folder), "/var/lib/predictions": str(log), "8080": "0", "0.0.0.0": "127.0.0.1"}
    return [there.get(word, word.replace("/srv/", f"{folder}/")) for word in command[1:]]


def test_the_container_of_a_rejected_bundle_does_not_start(folder, tmp_path):
    words = [sys.executable, *containers_words(folder, tmp_path / "log")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "was rejected" in json.loads(done.stderr.splitlines()[0])["why"]


def test_the_containers_command_serves_the_bundle(approved, parts, tmp_path):
    folder, words = approved, containers_words(approved, tmp_path / "log")
    ready = tmp_path / "ready.json"
    server = subprocess.Popen([sys.executable, *words, "--ready-file", str(ready)], cwd=tmp_path)
    try:
        deadline = time.monotonic() + 60
        while not (ready.exists() and json.loads(ready.read_text())["workers"]):
            assert server.poll() is None
            assert time.monotonic() < deadline
        told = json.loads(ready.read_text())
        example = (folder / "serving_input_example.json").read_bytes()
        request = urllib.request.Request(
            f"http://127.0.0.1:{told['port']}/invocations", example, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            said = [row["y_score"] for row in json.load(answer)["predictions"]]
    finally:
        server.terminate()
        assert server.wait(30) == 0
    assert said == pytest.approx(parts.smoke.y_score.head(5).tolist(), abs=1e-14)
    verify(folder)


def test_the_container_runs_as_an_ordinary_user(packed):
    assert "USER 10001:10001" in packed["Containerfile"].decode().splitlines()


def test_requirements_are_hashed_and_for_serving_only(packed):
    text = packed["requirements.txt"].decode()
    names = {
        line.partition("==")[0] for line in text.splitlines() if "==" in line and not line.startswith(" ")
    }
    assert {"numpy", "onnxruntime", "uvicorn", "uvloop", "httptools", "msgspec"} <= names
    assert not {"pandas", "scikit-learn", "mlflow", "metaflow"} & names
    assert text.count("--hash=sha256:") > len(names)


def test_the_fitted_model_is_kept_for_audit_without_pickle(folder, parts):
    types = json.loads((folder / "program.json").read_text())["trusted_types"]
    predictor = skops.io.load(folder / "model.skops", trusted=types)
    np.testing.assert_array_equal(predictor.predict(inputs(parts.smoke, COLUMNS)), parts.smoke.y_pred)


def test_the_decision_is_inside_without_the_id_that_depends_on_it(packed):
    decision = json.loads(packed["decision.json"])
    assert (decision["outcome"], decision["bundle_id"]) == ("rejected", "")
    assert decision["checks"] == [{"code": "T01", "value": None, "interval": [0.0, 1.0]}]


def test_a_program_in_python_is_bundled_with_what_it_imports(parts):
    python = dataclasses.replace(parts.program, runtime="skops")
    text = contents(dataclasses.replace(parts, program=python))["requirements.txt"].decode()
    assert {"numpy", "pandas", "scikit-learn", "skops"} <= {
        line.partition("==")[0] for line in text.splitlines()
    }


def test_smoke_rows_need_the_flows_predictions(parts):
    with pytest.raises(BundleError, match=r"lack \['y_score'\]"):
        contents(dataclasses.replace(parts, smoke=parts.smoke.drop(columns="y_score")))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """config.toml of a project whose ledger is empty."""
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    config = tmp_path / "config.toml"
    config.write_text(text.replace('root = "store"', f'root = "{tmp_path / "store"}"'), encoding="utf-8")
    return config


def test_the_command_line_tells_what_was_verified_and_who_knows_it(folder, project, tmp_path, capsys):
    bundle_id = verify(folder).bundle_id
    Ledger(Store(str(tmp_path / "store"))).append(
        event="rejected", run="TrainFlow/12", bundle_id=bundle_id, by="ada", why="T01 failed"
    )
    assert main(["verify", str(folder), "--config", str(project)]) == 0
    told = capsys.readouterr().out
    assert bundle_id in told
    assert "ledger rejected (entry 1)" in told
    assert main(["verify", str(folder), "--id", bundle_id, "--config", "nowhere"]) == 0


def test_a_bundle_that_was_packed_anew_is_refused_though_it_is_whole(folder, project, capsys):
    changed = {**files(folder), "decision.json": b'{"outcome": "approved"}'}
    (folder / "decision.json").write_bytes(changed["decision.json"])
    del changed["manifest.json"]
    (folder / "manifest.json").write_bytes(write_manifest(changed))
    verify(folder)
    assert main(["verify", str(folder), "--config", str(project)]) == 1
    assert "no decision in the ledger names bundle" in capsys.readouterr().err


def test_the_command_line_refuses_in_one_line_before_anything_is_loaded(folder):
    (folder / "program.onnx").write_bytes(b"")
    code = (
        "import sys; from components.release.bundle import main; status = main(sys.argv[1:]); "
        "loaded = {'onnxruntime', 'skops', 'sklearn', 'pandas', 'mlflow', 'onnx'} & set(sys.modules); "
        "sys.exit(f'loaded {loaded}' if loaded else status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "verify", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("refused: program.onnx: altered")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.fixture(scope="module")
def mixed() -> Parts:
    """A bundle of films, whose columns are numbers, categories, dates and texts, some of them missing."""
    made, columns = films(), FILMS
    predictor = Predictor(build(FAMILIES["gradient_boosting"], {"max_iter": 20}, columns, 0)).fit(
        made.X, made.y
    )
    y_score, y_pred = predictor.score_positive(made.X), predictor.predict(made.X)
    rows = made.table[list(columns.names)]
    contract = schema.infer(pl.from_pandas(rows.astype({"title": object})))
    return Parts(
        name="films",
        program=program(predictor, columns, made.X),
        smoke=rows.assign(y_score=y_score, y_pred=y_pred).head(40),
        contract=schema.to_json(contract, columns.names),
        reference=reference(rows, {"y_score": y_score, "y_pred": y_pred}, texts=columns.texts),
        decision=DECISION,
        documents={},
        lineage={},
        lock=(ROOT / "requirements.lock").read_text(),
        created="2026-01-02T03:04:05+00:00",
    )


def test_a_bundle_with_texts_holds_plain_files_of_them(mixed, tmp_path):
    pack(tmp_path / "bundle", mixed)
    assert {"texts.json", "texts.npz"} <= set(verify(tmp_path / "bundle").files)
    with np.load(tmp_path / "bundle" / "texts.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == {"idf_0", "components_0"}


def test_the_same_texts_give_the_same_id(mixed, tmp_path):
    assert pack(tmp_path / "one", mixed) == pack(tmp_path / "two", mixed)


def test_mlflow_takes_dates_and_texts(mixed, tmp_path):
    import mlflow.pyfunc
    from mlflow.models.utils import load_serving_example

    pack(tmp_path / "bundle", mixed)
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "bundle"))
    types = {column.name: str(column.type) for column in loaded.metadata.get_input_schema().inputs}
    assert {types[name] for name in FILMS.dates} == {"Any"}
    assert {types[name] for name in ("title", "genres")} == {"DataType.string"}
    rows = films().table[list(FILMS.names)].head(40)
    expected = mixed.smoke.y_score.to_numpy()
    np.testing.assert_allclose(loaded.predict(rows).y_score, expected, rtol=0, atol=1e-12)
    nanoseconds = rows.astype(dict.fromkeys(FILMS.dates, "datetime64[ns]"))
    np.testing.assert_allclose(loaded.predict(nanoseconds).y_score, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(loaded.predict(loaded.input_example).y_score, expected[:5], rtol=0, atol=1e-12)
    request = json.loads(load_serving_example(str(tmp_path / "bundle")))["dataframe_split"]
    scores = loaded.predict(pd.DataFrame(**request)).y_score
    np.testing.assert_allclose(scores, expected[:5], rtol=0, atol=1e-12)


def test_a_bundle_with_dates_and_texts_scores_its_example_by_itself(mixed, tmp_path):
    pack(tmp_path / "bundle", mixed)
    command = [sys.executable, "program.pyz", "score"]
    done = subprocess.run(command, cwd=tmp_path / "bundle", capture_output=True, text=True, check=True)
    scores = [row["y_score"] for row in json.loads(done.stdout)["predictions"]]
    np.testing.assert_allclose(scores, mixed.smoke.y_score[:5], rtol=0, atol=1e-12)


def test_the_server_inside_serves_the_bundle(approved, tmp_path):
    folder = approved
    ready, recorded = tmp_path / "ready.json", json.loads((folder / "smoke.json").read_text())
    command = [sys.executable, "server.pyz", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen([*command, "--log-folder", str(tmp_path / "log")], cwd=folder)
    try:
        until(lambda: ready.exists() and json.loads(ready.read_text())["workers"])
        connection = HTTPConnection("127.0.0.1", json.loads(ready.read_text())["port"], timeout=20)
        body = json.dumps({"inputs": recorded["inputs"]})
        connection.request("POST", "/invocations", body, {"content-type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
    finally:
        process.terminate()
        process.wait(30)
    scores = [row["y_score"] for row in answer["predictions"]]
    assert scores == pytest.approx(recorded["predictions"]["y_score"], abs=1e-12)
    verify(folder)  # serving leaves it as it was
