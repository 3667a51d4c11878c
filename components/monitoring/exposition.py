"""The newest window of a model as metrics for Prometheus, in the text format that a node exporter collects from files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from components.monitoring.accounts import Account
from components.monitoring.alerts import Alert

HELP = {
    "monitoring_rows": "Predictions in the newest window, or labelled ones.",
    "monitoring_window_end_timestamp_seconds": "The end of the newest window.",
    "monitoring_value": "The number that decides, by what was looked at.",
    "monitoring_value_low": "The lower end of its interval.",
    "monitoring_value_high": "The upper end of its interval.",
    "monitoring_limit": "Beyond which it alarms.",
    "monitoring_alarm": "1 where the newest window alarms.",
    "monitoring_judged": "0 where too little is known to say.",
    "monitoring_alerts_total": "Alerts so far of this model.",
}

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]


def exposition(newest: Sequence[Account], alerts: Sequence[Alert]) -> str:
    """The text of a file with metrics.

    Args:
        newest: the newest account of each stage.
        alerts: all of the model's.

    Source: Prometheus, Exposition formats, text-based format 0.0.4.
    """
    samples = [sample for account in newest for sample in _of_account(account)]
    if newest:
        common = _common(newest[0])
        samples += [
            (
                "monitoring_alerts_total",
                {**common, "severity": severity},
                float(sum(alert.severity == severity for alert in alerts)),
            )
            for severity in ("warning", "critical")
        ]
    return "".join(_family(name, text, samples) for name, text in HELP.items())


def _of_account(account: Account) -> Iterable[Sample]:
    common = {**_common(account), "stage": account.stage}
    yield "monitoring_rows", common, float(account.rows)
    yield (
        "monitoring_window_end_timestamp_seconds",
        common,
        datetime.fromisoformat(account.end).timestamp(),
    )
    for finding in account.findings:
        labels = {**common, "kind": finding.kind, "subject": finding.subject}
        numbers = {
            "monitoring_value": finding.value,
            "monitoring_value_low": finding.low,
            "monitoring_value_high": finding.high,
            "monitoring_limit": finding.limit,
        }
        yield from ((name, labels, value) for name, value in numbers.items() if value is not None)
        yield "monitoring_alarm", {**labels, "severity": finding.severity}, float(finding.alarm)
        yield "monitoring_judged", labels, float(finding.judged)


def _common(account: Account) -> dict[str, str]:
    log = {"log": account.log} if account.log else {}
    return {"environment": account.environment, "bundle_id": account.bundle_id[:12], **log}


def _family(name: str, text: str, samples: Iterable[Sample]) -> str:
    kind = "counter" if name.endswith("_total") else "gauge"
    lines = [f"{name}{{{_written(labels)}}} {value!r}\n" for each, labels, value in samples if each == name]
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n{''.join(lines)}" if lines else ""


def _written(labels: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
