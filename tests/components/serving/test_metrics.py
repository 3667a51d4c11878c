"""Metrics add up over the workers of a server, those that ended included, and say what Prometheus can read."""

import math
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.serving import metrics, series
from components.serving.metrics import SECONDS, Metrics
from components.serving.series import METRICS, fold, rendered
from tests.components.serving.conftest import ROOT, ROW, deployed, serving, until

LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (\+Inf|-?[0-9.e+-]+|nan)')


def parsed(text: str) -> dict[str, float]:
    """Each series by its name and labels; every line must be of Prometheus' format, each name described before."""
    found, described = {}, set()
    for line in text.splitlines():
        if line.startswith("# "):
            described.add(line.split()[2])
            continue
        match = LINE.fullmatch(line)
        assert match, line
        assert match[1] in described or re.sub("_(bucket|sum|count)$", "", match[1]) in described
        found[line.rpartition(" ")[0]] = float(match[3])
    return found


def of(served) -> dict[str, float]:
    return parsed(served.ask("GET", "/metrics")[1].decode())


def in_another_process(folder: Path, worker: int, code: str) -> None:
    """Run lines with `m`, the metrics of a worker that has ended when this returns."""
    lines = f"from pathlib import Path; from components.serving.metrics import *; m = Metrics(Path({str(folder)!r}), {worker}); {code}"
    subprocess.run([sys.executable, "-c", lines], cwd=ROOT, check=True)


def test_counts_of_ended_workers_are_kept_and_their_gauges_are_not(tmp_path):
    code = (
        "m.add(m.place('serving_rows_total', variant='champion'), 5); m.set(m.place('serving_requests_in_flight'), 3); "
        "m.set(m.place('serving_ready'), 1); m.histogram('serving_request_seconds', SECONDS, route='/').observe(0.02)"
    )
    in_another_process(tmp_path, 0, code)
    mine = Metrics(tmp_path, 1)
    mine.add(mine.place("serving_rows_total", variant="champion"), 2)
    mine.set(mine.place("serving_requests_in_flight"), 1)
    mine.histogram("serving_request_seconds", SECONDS, route="/").observe(20.0)
    found = parsed(mine.text())
    assert found['serving_rows_total{variant="champion"}'] == 7
    assert found["serving_requests_in_flight"] == found["serving_workers"] == 1
    assert "serving_ready" not in found
    assert found['serving_request_seconds_count{route="/"}'] == 2
    assert found['serving_request_seconds_sum{route="/"}'] == pytest.approx(20.02)
    mine.close()
    assert parsed(rendered(tmp_path))["serving_workers"] == 0


def test_buckets_hold_what_is_at_most_their_bound(tmp_path):
    mine = Metrics(tmp_path)
    histogram = mine.histogram("serving_request_seconds", SECONDS, route="/")
    for value in (0.0, 0.0005, 0.0006, 10.0, 10.1):
        histogram.observe(value)
    found = parsed(mine.text())
    counts = [
        found[f'serving_request_seconds_bucket{{route="/",le="{le}"}}']
        for le in ("0.0005", "0.001", "10", "+Inf")
    ]
    assert counts == [2, 3, 4, 5]


def test_labels_are_escaped(tmp_path):
    mine = Metrics(tmp_path)
    mine.add(mine.place("serving_rows_refused_total", column='a "b"\\\n{}', rule="missing"))
    ((name, value),) = [each for each in parsed(mine.text()).items() if "refused" in each[0]]
    assert (name, value) == ('serving_rows_refused_total{column="a \\"b\\"\\\\\\n{}",rule="missing"}', 1)


def test_a_line_that_a_killed_worker_did_not_finish_is_passed_over(tmp_path):
    in_another_process(tmp_path, 0, "m.add(m.place('serving_rows_total', variant='champion'), 5)")
    (file,) = tmp_path.glob("*.values")
    content = file.read_bytes()
    end = content.rindex(b"]\n") + 2
    torn = b'["serving_rows_to'
    file.write_bytes(content[:end] + torn + content[end + len(torn) :])
    assert parsed(rendered(tmp_path))['serving_rows_total{variant="champion"}'] == 5


def test_series_beyond_the_room_are_not_counted_and_harm_none(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "CELLS", 8)
    monkeypatch.setattr(series, "CELLS", 8)
    mine = Metrics(tmp_path)
    for number in range(20):
        mine.add(mine.place("serving_rows_total", variant=str(number)))
    mine.histogram("serving_request_seconds", SECONDS, route="/").observe(1.0)
    found = {name: value for name, value in parsed(mine.text()).items() if name.startswith("serving_r")}
    assert set(found.values()) == {1.0}
    assert len(found) == 6


def test_every_metric_is_told_once_there_was_something_of_it(server):
    server.post({"instances": [ROW]})
    server.post({"instances": [{**ROW, "age": 940}]})
    named = {re.sub(r"(_bucket|_sum|_count)?(\{.*)?$", "", name) for name in of(server)}
    known = {metric.name for metric in METRICS}
    assert known - named <= {"serving_requests_rejected_total"}
    assert named <= known


