"""Figures of a model in use: which windows alarmed, calibration and the metric by window, and how far columns moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from components.reporting.figure import WIDE, Figure
from components.reporting.forest import Panel, Row, forest
from components.reporting.formats import count, fixed, percent, shortened, signed, with_interval, words
from components.reporting.svg import mark, name, stack, text
from components.validation.metrics import Estimate

if TYPE_CHECKING:
    from components.monitoring.accounts import Account
    from components.monitoring.finding import Finding

MOST_WINDOWS, MOST_COLUMNS = 30, 40
CELL, LEFT, TOP = 26, 220, 66
FORMS = {"failed": 2, "passed": 0, "not_applicable": 5}


def alarms(accounts: Sequence[Account]) -> Figure:
    """A row for what is looked at, a column for each window, a mark where they meet."""
    labels = list(dict.fromkeys(account.label for account in accounts))[-MOST_WINDOWS:]
    kinds = list(dict.fromkeys(finding.kind for account in accounts for finding in account.findings))
    cells = {
        (kind, label): _worst([f for a in accounts if a.label == label for f in a.findings if f.kind == kind])
        for kind in kinds
        for label in labels
    }
    width = min(CELL * 3, (WIDE - LEFT) / max(len(labels), 1))
    parts = []
    for column, label in enumerate(labels):
        x = LEFT + width * (column + 0.5)
        told = shortened(label, 10)
        turned = {} if width > CELL * 2.5 else {"transform": f"rotate(-40 {x:.0f} {TOP - 20})"}
        parts.append(text(x, TOP - 20, told, "tick", text_anchor="start" if turned else "middle", **turned))
    for row, kind in enumerate(kinds):
        y = TOP + CELL * row
        parts.append(name(0, y + 4, kind, 28, "start"))
        for column, label in enumerate(labels):
            status, said = cells[kind, label]
            if status:
                x = LEFT + width * (column + 0.5)
                parts.append(mark(FORMS[status], x, y, status, f"{label}: {said}"))
    loud = [label for label in labels if any(cells[kind, label][0] == "failed" for kind in kinds)]
    finding = (
        f"{len(loud)} of {len(labels)} windows alarmed{': ' if loud else ''}{', '.join(loud[-6:])}. A diamond alarms, a circle is as it "
        "should be, a cross could not be judged."
    )
    table = tuple((kind, *(_WORDS[cells[kind, label][0]] for label in labels)) for kind in kinds)
    height = TOP + CELL * len(kinds) + 8
    return Figure(
        "alarms",
        "What was looked at, window by window",
        finding,
        stack(parts),
        WIDE,
        height,
        ("", *labels),
        table,
    )


def calibration(accounts: Sequence[Account], alarm: float | None = None) -> Figure | None:
    """Actual minus predicted by window; None before there are labels."""
    known = [
        (account, outcome, Estimate(**gap))
        for account in _labelled(accounts)
        for outcome, gap in account.details.get("calibration", {}).get("in_the_large", {}).items()
    ]
    if not known:
        return None
    rows = [
        Row(label(account, outcome), (gap,), account.rows, "worst" if _sure(gap) else "model")
        for account, outcome, gap in known
    ]
    newest = known[-1][2]
    loud = sum(row.mark == "worst" for row in rows)
    finding = (
        f"Actual minus predicted, which should be 0: {signed(newest.value, 4)} in {rows[-1].label} "
        f"({fixed(newest.low, 4)} to {fixed(newest.high, 4)}). In {loud} of {len(rows)} windows 0 is outside of the interval. Above 0 "
        "the scores are too low."
    )
    limit = None if alarm is None else (alarm, f"{alarm:g} is large")
    panel = Panel("actual minus predicted", (0.0, "as promised"), limit, decimals=4, signs=True)
    return forest("calibration", "Calibration over time", finding, [panel], rows, "window")


def metric(accounts: Sequence[Account], primary: str) -> Figure | None:
    """The primary metric by window: as labels say, and as the scores promised before; None where neither is known."""
    after = {account.label: account for account in _labelled(accounts)}
    before = {account.label: account for account in accounts if account.stage == "served"}
    rows = []
    for each in list(dict.fromkeys(account.label for account in accounts))[-MOST_WINDOWS:]:
        labelled, served = after.get(each), before.get(each)
        known = estimate_of(labelled.details.get("metric")) if labelled else None
        promised = estimate_of((served.details.get("estimate") or {}).get("metric")) if served else None
        if known or promised:
            rows.append(Row(each, (known, promised), labelled.rows if labelled else None))
    if not rows:
        return None
    last = rows[-1]
    finding = (
        f"{words(primary)} of {last.label}: {with_interval(last.estimates[0])} by its labels, "
        f"{with_interval(last.estimates[1])} by what the scores promised before any label was there."
    )
    panels = [Panel("by labels", least_width=0.05), Panel("before labels", least_width=0.05)]
    return forest(
        "metric",
        f"{words(primary)[:1].upper()}{words(primary)[1:]} over time",
        finding,
        panels,
        rows,
        "window",
    )


def columns(account: Account, alarm_psi: float) -> Figure | None:
    """How far each column of a window is from the reference; None where nothing was measured."""
    drifts = sorted(account.details.get("drift", ()), key=lambda each: -each["psi"])[:MOST_COLUMNS]
    loud = {f.subject for f in account.findings if f.kind == "drift" and f.alarm}
    rows = [
        Row(
            each["column"],
            (Estimate(each["psi"], each["psi_low"], each["psi_high"]),),
            mark="worst" if each["column"] in loud else "model",
        )
        for each in drifts
    ]
    if not rows:
        return None
    finding = (
        f"{drifts[0]['column']} is furthest from the reference, PSI {fixed(drifts[0]['psi'])}; {len(loud)} of {len(drifts)} columns "
        f"alarm. Beyond {alarm_psi:g} a shift matters, if chance does not explain it."
    )
    panel = Panel("PSI", limit=(alarm_psi, f"{alarm_psi:g} is large"), within=(0.0, float("inf")))
    return forest("columns", f"How far columns moved in {account.label}", finding, [panel], rows, "column")


def labels_missing(account: Account) -> str:
    """The share of a window's predictions that have no label, in words."""
    missing = account.details.get("missing_fraction")
    told = "–" if missing is None else percent(missing)
    return f"{told} of {count(account.details.get('predicted', 0))} labels are missing"


def label(account: Account, outcome: str) -> str:
    """A window's label, with the class where there are several."""
    return f"{account.label} {outcome}".strip()


def estimate_of(told: Mapping[str, Any] | None) -> Estimate | None:
    """The estimate that an account has as plain values."""
    return None if told is None or told["value"] is None else Estimate(**told)


def _labelled(accounts: Sequence[Account]) -> list[Account]:
    return [account for account in accounts if account.stage == "labelled"][-MOST_WINDOWS:]


def _sure(gap: Estimate) -> bool:
    return gap.low > 0 or gap.high < 0


def _worst(findings: Sequence[Finding]) -> tuple[str, str]:
    """The status of several findings of a kind, and what it rests on; "" where nothing was looked at."""
    for status, chosen in (
        ("failed", [f for f in findings if f.alarm]),
        ("passed", [f for f in findings if f.judged]),
        ("not_applicable", list(findings)),
    ):
        if chosen:
            return status, chosen[0].reason
    return "", ""


_WORDS = {"failed": "alarm", "passed": "as it should be", "not_applicable": "not judged", "": "–"}
