"""A server's workers: one that dies is replaced, all follow the deployment, and a signal ends them without a loss."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from itertools import count
from pathlib import Path

import pytest

from components.serving.prediction_log import read
from components.serving.workers import MOST_FAILURES
from tests.components.serving.bundles import ROW, Bundle, bundle, deploy
from tests.components.serving.conftest import ROOT, Served, serving, until

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
        (died,) = [line for line in served.told if line["event"] == "worker died"]
        assert (died["worker"], died["signal"], died["process"]) == (0, "SIGKILL", before["0"])
        assert b"serving_worker_restarts_total 1\n" in served.ask("GET", "/metrics")[1]
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


@pytest.mark.parametrize("log", ["window", "strict"])
def test_what_sixteen_clients_were_answered_while_it_ended_is_not_lost(tmp_path, folder, champion, log):
    deploy(folder, champion.bundle_id, serving={"workers": 2, "log": log, "drain_seconds": 0.5})
    answered: list[str] = []
    body = json.dumps(GOOD)

    def ask(client: int) -> None:
        """Until nobody answers any more."""
        connection = served.connect()
        with suppress(OSError, HTTPException):
            for number in count():
                headers = {"content-type": "application/json", "x-request-id": f"{client}-{number}"}
                connection.request("POST", "/invocations", body, headers)
                answer = connection.getresponse()
                if answer.read() and answer.status == 200:
                    answered.append(f"{client}-{number}:0")
        connection.close()

    with serving(["--deployment", str(folder)], tmp_path) as served, ThreadPoolExecutor(16) as pool:
        until(lambda: len(workers(tmp_path)) == 2)
        clients = [pool.submit(ask, client) for client in range(16)]
        until(lambda: len({each.partition("-")[0] for each in answered}) == 16 and len(answered) > 300)
        served.process.send_signal(signal.SIGTERM)
        for client in clients:
            client.result()
        assert served.process.wait(30) == 0
    logged = read(served.log_folder)[0]["prediction_id"]
    assert logged.n_unique() == logged.len()
    assert set(answered) <= set(logged)


def test_workers_whose_parent_is_killed_end_by_themselves(tmp_path, folder):
    with serving(["--deployment", str(folder)], tmp_path) as served:
        score(served)
        (worker,) = workers(tmp_path).values()
        served.process.kill()
        served.process.wait()
        until(lambda: not Path(f"/proc/{worker}").exists() or _is_dead(worker))
    assert read(served.log_folder)[0].height == 1


def test_a_worker_that_hangs_is_replaced(tmp_path, folder, champion):
    deploy(folder, champion.bundle_id, serving={"hang_seconds": 0.5})
    with serving(["--deployment", str(folder)], tmp_path) as served:
        score(served)
        (before,) = workers(tmp_path).values()
        os.kill(before, signal.SIGSTOP)
        until(lambda: before not in workers(tmp_path).values() and workers(tmp_path))
        score(served)
        told = [line for line in served.told if line["event"] in ("worker hangs", "worker died")]
        assert [line["event"] for line in told] == ["worker hangs", "worker died"]


HANGS = """
import signal, sys
from components.serving import workers
from components.serving.__main__ import main

if "--worker" in sys.argv:
    signal.alarm(60)  # where nobody ends it
    signal.pause()
workers.START_SECONDS = 0.1
sys.exit(main())
"""


def test_a_worker_that_hangs_before_it_is_ready_is_replaced(tmp_path):
    (tmp_path / "settings.json").write_text('{"hang_seconds": 0.5}')
    command = [sys.executable, "-c", HANGS, "--settings", str(tmp_path / "settings.json"), "--port", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    told = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert told == ["worker hangs", "worker died"] * 3 + ["nothing can be served"]
    assert done.returncode == 1


def test_a_server_that_was_stopped_itself_does_not_take_its_workers_for_hung(tmp_path, folder, champion):
    deploy(folder, champion.bundle_id, serving={"hang_seconds": 1.0})
    with serving(["--deployment", str(folder)], tmp_path) as served:
        (before,) = workers(tmp_path).values()
        processes = (served.process.pid, before)
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        stopped = time.monotonic()
        until(lambda: time.monotonic() > stopped + 2)
        os.kill(processes[0], signal.SIGCONT)
        os.kill(processes[1], signal.SIGCONT)
        for _ in range(20):
            score(served)
        assert workers(tmp_path) == {"0": before}


def test_a_worker_that_is_replaced_has_the_settings_of_the_server(tmp_path, folder, champion, challenger):
    deploy(folder, champion.bundle_id, serving={"max_rows": 3})
    three, four = ({"dataframe_records": [ROW] * count} for count in (3, 4))
    with serving(["--deployment", str(folder)], tmp_path) as served:
        deploy(folder, challenger.bundle_id, serving={"max_rows": 1})
        until(lambda: any(line["event"] == "another deployment serves" for line in served.told))
        until(lambda: any(line["event"] == "settings differ; restart to apply" for line in served.told))
        assert [served.post(body)[0] for body in (three, four)] == [200, 413]
        victim = served.kill(0)
        until(lambda: victim not in served.workers.values() and served.workers)
        assert [served.post(body)[0] for body in (three, four)] == [200, 413]
        # Told by the worker that died, and by the one that took its place.
        until(lambda: [line["event"] for line in served.told].count("settings differ; restart to apply") == 2)


def test_a_rejected_bundle_alone_is_served_as_a_test_and_nowhere_else(tmp_path):
    rejected = bundle("TrainFlow/3", C=0.5, outcome="rejected").write(tmp_path)
    words = ["--bundle", str(rejected)]
    for more in ([], ["--environment", "production"]):
        with pytest.raises(AssertionError, match="was rejected"), serving([*words, *more], tmp_path):
            pass
    with serving([*words, "--environment", "test"], tmp_path) as served:
        score(served)


def test_a_server_that_cannot_start_says_so_in_a_few_lines_and_ends(tmp_path, folder, champion):
    broken = {"PYTHONPATH": f"{tmp_path / 'broken'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "uvloop.py").write_text(
        "def new_event_loop():\n    raise OSError(28, 'No space left on device')\n"
    )
    with (
        pytest.raises(AssertionError, match="No space left on device"),
        serving(["--deployment", str(folder)], tmp_path, broken),
    ):
        pass
    told = [json.loads(line) for line in (tmp_path / "stderr.txt").read_text().splitlines()]
    events = [line["event"] for line in told if line["event"] != "worker ended"]
    assert events == ["failed", "worker died"] * MOST_FAILURES + ["nothing can be served"]
    assert {line["exit_code"] for line in told if line["event"] == "worker died"} == {1}
    assert {line["error"] for line in told if line["event"] == "failed"} == {"OSError"}


def _is_dead(pid: int) -> bool:
    """Whether the process has ended, though nobody has buried it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
