"""The report of a model in use says first what alarms, shows its history, and needs nothing beside itself."""

import re
from dataclasses import replace

import pytest

from components.monitoring.accounts import Account
from components.monitoring.alerts import alerts
from components.monitoring.finding import Finding
from components.reporting import monitoring_report, over_time
from components.reporting.monitoring_report import Inputs, figures, headline, html

ESTIMATE = {"value": 0.78, "low": 0.77, "high": 0.79, "level": 0.95}
DRIFT = {"column": "age<b>", "kind": "number", "psi": 0.3, "psi_low": 0.2, "psi_high": 0.4, "p_value": 0.001, "corrected": 0.002, "distances": {}}  # fmt: skip


def account(year: int, stage: str, *findings: Finding, **details: object) -> Account:
    end = f"{year + 1}-01-01T00:00:00+00:00"
    return Account(f"production-{year}-b-{stage}", stage, str(year), f"{year}-01-01", end, "production", "b" * 64, 900, findings, details)  # fmt: skip


def drifted(alarm: bool) -> Finding:
    return Finding("drift", "age<b>", alarm, "The column age<b> moved.", 0.3, 0.2, 0.4, 0.1)


def served(year: int, alarm: bool = False) -> Account:
    estimate = {
        "metric": ESTIMATE,
        "believed": not alarm,
        "conditions": [{"text": "no column has drifted", "holds": not alarm}],
    }
    return account(year, "served", drifted(alarm), drift=[DRIFT], estimate=estimate, age_days=1.0)


def labelled(year: int, gap: float) -> Account:
    told = {"value": gap, "low": gap - 0.004, "high": gap + 0.004, "level": 0.985}
    calibration = Finding("calibration", "in the large", gap > 0.004, "The scores are too low.", gap, gap - 0.004, gap + 0.004, 0.003, severity="critical")  # fmt: skip
    return account(
        year, "labelled", calibration, calibration={"in_the_large": {"": told}}, metric=ESTIMATE, age_days=365.0 * (year - 2015),
        predicted=1000, missing_fraction=0.1,
    )  # fmt: skip


ACCOUNTS = [each for year, gap in ((2016, 0.001), (2017, 0.009), (2018, 0.011)) for each in (served(year, year == 2018), labelled(year, gap))]  # fmt: skip
INPUTS = Inputs(
    "Job <coaching>", "production", "b" * 64, ACCOUNTS,
    alerts([each.judged for each in ACCOUNTS if each.stage == "labelled"], k=1, n=1, cooldown=0), "roc_auc", 0.1,
    "2019-03-01T00:00:00+00:00",
)  # fmt: skip


@pytest.fixture(scope="module")
def page() -> str:
    return html(INPUTS)


def test_what_alarms_stands_first_and_what_is_critical_before_it(page):
    assert headline(INPUTS) == "Look at calibration and drift."
    assert page.index("The scores are too low.") < page.index("moved.")


def test_a_quiet_window_says_so():
    quiet = replace(INPUTS, accounts=[served(2016), labelled(2016, 0.001)], alerts=[])
    assert headline(quiet) == "Nothing alarms in the newest window."
    assert "There was none." in html(quiet)


def test_what_was_not_judged_stands_in_the_headline_and_takes_the_tick_away():
    few = Finding("calibration", "", False, "Not judged: the window has 150 rows.", judged=False)
    batch = Finding("freshness", "", False, "Scored in batches.", judged=False)
    window = account(2016, "served", drifted(False), few, batch, unwatched=["sex"])
    unsure = replace(INPUTS, accounts=[window], alerts=[])
    said = "Nothing alarms in the newest window. Not judged, or not in full: calibration."
    assert headline(unsure) == said
    assert ("Not in the log, so not watched", "sex") in monitoring_report.facts(unsure)
    page = html(unsure)
    assert 'class="hero undecided"' in page
    assert 'class="seal" aria-hidden="true">?<' in page
    loud = replace(unsure, accounts=[window, served(2017, alarm=True), account(2017, "labelled", few)])
    assert headline(loud) == "Look at drift. Not judged, or not in full: calibration."


def test_before_the_first_window_there_is_a_page_too():
    empty = replace(INPUTS, accounts=[], alerts=[])
    page = html(empty)
    assert "No window has ended yet." in page
    assert "nothing yet" in page
    assert not {"✓", "quiet"} & set(page.replace("<", " ").replace(">", " ").split())
    assert figures(empty) == {"history": [], "labels": [], "drift": []}


