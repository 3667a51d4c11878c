"""MonitorFlow on a served year and on one that went wrong: accounts, alerts, report; repeated, killed and resumed."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import polars as pl
import pytest

from components.monitoring.accounts import watch_id
from components.release.ledger import Ledger
from components.release.retraining import BEGUN, REQUESTED
from components.serving.prediction_log import segments
from tests.flows import faults, runs
from tests.flows.project import TARGET, changed, toml
from tests.flows.runs import copied
from tests.flows.watched import label, people, serve, watched

ASKED = ("--since", "2016", "--until", "2018-06-01", "--window", "year", "--k", "1")


def lived(trained, root):
    """A year that went well; and one whose column 'education' is missing, in which nobody was in work, and the log was harmed.

    The project's metric has become another one since the training.
    """
    project = watched(trained, root, at=datetime(2016, 1, 1, tzinfo=UTC))
    config = project.root / "config.toml"
    assert config.read_text().count("[objective]\n") == 1
    config.write_text(config.read_text().replace("[objective]\n", '[objective]\nmetric = "log_loss"\n'))
    good, bad = people(2016), people(2017)
    label(project, good, serve(project, good, 2016), 2016)
    broken = bad.with_columns(pl.lit(None, dtype=pl.Int64).alias("education"))
    label(project, bad.with_columns(pl.lit(False).alias(TARGET)), serve(project, broken, 2017), 2017)
    harm(project)
    return project


def harm(project) -> None:
    """Damage a line of the second year, and let another one be written after it, as by a clock that was set back."""
    (segment,) = (path for path in segments(project.root / "store" / "predictions") if "y2017" in path.name)
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[20] = lines[20].replace(b"0.", b"1.", 1)
    segment.write_bytes(b"".join([*lines[:5], *lines[6:], lines[5]]))


@pytest.fixture(scope="module")
def project(trained, tmp_path_factory):
    return lived(trained, tmp_path_factory.mktemp("watched") / "project")


@pytest.fixture(scope="module")
def done(project):
    """The project after one monitor."""
    told = project.monitor(*ASKED)
    assert told.code == 0, told.output
    return project, told.output


def accounts(project) -> dict[str, dict]:
    return {
        path.stem: json.loads(path.read_text())
        for path in (project.root / "store" / "monitoring").glob("*.json")
    }


def loud(account: dict) -> set[str]:
    return {f"{each['kind']} {each['subject']}".strip() for each in account["findings"] if each["alarm"]}


def alerted(project) -> list[str]:
    return [
        entry.details["alert_id"] for entry in Ledger(project.store).entries() if entry.event == "alerted"
    ]


def test_each_window_has_one_account_a_stage(done):
    project, _ = done
    bundle_id = project.ledger[0].bundle_id[:12]
    assert sorted(accounts(project)) == [
        f"production-{year}-{bundle_id}-{stage}" for year in (2016, 2017) for stage in ("labelled", "served")
    ]


def test_the_good_year_is_quiet_and_the_broken_column_is_named(done):
    found = {
        name.split("-")[1]: account for name, account in accounts(done[0]).items() if name.endswith("served")
    }
    assert loud(found["2016"]) <= {"staleness"}
    assert {"drift education", "missing education"} <= loud(found["2017"])
    assert not {name for name in loud(found["2017"]) if name.startswith("drift") and name.split()[1] not in ("education", "y_score", "y_pred")}  # fmt: skip
    assert (found["2016"]["rows"], found["2017"]["rows"]) == (2000, 1950)


def test_a_damaged_line_and_a_clock_set_back_are_told_of_the_year_in_which_they_were(done):
    """Both years are looked at together; the lines before and after the damaged one are read."""
    found = {name: loud(account) for name, account in accounts(done[0]).items() if name.endswith("served")}
    assert [{"log", "clock"} & found[name] for name in sorted(found)] == [set(), {"log", "clock"}]


def test_where_nobody_was_in_work_the_metric_is_not_judged_and_calibration_alarms(done):
    (account,) = [
        each for name, each in accounts(done[0]).items() if "-2017-" in name and name.endswith("labelled")
    ]
    judged = {each["kind"]: each["judged"] for each in account["findings"]}
    assert (account["rows"], judged["performance"], account["details"]["metric"]) == (1950, False, None)
    assert "calibration in the large" in loud(account)
    assert "labels" not in loud(account)


def test_the_metric_is_the_one_that_approved_the_model_whatever_is_set_today(done):
    (account,) = [
        each for name, each in accounts(done[0]).items() if "-2016-" in name and name.endswith("labelled")
    ]
    (metric,) = [each for each in account["findings"] if each["kind"] == "performance"]
    assert (metric["subject"], metric["judged"]) == ("roc_auc", True)
    page = (done[0].root / "build" / "monitoring" / "production.html").read_text(encoding="utf-8")
    assert "ROC AUC of 2016" in page or "ROC AUC of 2017" in page


def test_alerts_are_in_the_ledger_with_a_reason(done):
    project, output = done
    entries = [entry for entry in Ledger(project.store).entries() if entry.event == "alerted"]
    (drift,) = [
        entry
        for entry in entries
        if entry.details["subject"] == "education" and entry.details["kind"] == "drift"
    ]
    assert "The column education moved: PSI" in drift.why
    assert drift.details["environment"] == "production"
    assert "MONITOR_WEBHOOK_URL is not set" in output


def test_the_report_stands_alone_and_the_metrics_can_be_collected(done):
    folder = done[0].root / "build" / "monitoring"
    page = (folder / "production.html").read_text(encoding="utf-8")
    assert "education" in page
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    lines = (folder / "production.prom").read_text().splitlines()
    assert any(
        line.startswith("monitoring_alarm{") and 'subject="education"' in line and line.endswith(" 1.0")
        for line in lines
    )
    assert all(line.startswith("#") or line.rpartition(" ")[2].replace(".", "").replace("-", "").replace("e", "").isdigit() for line in lines)  # fmt: skip


def requests(project) -> list:
    return [entry for entry in Ledger(project.store).entries() if entry.event == REQUESTED]


def test_labels_that_say_otherwise_ask_for_one_training_a_window(done):
    project, output = done
    asked = [(entry.details["window"], entry.bundle_id) for entry in requests(project)]
    assert asked.count(("2017", project.ledger[0].bundle_id)) == 1
    assert len(set(asked)) == len(asked)
    newest = requests(project)[-1]
    assert newest.details["end"] == "2018-01-01T00:00:00+00:00"
    assert any("calibration" in alert for alert in newest.details["alerts"])
    assert f"Another training is asked for: {len(asked)} new in the ledger" in output


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """The address of a server that takes what is posted, and what it took, by path."""
    got: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", got
        finally:
            server.shutdown()
            thread.join()


def test_a_second_monitor_asks_nothing_again_sends_what_was_not_sent_and_on_argo_starts_the_training(
    done, tmp_path
):
    project = copied(done[0], tmp_path / "project")
    settings = changed(project={"orchestrator": "argo-workflows"}, retraining={"events": True})
    (project.root / "config.toml").write_text(toml(settings), encoding="utf-8")
    before, entries, alerts = accounts(project), Ledger(project.store).entries(), alerted(project)
    with receiver() as (url, got):
        on_argo = {"ARGO_WORKFLOW_TEMPLATE": "monitor", "METAFLOW_ARGO_EVENTS_WEBHOOK_URL": f"{url}/event"}
        told = project.monitor(*ASKED, MONITOR_WEBHOOK_URL=f"{url}/tok-en", **on_argo)
    assert told.code == 0, told.output
    assert "tok-en" not in told.output
    assert accounts(project) == before
    assert sorted(each["alert_id"] for path, each in got if path == "/tok-en") == sorted(alerts)
    (event,) = [each for path, each in got if path == "/event"]
    (begun,) = Ledger(project.store).entries()[len(entries) :]
    request = requests(project)[-1]
    assert (event["name"], event["payload"]["cause"], event["payload"]["until"]) == (
        "small.retraining",
        request.hash,
        "",
    )
    assert (begun.event, begun.details["cause"], begun.details["host"]) == (
        BEGUN,
        request.hash,
        "Argo Workflows",
    )
    assert f"An event starts TrainFlow for the request of entry {request.number}" in told.output
    refused = project.python("-m", "flows.retrain")
    assert (refused.code, "answers a request since" in refused.output) == (1, True), refused.output


def test_another_log_has_accounts_of_its_own_also_where_it_is_empty(done, tmp_path):
    """The windows were looked at before, in the store's log; the labels are those of that log."""
    project = copied(done[0], tmp_path / "project")
    before, folder = accounts(project), project.root / "store" / "scores"
    folder.mkdir()
    told = project.monitor(*ASKED, "--log", "store/scores")
    assert told.code == 0, told.output
    named, found = watch_id("store/scores"), accounts(project)
    assert {name: found[name] for name in before} == before
    new = {name: found[name] for name in found.keys() - before.keys()}
    assert set(new) == {f"{name}-{named}" for name in before}
    assert {(each["rows"], each["log"]) for each in new.values()} == {(0, "store/scores")}
    served, labelled = (
        [each for each in new.values() if each["stage"] == stage] for stage in ("served", "labelled")
    )
    assert [loud(each) - {"staleness"} for each in served] == [{"volume"}] * 2
    (late,) = [each["details"] for each in labelled if each["label"] == "2017"]
    assert (late["unknown"], late["elsewhere"], late["predicted"]) == (0, 2000, 0)
    assert (project.root / "build" / "monitoring" / f"production-{named}.html").is_file()


