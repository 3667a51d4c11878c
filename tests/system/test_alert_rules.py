"""Each alert rule fires on what it is for, and on nothing else: `promtool test rules`."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.components import packed

pytestmark = pytest.mark.system

JOB = 'job="job-coaching-production"'
ASKED = f'{JOB},route="/invocations"'
UP, IS_READY = f"up{{{JOB}}}", f"serving_ready{{{JOB}}}"
READY = {UP: "1x200", IS_READY: "1x200"}
ANOTHER = {'up{job="another"}': "1x200", 'serving_ready{job="another"}': "1x200"}
"""A server of another model, that the same Prometheus scrapes."""


def histogram(under: str, over: str) -> dict[str, str]:
    """Requests of which so many a minute take up to 25 ms, and so many up to a second."""
    counts = {"0.025": under, "0.05": under, "1": over, "+Inf": over}
    return {
        f'serving_request_seconds_bucket{{{ASKED},le="{le}"}}': f"0+{count}x200"
        for le, count in counts.items()
    }


# By rule: the series with which it fires, and those with which it does not. One value a minute, looked at after 80.
CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "TrafficGone": (
        {f'serving_requests_total{{{ASKED},status="200"}}': "0+60x60 3600x60"},
        {f'serving_requests_total{{{ASKED},status="200"}}': "0+1x200"},
    ),
    "ServerGone": ({**READY, **ANOTHER, UP: "0x200"}, {**READY, 'serving_ready{job="another"}': "0x200"}),
    "WorkersDie": (
        {f"serving_worker_restarts_total{{{JOB}}}": "0x75 1x200"},
        {f"serving_worker_restarts_total{{{JOB}}}": "0x20 3x200"},
    ),
    "Errors": (
        {
            f'serving_requests_total{{{ASKED},status="500"}}': "0+2x200",
            f'serving_requests_total{{{ASKED},status="200"}}': "0+98x200",
        },
        {
            f'serving_requests_total{{{ASKED},status="500"}}': "0+1x200",
            f'serving_requests_total{{{ASKED},status="200"}}': "0+199x200",
            f'serving_requests_total{{{ASKED},status="400"}}': "0+100x200",
            f'serving_requests_total{{{ASKED},status="503"}}': "0+100x200",
        },
    ),
    "Slow": (histogram("97", "100"), histogram("100", "100")),
    "Saturated": (
        {'serving_requests_rejected_total{job="job-coaching-production",reason="queue"}': "0+1x200"},
        {
            'serving_requests_rejected_total{job="job-coaching-production",reason="queue"}': "7x200",
            'serving_requests_rejected_total{job="job-coaching-production",reason="rows"}': "0+1x200",
            'serving_requests_in_flight{job="job-coaching-production"}': "800x200",
            'serving_workers{job="job-coaching-production"}': "2x200",
        },
    ),
    "RowsRefused": (
        {
            'serving_rows_bad_total{job="job-coaching-production"}': "0+6x200",
            'serving_rows_total{job="job-coaching-production",variant="champion"}': "0+94x200",
        },
        {
            'serving_rows_bad_total{job="job-coaching-production"}': "0+4x200",
            'serving_rows_refused_total{job="job-coaching-production",column="",rule="unknown column"}': "0+60x200",
            'serving_rows_total{job="job-coaching-production",variant="champion"}': "0+96x200",
        },
    ),
    "LogFailing": (
        {'serving_log_failing{job="job-coaching-production",worker="0"}': "0x79 1x100", 'serving_log_failing{job="job-coaching-production",worker="1"}': "0x200"},
        {'serving_log_failing{job="job-coaching-production"}': "1x70 0x100", 'serving_log_lost_total{job="job-coaching-production"}': "5x200"},
    ),
    "ModelRefused": ({'serving_model_refused{job="job-coaching-production"}': "0x70 1x100"}, {'serving_model_refused{job="job-coaching-production"}': "1x70 0x100"}),
    "ModelTooOld": (
        # Time begins at 0 in these tests, and a model was made a number of days before.
        {'serving_model_created_timestamp_seconds{job="job-coaching-production",variant="champion"}': f"{-181 * 86_400}x200"},
        {
            'serving_model_created_timestamp_seconds{job="job-coaching-production",variant="champion"}': f"{-179 * 86_400}x200",
            'serving_model_created_timestamp_seconds{job="job-coaching-production",variant="challenger"}': f"{-400 * 86_400}x200",
        },
    ),
}  # fmt: skip
# The same of the second group, on what a monitor leaves.
ALERTS = 'monitoring_alerts_total{environment="production",bundle_id="b",severity="critical"}'
WINDOW_END = 'monitoring_window_end_timestamp_seconds{environment="production",bundle_id="b",stage="served"}'
MONITORED: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "MonitoringAlert": ({ALERTS: "0x40 1x160"}, {ALERTS: "0x200", ALERTS.replace("production", "staging"): "0x40 1x160"}),
    "MonitoringSilent": (
        # Windows are days: the newest is to have ended two days and an hour ago at the most.
        {WINDOW_END: f"{-49 * 3600}x200", WINDOW_END.replace("served", "labelled"): "0x200"},
        {WINDOW_END: f"{-47 * 3600}x200", WINDOW_END.replace('"b"', '"a"'): f"{-90 * 3600}x200"},
    ),
}  # fmt: skip
CASES |= MONITORED
ALSO: list[tuple[str, dict[str, str]]] = [
    ("MonitoringAlert", {ALERTS: "_x40 1x160"}),  # another champion, whose first window alarms
    ("ServerGone", {**READY, **ANOTHER, IS_READY: "0x200"}),
    ("ServerGone", {**ANOTHER}),
    ("ServerGone", {**ANOTHER, UP: "1x60 stale", IS_READY: "1x60 stale"}),
    ("Saturated", {f"serving_requests_in_flight{{{JOB}}}": "840x200", f"serving_workers{{{JOB}}}": "2x200"}),
    ("Saturated", {f'serving_requests_rejected_total{{{JOB},reason="connections"}}': "0+1x200"}),
    ("Saturated", {f'serving_requests_rejected_total{{{JOB},reason="memory"}}': "0+1x200"}),
    (
        "RowsRefused",  # the server of an older bundle
        {
            f'serving_rows_refused_total{{{JOB},column="age",rule="maximum"}}': "0+6x200",
            f'serving_rows_total{{{JOB},variant="champion"}}': "0+94x200",
        },
    ),
    ("LogFailing", {f"serving_log_failing{{{JOB}}}": "0x200", f"serving_log_lost_total{{{JOB}}}": "0x75 3x100"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rules of a deployment's folder."""
    folder = tmp_path_factory.mktemp("deploy") / "production"
    packed.deployed(folder)
    return folder / "prometheus" / "rules.yaml"


