"""A bundle's own server is started, repeats what was recorded, and ends; what does not is refused."""

import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from components.errors import BundleError, RefusalError
from components.release import bundle, smoke
from components.release.manifest import MANIFEST, write_manifest
from components.release.parity import Latency, Parity
from components.release.smoke import Smoke, recorded, require_passed
from components.release.trial_server import served
from components.serving.settings import ServingSettings
from tests.components import packed
from tests.components.serving.conftest import until

SETTINGS = {"workers": 3, "log": "strict"}
PASSED = Smoke(Parity(50, 1e-16, 0), Latency(0.5, 2.0, 1e5, (1.0, 3.0)), 0.4, 0.01, 0.9)


def altered(**files: bytes) -> dict[str, bytes]:
    """The bundle with other files, and a manifest that names them."""
    changed = {**packed.bundle(), **{name.replace("__", "."): content for name, content in files.items()}}
    changed = {name: content for name, content in changed.items() if name != MANIFEST and content}
    return {**changed, MANIFEST: write_manifest(changed)}


@pytest.fixture(scope="module")
def found() -> Smoke:
    return smoke.smoke(packed.bundle(), SETTINGS)


def test_the_server_repeats_what_the_flow_recorded(found):
    assert (found.parity.rows, found.parity.decisions_changed) == (50, 0)
    assert found.parity.max_abs_difference <= smoke.TOLERANCE
    require_passed(found, latency_milliseconds=60_000)


def test_its_cost_is_the_processors_time_of_all_its_processes(found):
    assert found.core_seconds_per_1000 > found.batch_core_seconds_per_1000 > 0
    assert 0 < found.latency.p50_milliseconds <= found.latency.p99_milliseconds
    assert found.start_seconds > 0


def test_no_request_has_more_rows_than_the_server_takes():
    inputs, expected = recorded(packed.bundle())
    with served(packed.bundle(), {**SETTINGS, "max_rows": 20}) as trial:
        said = smoke._predicted(trial, inputs, expected, 20)
        with pytest.raises(BundleError, match="with 413"):
            smoke._predicted(trial, inputs, expected, 21)
    np.testing.assert_allclose(said["y_score"], expected["y_score"], rtol=0, atol=smoke.TOLERANCE)


def test_no_body_is_longer_than_the_server_takes():
    inputs, expected = recorded(packed.bundle())
    settings = {**SETTINGS, "max_body_bytes": 3_000}
    most = smoke._most_rows(inputs, settings)
    with served(packed.bundle(), settings) as trial:
        said = smoke._predicted(trial, inputs, expected, most)
        smoke._batches(trial, smoke._body(inputs, range(most)))
        with pytest.raises(BundleError, match="with 413"):
            smoke._batches(trial, smoke._body(inputs, range(2 * most)))
    np.testing.assert_allclose(said["y_score"], expected["y_score"], rtol=0, atol=smoke.TOLERANCE)


def test_wide_and_long_rows_are_sent_some_at_a_time():
    for inputs, rows in (
        ({f"c{n}": [0.123456789] * 50 for n in range(2_000)}, 500),
        ({"t": ["a" * 17_000] * 50}, 500),
    ):
        assert smoke._most_rows(inputs, {}) == rows
    last_long = {"t": [*["a"] * 49, "a" * 1_000]}
    assert smoke._most_rows(last_long, {"max_rows": 10, "max_body_bytes": 1_130}) == 10
    assert smoke._most_rows(last_long, {"max_rows": 10, "max_body_bytes": 1_070}) == 2
    assert smoke._most_rows({"t": ["a" * 100]}, {"max_body_bytes": 50}) == 1
    assert ServingSettings().max_body_bytes == smoke.MAX_BODY_BYTES


def test_nothing_of_this_process_reaches_it_and_it_ends(monkeypatch):
    monkeypatch.setenv("SERVING_TOKEN", "a-secret")
    inputs, _ = recorded(packed.bundle())
    body = json.dumps(
        {"dataframe_split": {"columns": list(inputs), "data": [[v[0] for v in inputs.values()]]}}
    )
    with served(packed.bundle(), SETTINGS) as trial:
        status, answer = trial.ask("POST", "/invocations", body.encode())
        assert (status, len(json.loads(answer)["predictions"])) == (200, 1)
        assert len(trial.pids) == 2
    for pid in trial.pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