@pytest.mark.system
def test_the_last_windows_and_labels_of_a_champion_that_was_replaced_are_looked_at(trained, tmp_path):
    project = lived(trained, tmp_path / "project")
    first = project.ledger[0]
    second = runs.beside(project, "2", {"documents/model_card.md": b"# Another model card\n"})
    Ledger(project.store).append(
        event="promoted", run=second.run, bundle_id=second.bundle_id, by="tester", why="newer",
        details=second.details | {"environment": "production", "once_key": "second promotion"},
    )  # fmt: skip
    told = project.monitor(*ASKED)
    assert told.code == 0, told.output
    found = {
        name: each["rows"] for name, each in accounts(project).items() if each["bundle_id"] == first.bundle_id
    }
    assert found == {
        f"production-{year}-{first.bundle_id[:12]}-{stage}": rows
        for year, rows in ((2016, 2000), (2017, 1950))
        for stage in ("served", "labelled")
    }
    assert len(accounts(project)) == len(
        found
    )  # the newer one was not there in these years, and none is about it
    assert "none has ended in which this model was the champion" in told.output
    entries = [
        entry
        for entry in Ledger(project.store).entries()
        if entry.event == "alerted" and entry.bundle_id == first.bundle_id
    ]
    kinds = {entry.details["kind"] for entry in entries if "a champion before" in entry.why}
    assert {"calibration", "missing"} <= kinds
    assert requests(project) == []
    for stage in ("served", "labelled"):
        assert f"2017 {stage} of {first.bundle_id[:12]}, a champion before: 1,950 rows, ALARM" in told.output


