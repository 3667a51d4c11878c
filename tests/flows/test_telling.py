"""What a monitor tells: each window as the rules were when it was first looked at, and nothing of the past by other rules."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from components.monitoring import accounts
from components.monitoring.accounts import Account, window_id
from components.monitoring.finding import Finding
from components.monitoring.windows import window_of
from components.release.ledger import Ledger
from components.store import Store
from flows import telling

BUNDLE = "a" * 64
LOUD = (2, 9, 16, 23, 24)


@pytest.fixture
def run(tmp_path):
    """A monitor of a champion since January 2026, whose calibration alarmed on some days, as it is about to tell."""
    store = Store(str(tmp_path))
    promotion = Ledger(store).append(
        event="promoted", run="TrainFlow/1", bundle_id=BUNDLE, by="ada", why="so", details={"environment": "production"}
    )  # fmt: skip
    rules = {"k": 2, "n": 3, "cooldown": 7}
    settings = {"monitoring": SimpleNamespace(**rules), "retraining": SimpleNamespace(on=("calibration",))}
    return SimpleNamespace(
        durable=store, environment_="production", promotion=promotion, before=[], k=0,
        accounts=[account(day) for day in range(1, 25)], settings=SimpleNamespace(**settings),
    )  # fmt: skip


def account(day: int, loud: bool | None = None) -> Account:
    window = window_of("day", datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day - 1))
    alarm = day in LOUD if loud is None else loud
    return Account(
        window_id("production", window, BUNDLE, "labelled"), "labelled", window.label, window.start.isoformat(),
        window.end.isoformat(), "production", BUNDLE, 900, (Finding("calibration", "in the large", alarm, "It is off."),), {},
    )  # fmt: skip


def told(run, k: int = 0) -> list[str]:
    """The days of the alerts that are news to a monitor, which tells of them."""
    run.k = k
    alerts = telling.told(run, run.accounts)
    new = [alert for _, alert in telling.news(run, [(run.promotion, each) for each in alerts])]
    accounts.tell(run.durable, telling.known(run))
    return [each.label for each in new]


def test_what_was_told_by_one_rule_is_not_told_again_by_another(run):
    assert told(run) == ["2026-01-24"]
    assert told(run) == []
    assert told(run, k=1) == []
    run.settings.monitoring.cooldown = 0
    assert told(run, k=1) == []


def test_a_monitor_that_told_of_nothing_before_it_died_leaves_it_to_the_next(run):
    alerts = [(run.promotion, each) for each in telling.told(run, run.accounts)]
    assert [alert.label for _, alert in telling.news(run, alerts)] == ["2026-01-24"]
    assert told(run) == ["2026-01-24"]


def test_a_new_window_brings_the_ones_before_it_to_mind(run):
    run.settings.monitoring.cooldown = 0
    assert told(run) == ["2026-01-24"]
    run.accounts.append(account(25, loud=True))
    assert told(run) == ["2026-01-25"]
    run.accounts[16] = account(17, loud=True)  # looked at again, after somebody removed its account
    assert told(run) == ["2026-01-17"]


def test_only_what_the_ledger_has_is_sent(run, monkeypatch):
    monkeypatch.setenv("MONITOR_WEBHOOK_URL", "http://127.0.0.1:9/")
    run.k = 1
    alerts = telling.told(run, run.accounts)
    assert telling.sent(run, alerts) == "0 taken by the webhook"
    assert telling.record(run, [(run.promotion, alerts[-1])], "ada") == 1
    assert "0 taken by the webhook; 1 were not and are sent again next time" in telling.sent(run, alerts)