def test_it_needs_no_network_no_script_and_escapes_names(page):
    assert "<script" not in page
    assert not re.search(r'(src|href)="(?!#|data:)', page)
    assert "age&lt;b&gt;" in page
    assert "age<b>" not in page
    assert "Job &lt;coaching&gt;" in page


def test_every_window_has_a_mark_for_what_was_looked_at():
    (history,) = figures(INPUTS)["history"]
    assert history.header == ("", "2016", "2017", "2018")
    assert {row[0]: row[1:] for row in history.rows} == {
        "drift": ("as it should be", "as it should be", "alarm"),
        "calibration": ("as it should be", "alarm", "alarm"),
    }


def test_calibration_is_drawn_with_its_interval_and_in_words():
    calibration, metric = figures(INPUTS)["labels"]
    assert "In 2 of 3 windows 0 is outside" in calibration.finding
    assert calibration.rows[-1] == ("2018", "900", "0.0110 (0.0070 to 0.0150)")
    assert "ROC AUC of 2018: 0.780 (0.770 to 0.790) by its labels" in metric.finding


def test_columns_are_drawn_with_the_limit():
    (columns,) = figures(INPUTS)["drift"]
    assert "1 of 1 columns alarm" in columns.finding


def test_the_estimate_that_is_not_to_be_believed_says_why():
    told = dict(monitoring_report.facts(INPUTS))
    assert told["The estimate before labels"] == "is not to be believed; it wants that no column has drifted"
    assert told["Labels"] == "10.0 % of 1,000 labels are missing"


def test_many_windows_are_cut_to_the_newest():
    many = [labelled(year, 0.001) for year in range(1900, 1960)]
    assert over_time.alarms(many).header[1:] == tuple(str(year) for year in range(1930, 1960))


def paired(value: float, low: float, high: float) -> dict:
    return {"metric": "roc_auc", "value": value, "low": low, "high": high, "level": 0.95, "rows": 900, "challenger": 0.78, "reference": 0.78 - value}  # fmt: skip


GAP = {"value": 0.001, "low": -0.003, "high": 0.005, "level": 0.95}
TOLD = {
    "rows": 900,
    "champion": {"metric": ESTIMATE, "gap": GAP},
    "formers": [
        {"bundle_id": "a<b>" * 16, "promoted_at": "2016-01-01T00:00:00+00:00", "metric": ESTIMATE, "gap": {**GAP, "value": 0.012}, "difference": paired(0.02, 0.01, 0.03), "problem": ""},
        {"bundle_id": "d" * 64, "promoted_at": "2015-01-01T00:00:00+00:00", "metric": None, "gap": None, "difference": None, "problem": "The log does not keep age (serving.log_columns)."},
    ],
}  # fmt: skip


def test_what_the_champions_before_would_have_scored_is_shown():
    last = ACCOUNTS[-1]
    known = replace(last, details={**last.details, "formers": TOLD})
    figure = figures(replace(INPUTS, accounts=[*ACCOUNTS[:-1], known]))["labels"][-1]
    assert figure.title == "What the champions before would have scored in 2018"
    assert (
        "the champion is better than the one before it (a<b>a<b>a<b>) by +0.0200 (0.0100 to 0.0300) in ROC AUC"
        in figure.finding
    )
    assert "+0.0010 for the champion and would have been +0.0120 for that one" in figure.finding
    assert [row[0] for row in figure.rows] == [
        "the champion",
        "a<b>a<b>a<b>, 2016-01-01",
        "dddddddddddd, 2015-01-01",
    ]
    assert figure.rows[2][1] == "The log does not keep age (serving.log_columns)."
    assert "a<b>" not in figure.svg


def test_where_no_champion_was_before_or_none_could_be_asked_nothing_is_made_up():
    last = ACCOUNTS[-1]
    unasked = {**TOLD, "formers": TOLD["formers"][1:]}
    known = replace(last, details={**last.details, "formers": unasked})
    figure = figures(replace(INPUTS, accounts=[known]))["labels"][-1]
    assert figure.finding == "None of them could be asked; each line says why."
    without = replace(last, details={**last.details, "formers": {}})
    assert not [
        each for each in figures(replace(INPUTS, accounts=[without]))["labels"] if each.key == "formers"
    ]
