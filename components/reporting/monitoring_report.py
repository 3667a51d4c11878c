"""The report of a model in use: one self-contained page with its history, for those who run it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.monitoring.finding import unjudged_kinds
from components.monitoring.staleness import metric_by_age
from components.reporting import formats, formers, over_time, summary
from components.reporting.figure import Figure
from components.reporting.pages import environment

if TYPE_CHECKING:
    from components.monitoring.accounts import Account
    from components.monitoring.alerts import Alert
    from components.monitoring.finding import Finding

SECTIONS = (
    ("summary", "Now"),
    ("alerts", "Alerts"),
    ("history", "History"),
    ("labels", "What came true"),
    ("drift", "Drift"),
    ("findings", "Every finding"),
)
MOST_ALERTS = 50


@dataclass(frozen=True)
class Inputs:
    """What the page is made of.

    Attributes:
        project: the project's name.
        environment: where the model is served.
        bundle_id: of the model.
        accounts: all of the model's, by time.
        alerts: all of the model's, oldest first.
        metric: the primary metric's name.
        alarm_psi: the PSI from which on a shift matters.
        created: when it was looked at, an ISO time.
    """

    project: str
    environment: str
    bundle_id: str
    accounts: Sequence[Account]
    alerts: Sequence[Alert]
    metric: str
    alarm_psi: float
    created: str

    @property
    def newest(self) -> list[Account]:
        """The newest account of each stage."""
        return list({account.stage: account for account in self.accounts}.values())

    @property
    def alarming(self) -> list[Finding]:
        """What alarms in the newest windows, what is critical first."""
        found = [finding for account in self.newest for finding in account.findings if finding.alarm]
        return sorted(found, key=lambda finding: finding.severity != "critical")

    @property
    def unjudged(self) -> list[str]:
        """The kinds of which something could not be judged in the newest windows."""
        return unjudged_kinds(finding for account in self.newest for finding in account.findings)


def html(inputs: Inputs) -> str:
    """The page as one text that needs no network, no script and no other file."""
    filters = (formats.moment, formats.number, formats.count, formats.percent, formats.words, formats.limit)
    made = environment(filters, summary=summary, written=written)
    page: str = made.get_template("monitoring.html").render(
        r=inputs,
        headline=headline(inputs),
        figures=figures(inputs),
        facts=facts(inputs),
        alerts=list(reversed(inputs.alerts))[:MOST_ALERTS],
        sections=SECTIONS,
    )
    return page


def figures(inputs: Inputs) -> dict[str, list[Figure]]:
    """The figures by section; none where nothing is known yet."""
    served = [account for account in inputs.accounts if account.stage == "served"]
    drawn: dict[str, list[Figure | None]] = {
        "history": [over_time.alarms(inputs.accounts)] if inputs.accounts else [],
        "labels": [
            over_time.calibration(inputs.accounts),
            over_time.metric(inputs.accounts, inputs.metric),
            formers.formers(inputs.accounts, inputs.metric),
        ],
        "drift": [over_time.columns(account, inputs.alarm_psi) for account in served[-1:]],
    }
    return {section: [each for each in found if each] for section, found in drawn.items()}


def headline(inputs: Inputs) -> str:
    """What is to be known first, in a sentence."""
    if not inputs.accounts:
        return "No window has ended yet."
    loud = inputs.alarming
    unjudged = f" Not judged, or not in full: {', '.join(inputs.unjudged)}." if inputs.unjudged else ""
    if not loud:
        return f"Nothing alarms in the newest window.{unjudged}"
    kinds = list(dict.fromkeys(finding.kind for finding in loud))
    first, rest = ", ".join(kinds[:-1]), kinds[-1]
    return f"Look at {f'{first} and {rest}' if first else rest}.{unjudged}"


def facts(inputs: Inputs) -> list[tuple[str, str]]:
    """The newest windows in a few lines."""
    told = [("Model", inputs.bundle_id[:12]), ("Environment", inputs.environment)]
    for name in ("log", "reference"):
        told += [(name.capitalize(), each) for each in {getattr(e, name) for e in inputs.newest} - {""}]
    for account in inputs.newest:
        told.append((f"Newest window, {account.stage}", f"{account.label}: {account.rows:,} rows"))
        if account.stage == "labelled":
            told.append(("Labels", over_time.labels_missing(account)))
        if unwatched := account.details.get("unwatched"):
            told.append(("Not in the log, so not watched", ", ".join(unwatched)))
        estimate = account.details.get("estimate")
        if estimate:
            doubts = [each["text"] for each in estimate["conditions"] if not each["holds"]]
            said = (
                "may be believed"
                if estimate["believed"]
                else f"is not to be believed; it wants that {' and that '.join(doubts)}"
            )
            told.append(("The estimate before labels", said))
    aged = [
        (account.details["age_days"], over_time.estimate_of(account.details.get("metric")))
        for account in inputs.accounts
        if account.stage == "labelled"
    ]
    slope = metric_by_age([(age, each) for age, each in aged if each])
    if slope:
        told.append(
            (
                f"{formats.words(inputs.metric)} by a year of age",
                formats.bracketed(slope.value, slope.low, slope.high),
            )
        )
    return told


def written(finding: Finding) -> str:
    """A finding's number with its interval."""
    if finding.value is None:
        return formats.DASH
    if finding.low is None or finding.high is None:
        return formats.number(finding.value)
    return formats.bracketed(finding.value, finding.low, finding.high)
