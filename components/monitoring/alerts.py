"""When alarms become an alert: in k of n windows, once in a while, with a reason that a person understands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from components.monitoring.finding import Finding, Severity


@dataclass(frozen=True)
class Judged:
    """What was found in one window, in the order of time.

    Attributes:
        window_id: names the window, its model and its stage.
        label: of the window.
        findings: all of them.
    """

    window_id: str
    label: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Alert:
    """What somebody is told, once.

    Attributes:
        alert_id: names it: the window and what is wrong.
        window_id: of the window that raised it.
        label: of that window.
        kind: what was looked at.
        subject: the column, the metric, the group.
        severity: "warning" or "critical".
        windows: the labels of the windows that alarmed, this one last.
        reason: why, for a person.
    """

    alert_id: str
    window_id: str
    label: str
    kind: str
    subject: str
    severity: Severity
    windows: tuple[str, ...]
    reason: str

    @property
    def title(self) -> str:
        """One line."""
        return f"{self.severity}: {self.kind} {self.subject}".strip() + f" in {self.label}"

    def to_json(self) -> dict[str, Any]:
        """Every attribute, and the title."""
        return {**asdict(self), "windows": list(self.windows), "title": self.title}


def alerts(history: Sequence[Judged], *, k: int, n: int, cooldown: int) -> list[Alert]:
    """Every alert that a history of windows gives, oldest first.

    It looks at nothing but the windows up to each, so that a history that has grown gives the same ones again, and new
    ones behind them.

    Args:
        history: windows of one model and one stage, in the order of time.
        k: how many windows must alarm.
        n: of how many, the last ones.
        cooldown: for how many windows after an alert the same is not told again, unless it became critical.
    """
    found: list[Alert] = []
    told: dict[str, tuple[int, Severity]] = {}
    for place, window in enumerate(history):
        for finding in window.findings:
            if not finding.alarm:
                continue
            alarmed = [
                each.label
                for each in history[max(0, place + 1 - n) : place + 1]
                if any(other.alarm and other.key == finding.key for other in each.findings)
            ]
            if len(alarmed) >= k and _is_news(told.get(finding.key), place, finding, cooldown):
                told[finding.key] = (place, finding.severity)
                found.append(_alert(window, finding, alarmed, k, n))
    return found


def _is_news(before: tuple[int, Severity] | None, place: int, finding: Finding, cooldown: int) -> bool:
    if before is None or place - before[0] > cooldown:
        return True
    return finding.severity == "critical" and before[1] == "warning"


def _alert(window: Judged, finding: Finding, alarmed: Sequence[str], k: int, n: int) -> Alert:
    often = (
        f" It alarmed in {len(alarmed)} of the last {n} windows ({', '.join(alarmed)}); {k} make an alert."
    )
    return Alert(
        f"{window.window_id} {finding.key}",
        window.window_id,
        window.label,
        finding.kind,
        finding.subject,
        finding.severity,
        tuple(alarmed),
        finding.reason + (often if n > 1 else ""),
    )