def killed(project, moment: str) -> str:
    """The run of a monitor that died at a moment."""
    faults.arm(project, moment)
    environment = {"MONITOR_WEBHOOK_URL": "http://127.0.0.1:9/"} if moment == "webhook" else {}
    told = project.monitor(*ASKED, **environment)
    assert told.code != 0
    assert faults.grave(project, moment).exists(), told.output
    return project.run(flow="MonitorFlow").id


def test_a_monitor_that_died_is_resumed(project, done, tmp_path):
    again = copied(project, tmp_path / "project")
    for path in (again.root / "store" / "monitoring").glob("*.json"):
        path.unlink()
    run = killed(again, "account")
    told = again.monitor(resumed=run)
    assert told.code == 0, told.output
    assert accounts(again) == accounts(done[0])


def test_days_that_the_log_no_longer_keeps_are_removed_at_its_end(done, tmp_path):
    project = copied(done[0], tmp_path / "project")
    config = project.root / "config.toml"
    config.write_text(config.read_text() + "\n[serving]\nlog_days = 70\n")
    log = project.root / "store" / "predictions"
    (today,) = log.iterdir()
    for day in ("2016-06-01", "2016-06-02"):
        (log / day).mkdir()
        next(iter(sorted(today.iterdir()))).rename(log / day / "000000-w-0001.jsonl")
    told = project.monitor(*ASKED)
    assert told.code == 0, told.output
    assert [path.name for path in log.iterdir()] == [today.name]
    entry = Ledger(project.store).entries()[-1]
    assert (entry.event, entry.details["days"]) == ("expired", ["2016-06-01", "2016-06-02"])


@pytest.mark.system
def test_a_monitor_that_died_at_every_moment_is_resumed_and_loses_nothing(trained, done, tmp_path):
    again = lived(trained, tmp_path / "project")
    faults.arm(again, *faults.MONITORING)
    with receiver() as (url, got):
        told = again.monitor(*ASKED, MONITOR_WEBHOOK_URL=url)
        for moment in faults.MONITORING:
            assert told.code != 0
            assert faults.grave(again, moment).exists(), told.output
            told = again.monitor(resumed=again.run(flow="MonitorFlow").id, MONITOR_WEBHOOK_URL=url)
    assert told.code == 0, told.output
    assert accounts(again) == accounts(done[0])
    assert alerted(again) == alerted(done[0])
    assert {each["alert_id"] for _, each in got} == set(alerted(again))
    assert [each.details["window"] for each in requests(again)] == [
        each.details["window"] for each in requests(done[0])
    ]
    assert (again.root / "build" / "monitoring" / "production.html").is_file()


@pytest.mark.system
def test_two_monitors_at_once_agree(trained, done, tmp_path):
    project = lived(trained, tmp_path / "project")
    running = [project.start("run", *ASKED, flow="monitor") for _ in range(2)]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], "\n".join(outputs)
    assert accounts(project) == accounts(done[0])
    assert sorted(alerted(project)) == sorted(alerted(done[0]))
    assert len(requests(project)) == len(requests(done[0]))


def test_a_webhook_that_is_no_address_is_refused_before_anything_is_looked_at(trained, tmp_path):
    project = watched(trained, tmp_path / "project")
    told = project.monitor(MONITOR_WEBHOOK_URL="hooks.example.com/tok-en")
    assert told.code != 0
    assert "MONITOR_WEBHOOK_URL is no http or https address" in told.output
    assert "Traceback" not in told.output
    assert "tok-en" not in told.output
    assert not (project.root / "store" / "monitoring").exists()


def test_without_a_champion_there_is_nothing_to_watch(trained, tmp_path):
    project = copied(trained, tmp_path / "project")
    told = project.monitor()
    assert told.code != 0
    assert "has no champion to watch" in told.output
    assert "Traceback" not in told.output
