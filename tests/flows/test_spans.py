"""Which windows a monitor looks at: those that have ended in which the model was the champion, as of a moment that is not to come."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from components.errors import ConfigError
from components.release.ledger import Ledger
from components.store import Store
from flows.spans import due, ended_by, looked_at
from tests.flows.watched import backdated

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "found"),
    [
        ("", NOW),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-03-10T14:00+01:00", NOW),
        ("2026-12-31", NOW),
    ],
)
def test_nothing_is_looked_at_before_it_has_happened(until, found):
    assert looked_at(until, NOW) == found


@pytest.mark.parametrize(
    ("until", "minutes", "found"),
    [
        ("", 10, NOW - timedelta(minutes=10)),
        ("", 0, NOW),
        ("2026-03-10T11:55", 10, NOW - timedelta(minutes=10)),
        ("2026-03-10", 10, datetime(2026, 3, 10, tzinfo=UTC)),
    ],
)
def test_a_window_is_looked_at_once_the_log_has_settled(until, minutes, found):
    settings = SimpleNamespace(monitoring=SimpleNamespace(settle_minutes=minutes))
    assert ended_by(SimpleNamespace(until=until, settings=settings), NOW) == found


def test_what_is_no_time_is_refused():
    with pytest.raises(ConfigError, match="UNTIL is 'tomorrow'; give a time in ISO 8601"):
        looked_at("tomorrow", NOW)


@pytest.fixture
def ledger(tmp_path):
    """In January 2026 the bundle a was the champion from the 1st, b from the 10th, and a again from the 20th, by a rollback."""
    ledger = Ledger(Store(str(tmp_path)))
    moves = (("promoted", "a", 1), ("promoted", "b", 10), ("rolled back", "b", 20))
    for event, name, day in moves:
        happen(ledger, event, name, day)
    return ledger


def happen(ledger, event, name, day):
    entry = ledger.append(
        event=event, run=f"TrainFlow/{name}", bundle_id=name * 64, by="ada", why="so",
        details={"environment": "production"},
    )  # fmt: skip
    backdated(ledger._store, entry, datetime(2026, 1, day, 12, tzinfo=UTC))


def monitor(ledger, until: str, **asked: str):
    """What a monitor knows when it begins."""
    settings = {"monitoring": SimpleNamespace(window="day"), "serving": SimpleNamespace(log_days=0)}
    return SimpleNamespace(
        **{"since": "", "window": "", "log": ""} | asked, ended_by=until, environment_="production",
        durable=ledger._store, promotion=ledger.champion("production"), settings=SimpleNamespace(**settings),
    )  # fmt: skip


def days(run) -> list[int]:
    return [window.start.day for window in due(run)]


def test_after_a_rollback_the_days_of_the_other_champion_are_not_looked_at(ledger):
    assert days(monitor(ledger, "2026-01-26")) == [*range(1, 11), *range(20, 26)]


def test_a_champion_promoted_again_has_the_days_of_its_first_time_too(ledger):
    happen(ledger, "promoted", "b", 24)
    assert days(monitor(ledger, "2026-01-27")) == [*range(10, 21), *range(24, 27)]


def test_days_of_a_time_that_is_over_are_not_looked_at_once_the_log_keeps_them_no_longer(ledger):
    run = monitor(ledger, "2026-01-26")
    run.settings.serving.log_days = 1
    assert days(run) == [*range(20, 26)]
    run.log = "another"
    assert days(run) == [*range(1, 11), *range(20, 26)]


def test_who_names_since_has_every_window_from_then_on(ledger):
    assert days(monitor(ledger, "2026-01-14", since="2026-01-09")) == [9, 10, 11, 12, 13]
