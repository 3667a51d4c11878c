"""A server's workers: one that dies is replaced, all follow the deployment, and a signal ends them without a loss."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest

from components.serving.prediction_log import read
from tests.components.serving.bundles import ROW, Bundle, bundle, deploy
from tests.components.serving.conftest import Served, serving, until

GOOD = {"dataframe_records": [ROW]}


@pytest.fixture(scope="module")
def champion() -> Bundle:
    return bundle("TrainFlow/1", C=1.0)


@pytest.fixture(scope="module")
def challenger() -> Bundle:
    return bundle("TrainFlow/2", C=0.001)


@pytest.fixture
def folder(tmp_path: Path, champion: Bundle, challenger: Bundle) -> Path:
    folder = tmp_path / "deployment"
    for each in (champion, challenger):
        each.write(folder)
    deploy(folder, champion.bundle_id)
    return folder


def workers(tmp_path: Path) -> dict[str, int]:
    return json.loads((tmp_path / "ready.json").read_text())["workers"]


def score(served: Served) -> float:
    status, content = served.post(GOOD)
    assert status == 200, content
    return float(content["predictions"][0]["y_score"])


def test_a_worker_that_is_killed_is_replaced_while_the_other_answers(tmp_path, folder, champion):
    deploy(folder, champion.bundle_id, serving={"workers": 2, "log": "strict"})
    with serving(["--deployment", str(folder)], tmp_path) as served:
        until(lambda: len(workers(tmp_path)) == 2)
        before = workers(tmp_path)
        os.kill(before["0"], signal.SIGKILL)
        answered = 0
        while len(workers(tmp_path)) < 2 or workers(tmp_path) == before:
            score(served)
            answered += 1
        after = workers(tmp_path)
        assert (after["1"] == before["1"], after["0"] != before["0"]) == (True, True)
    assert read(served.log_folder)[0].height == answered


def test_another_champion_answers_in_every_worker_after_a_signal(tmp_path, folder, champion, challenger):
    deploy(folder, champion.bundle_id, serving={"workers": 2})
    with serving(["--deployment", str(folder)], tmp_path) as served:
        until(lambda: len(workers(tmp_path)) == 2)
        old = score(served)
        deploy(folder, challenger.bundle_id, serving={"workers": 2})
        served.process.send_signal(signal.SIGHUP)
        until(lambda: sum(each["event"] == "another deployment serves" for each in served.told) == 2)
        assert {score(served) for _ in range(20)} != {old}
        assert len({score(served) for _ in range(20)}) == 1


def test_another_champion_is_seen_without_a_signal(tmp_path, folder, challenger):
    with serving(["--deployment", str(folder)], tmp_path) as served:
        old = score(served)
        deploy(folder, challenger.bundle_id)
        until(lambda: score(served) != old)


def test_an_altered_champion_is_refused_and_the_old_one_answers(tmp_path, folder, challenger):
    with serving(["--deployment", str(folder)], tmp_path) as served:
        old = score(served)
        program = folder / "bundles" / challenger.bundle_id / "program.onnx"
        program.write_bytes(program.read_bytes() + b" ")
        deploy(folder, challenger.bundle_id)
        until(lambda: any(each["event"] == "a newer deployment is refused" for each in served.told))
        assert "program.onnx: altered" in next(
            each["why"] for each in served.told if "refused" in each["event"]
        )
        assert score(served) == old


def test_what_cannot_be_served_ends_the_server_with_the_reason(tmp_path, folder, champion):
    (folder / "bundles" / champion.bundle_id / "contract.json").unlink()
    with (
        pytest.raises(AssertionError, match=r"contract\.json: missing"),
        serving(["--deployment", str(folder)], tmp_path),
    ):
        pass


def test_a_taken_port_is_told(tmp_path, folder, capfd):
    from components.serving.__main__ import main

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["--deployment", str(folder), "--port", port]) == 1
    assert "cannot listen there" in capfd.readouterr().err


def test_a_signal_ends_it_and_nothing_that_was_answered_is_lost(tmp_path, folder):
    with serving(["--deployment", str(folder)], tmp_path) as served:
        for _ in range(50):
            score(served)
    assert served.process.returncode == 0
    assert read(served.log_folder)[0].height == 50


def test_workers_whose_parent_is_killed_end_by_themselves(tmp_path, folder):
    with serving(["--deployment", str(folder)], tmp_path) as served:
        score(served)
        (worker,) = workers(tmp_path).values()
        served.process.kill()
        served.process.wait()
        until(lambda: not Path(f"/proc/{worker}").exists() or _is_dead(worker))
    assert read(served.log_folder)[0].height == 1


def _is_dead(pid: int) -> bool:
    """Whether the process has ended, though nobody has buried it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
