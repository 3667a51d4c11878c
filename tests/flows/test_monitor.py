"""MonitorFlow on a served year and on one that went wrong: accounts, alerts, report; repeated, killed and resumed."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import polars as pl
import pytest

from components.release.ledger import Ledger
from tests.flows import faults
from tests.flows.runs import copied
from tests.flows.watched import label, people, serve, watched

ASKED = ("--since", "2016", "--until", "2018-06-01", "--window", "year", "--k", "1")


@pytest.fixture(scope="module")
def project(trained, tmp_path_factory):
    """A year that went well and one whose column 'education' is missing, with labels of the first."""
    project = watched(trained, tmp_path_factory.mktemp("watched") / "project")
    good, bad = people(2016), people(2017)
    label(project, good, serve(project, good, 2016), 2016)
    serve(project, bad.with_columns(pl.lit(None, dtype=pl.Int64).alias("education")), 2017)
    return project


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
    assert found["2016"]["rows"] == found["2017"]["rows"] == 2000


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


def test_a_second_monitor_adds_nothing_and_sends_what_was_not_sent(done, tmp_path):
    project = copied(done[0], tmp_path / "project")
    before, entries, got = accounts(project), Ledger(project.store).entries(), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/tok-en"
        told = project.monitor(*ASKED, MONITOR_WEBHOOK_URL=url)
        server.shutdown()
        thread.join()
    assert told.code == 0, told.output
    assert "tok-en" not in told.output
    assert accounts(project) == before
    assert Ledger(project.store).entries() == entries
    assert sorted(each["alert_id"] for each in got) == sorted(alerted(project))


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
    config.write_text(config.read_text() + "\n[serving]\nlog_days = 40\n")
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
@pytest.mark.parametrize("moment", faults.MONITORING)
def test_a_monitor_that_died_anywhere_is_resumed_and_loses_nothing(trained, done, tmp_path, moment):
    project = watched(trained, tmp_path / "project")
    good, bad = people(2016), people(2017)
    label(project, good, serve(project, good, 2016), 2016)
    serve(project, bad.with_columns(pl.lit(None, dtype=pl.Int64).alias("education")), 2017)
    told = project.monitor(resumed=killed(project, moment))
    assert told.code == 0, told.output
    assert accounts(project) == accounts(done[0])
    assert alerted(project) == alerted(done[0])
    assert (project.root / "build" / "monitoring" / "production.html").is_file()


@pytest.mark.system
def test_two_monitors_at_once_agree(trained, done, tmp_path):
    project = watched(trained, tmp_path / "project")
    good, bad = people(2016), people(2017)
    label(project, good, serve(project, good, 2016), 2016)
    serve(project, bad.with_columns(pl.lit(None, dtype=pl.Int64).alias("education")), 2017)
    running = [project.start("run", *ASKED, flow="monitor") for _ in range(2)]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], "\n".join(outputs)
    assert accounts(project) == accounts(done[0])
    assert alerted(project) == alerted(done[0])


def test_without_a_champion_there_is_nothing_to_watch(trained, tmp_path):
    project = copied(trained, tmp_path / "project")
    told = project.monitor()
    assert told.code != 0
    assert "has no champion to watch" in told.output
    assert "Traceback" not in told.output