TRYING = """
import json, os, sys
from components.release.bundle import files
from components.release.trial_server import served
from pathlib import Path
with served(files(Path(sys.argv[1])), {}) as trial:
    print(json.dumps({"pids": trial.pids, "folder": os.readlink(f"/proc/{trial.pids[0]}/cwd")}), flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the kernel does not tell of processes")
def test_it_ends_with_the_process_that_tries_it_though_that_is_killed(tmp_path):
    bundle.write(packed.bundle(), tmp_path / "bundle")
    words = [sys.executable, "-c", TRYING, str(tmp_path / "bundle")]
    with subprocess.Popen(
        words, cwd=packed.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as trying:
        told = json.loads(trying.stdout.readline())
        assert not any(ended(pid) for pid in told["pids"])
        trying.kill()
        trying.wait()
    until(lambda: all(ended(pid) for pid in told["pids"]) and not Path(told["folder"]).exists())


def ended(pid: int) -> bool:
    """Whether a process has ended, though perhaps nobody has buried it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_other_predictions_than_the_recorded_ones_are_refused():
    table = pl.read_parquet(io.BytesIO(packed.bundle()["smoke.parquet"]))
    buffer = io.BytesIO()
    table.with_columns(y_score=pl.col("y_score") + 1e-8).write_parquet(buffer)
    found = smoke.smoke(altered(smoke__parquet=buffer.getvalue()), SETTINGS)
    assert found.parity.max_abs_difference == pytest.approx(1e-8)
    with pytest.raises(RefusalError, match=r"answers otherwise than the flow: of 50 .* up to 1e-08"):
        require_passed(found, latency_milliseconds=60_000)


def test_a_server_that_does_not_start_says_why():
    said = json.loads(packed.bundle()["smoke.json"])
    said["predictions"]["y_score"][0] += 1e-6
    with (
        pytest.raises(BundleError, match=r"ended at its start: .*answers otherwise than recorded"),
        served(altered(smoke__json=json.dumps(said).encode()), SETTINGS),
    ):
        pass


def test_a_rejected_bundles_server_is_tried_as_in_a_test():
    decision = json.loads(packed.bundle()["decision.json"]) | {"outcome": "rejected"}
    with served(altered(decision__json=json.dumps(decision).encode()), SETTINGS) as trial:
        assert trial.ask("GET", "/ping")[0] == 200


def test_a_bundle_without_a_server_is_refused():
    with (
        pytest.raises(BundleError, match=r"server\.pyz: missing"),
        served(altered(server__pyz=b""), SETTINGS),
    ):
        pass


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"parity": Parity(50, 1e-16, 1)}, "1 are decided otherwise"),
        ({"parity": Parity(50, float("nan"), 0)}, "differ by up to nan"),
        ({"latency": Latency(1.0, 51.0, 1e5, (1.0, 60.0))}, r"takes 51\.0 ms .* allows 50\."),
    ],
)
def test_what_does_not_pass_says_what_was_wanted(changes, sentence):
    require_passed(PASSED, latency_milliseconds=50.0)
    with pytest.raises(RefusalError, match=sentence):
        require_passed(dataclasses.replace(PASSED, **changes), latency_milliseconds=50.0)


def test_values_are_sent_as_json_has_them():
    table = pl.DataFrame(
        {
            "a": [1.5, None, float("nan")],
            "when": pl.Series([0, 1, None], dtype=pl.Datetime),
            "y_pred": [1, 0, 1],
        }
    )
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    files = {
        "smoke.parquet": buffer.getvalue(),
        "program.json": b'{"inputs": {"a": "double", "when": "datetime"}}',
    }
    inputs, expected = recorded(files)
    assert inputs == {
        "a": [1.5, None, None],
        "when": ["1970-01-01T00:00:00", "1970-01-01T00:00:00.000001", None],
    }
    assert expected["y_pred"].tolist() == [1, 0, 1]