def test_what_is_answered_is_counted(server):
    before = of(server)
    server.post({"instances": [ROW, ROW]})
    server.post({"instances": [{**ROW, "age": 940}, {**ROW, "salary": 1}]})
    after = of(server)
    grown = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    assert grown['serving_requests_total{route="/invocations",status="200"}'] == 1
    assert grown['serving_requests_total{route="/invocations",status="422"}'] == 1
    assert grown['serving_request_seconds_count{route="/invocations"}'] == 2
    assert grown['serving_rows_total{variant="champion"}'] == 2
    assert (
        sum(
            grown.get(f'serving_predictions_total{{variant="champion",decision="{code}"}}', 0)
            for code in (0, 1)
        )
        == 2
    )
    assert grown['serving_score_count{variant="champion",version="12"}'] == 2
    ((column, rule),) = [
        re.findall('"([^"]*)"', name) for name in grown if "refused_total" in name and "age" in name
    ]
    assert (column, rule[:6]) == ("age", "above ")
    assert grown['serving_rows_refused_total{column="",rule="unknown column"}'] == 2
    assert grown["serving_rows_bad_total"] == 2


def test_a_row_that_breaks_many_rules_is_one_bad_row(server):
    before = of(server).get("serving_rows_bad_total", 0.0)
    server.post({"instances": [{**ROW, "age": 940, "education": "much"}, ROW]})
    assert of(server)["serving_rows_bad_total"] == before + 1
    server.post({"instances": [{**ROW, **{f"x{number}": 1 for number in range(60)}}]})
    assert of(server)["serving_rows_bad_total"] == before + 2


def test_the_model_in_service_is_told(server, bundle):
    found = of(server)
    (info,) = [name for name in found if name.startswith("serving_model_info")]
    assert 'version="12"' in info
    assert found['serving_model_created_timestamp_seconds{variant="champion"}'] == 1767323045
    assert found["serving_workers"] == found["serving_ready"] == 1
    assert found['process_resident_memory_bytes{worker="0"}'] > 10e6


def test_several_workers_add_up_though_one_of_them_is_killed(bundle, tmp_path):
    with serving(deployed(bundle, tmp_path / "deployment", workers=2), tmp_path) as served:
        until(lambda: len(served.workers) == 2)
        rows = 'serving_rows_total{variant="champion"}'
        ask = lambda number: served.post({"instances": [ROW] * 2})[0]  # noqa: E731
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(ask, range(100))) == {200}
            until(lambda: of(served)[rows] == 200)  # what is counted follows the answer
            victim = served.kill(0)
            until(
                lambda: (
                    set(served.workers.values())
                    and victim not in served.workers.values()
                    and len(served.workers) == 2
                )
            )
            assert set(pool.map(ask, range(100))) == {200}
        until(lambda: of(served)[rows] == 400)
        found = of(served)
        assert found["serving_workers"] == 2
        assert math.isclose(found['serving_score_count{variant="champion",version="12"}'], 400)
        assert {f'process_resident_memory_bytes{{worker="{number}"}}' for number in (0, 1)} <= found.keys()


def test_a_disk_that_fills_up_later_takes_no_count(tmp_path):
    program = """
import resource, signal, sys
from pathlib import Path
from components.serving.metrics import SECONDS, Metrics
m = Metrics(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))
m.add(m.place("serving_rows_total", variant="champion"), 7)
m.histogram("serving_request_seconds", SECONDS, route="/").observe(1.0)
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=True)
    assert parsed(rendered(tmp_path))['serving_rows_total{variant="champion"}'] == 7


def test_what_the_dead_counted_is_kept_in_one_file(tmp_path):
    program = """
import os, sys
from pathlib import Path
from components.serving.metrics import SECONDS, Metrics
m = Metrics(Path(sys.argv[1]))
m.add(m.place("serving_rows_total", variant="champion"), 7)
m.set(m.place("serving_ready"), 1.0)
m.histogram("serving_request_seconds", SECONDS, route="/").observe(0.3)
os.write(1, b"%d" % os.getpid())
os.kill(os.getpid(), 9)
"""
    fold(tmp_path)
    assert parsed(rendered(tmp_path)) == {"serving_worker_restarts_total": 0, "serving_workers": 0}
    for deaths in (1, 2, 3):
        words = [sys.executable, "-c", program, str(tmp_path)]
        process = int(subprocess.run(words, cwd=ROOT, check=False, stdout=subprocess.PIPE).stdout)
        before = parsed(rendered(tmp_path))
        fold(tmp_path, process, restarts=1)
        found = parsed(rendered(tmp_path))
        assert found == {**before, "serving_worker_restarts_total": deaths}
        assert found['serving_rows_total{variant="champion"}'] == 7 * deaths
        assert found['serving_request_seconds_count{route="/"}'] == deaths
        assert "serving_ready" not in found
    assert not list(tmp_path.glob("*.values"))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 10_000


def test_a_worker_that_died_before_it_counted_is_folded_too(tmp_path):
    (tmp_path / "0-77.values").write_bytes(b"")
    (tmp_path / "0-78.values").write_bytes(b"\0" * 8 * series.CELLS)
    assert parsed(rendered(tmp_path)) == {"serving_workers": 0}
    fold(tmp_path, 77)
    assert [path.name for path in tmp_path.glob("*.values")] == ["0-78.values"]