def said(
    rules: Path, folder: Path, alert: str, series: dict[str, str], *, fires: bool, at: str = "80m"
) -> str:
    """What promtool finds wrong with the expectation; "" if nothing."""
    samples = [{"labels": "{}", "value": 1}] if fires else []
    expression = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": expression, "eval_time": at, "exp_samples": samples}],
    }
    content = {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [test]}
    (folder / "test.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", folder / "test.yaml"], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_rules_are_whole(rules: Path) -> None:
    done = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_case(rules: Path) -> None:
    groups = yaml.safe_load(rules.read_text(encoding="utf-8"))["groups"]
    assert [rule["alert"] for group in groups for rule in group["rules"]] == list(CASES)


@pytest.mark.parametrize(("alert", "series"), [*((name, case[0]) for name, case in CASES.items()), *ALSO])
def test_it_fires(rules: Path, tmp_path: Path, alert: str, series: dict[str, str]) -> None:
    assert said(rules, tmp_path, alert, series, fires=True) == ""


@pytest.mark.parametrize("alert", CASES)
def test_it_does_not_fire(rules: Path, tmp_path: Path, alert: str) -> None:
    assert said(rules, tmp_path, alert, CASES[alert][1], fires=False) == ""


def test_a_server_in_order_raises_no_alert(rules: Path, tmp_path: Path) -> None:
    quiet = {name: values for _, series in CASES.values() for name, values in series.items()}
    quiet.pop('serving_log_failing{job="job-coaching-production"}')
    for alert in CASES:
        assert said(rules, tmp_path, alert, quiet, fires=False) == ""


@pytest.mark.parametrize("bears", [False, True])
def test_prometheus_takes_the_job_with_a_token_and_without(rules: Path, tmp_path: Path, bears: bool) -> None:
    text = rules.with_name("scrape.yaml").read_text(encoding="utf-8")
    if bears:
        text = text.replace("# authorization:", "authorization:").replace("#   credentials", "  credentials")
    content = yaml.safe_load(text)
    (job,) = content["scrape_configs"]
    assert ("authorization" in job) is bears
    job.pop("kubernetes_sd_configs")  # Debian's Prometheus is built without it
    job["static_configs"] = [{"targets": ["127.0.0.1:8080"]}]
    if bears:
        (tmp_path / "token").write_text("secret")
        job["authorization"]["credentials_file"] = str(tmp_path / "token")
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("values", "fires"), [("1x1400 2x300", True), ("2x1700", False), ("0x100 1x1600", False)]
)
def test_an_alert_of_days_ago_is_not_told_again(
    rules: Path, tmp_path: Path, values: str, fires: bool
) -> None:
    assert said(rules, tmp_path, "MonitoringAlert", {ALERTS: values}, fires=fires, at="1650m") == ""
