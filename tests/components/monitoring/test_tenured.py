"""The windows in which a bundle was the champion, and what is judged of those in which it was for a part alone."""

from datetime import UTC, datetime

import pytest

from components.monitoring.accounts import Account
from components.monitoring.finding import Finding
from components.monitoring.tenured import judged_in_part, tenured, within
from components.monitoring.windows import window_of
from components.release.ledger import Entry
from components.release.tenures import Tenure

PROMOTION = Entry(1, "promoted", "", "ada", "so", "TrainFlow/1", "a" * 64, {}, "", "")


def at(day: float) -> datetime:
    return datetime(2026, 1, int(day), int(day % 1 * 24), tzinfo=UTC)


def tenure(since: float, until: float = 0) -> Tenure:
    return Tenure(PROMOTION, at(since), at(until) if until else None)


def days(*tenures: Tenure, until: float = 12, kept: float = 0) -> list[int]:
    found = tenured("day", tenures, at(until), at(kept) if kept else None)
    return [window.start.day for window in found]


def test_windows_are_those_of_every_time_also_those_of_a_part():
    assert days(tenure(2.5, 4.25), tenure(8.5)) == [2, 3, 4, 8, 9, 10, 11]
    assert days(tenure(2, 4), tenure(4.5, 4.75), tenure(4.8)) == [2, 3, *range(4, 12)]


def test_one_that_has_not_ended_is_left_out():
    assert days(tenure(2, 11.5), until=11.75) == [*range(2, 11)]


def test_what_is_not_kept_is_left_out_of_times_that_are_over():
    assert days(tenure(2, 5), tenure(7), kept=4) == [4, 7, 8, 9, 10, 11]
    assert days(tenure(2), kept=4) == [*range(2, 12)]


def account(rows: int) -> Account:
    findings = tuple(Finding(kind, "", True, "So it is.") for kind in ("volume", "freshness", "log"))
    return Account("w", "served", "", "", "", "production", "a" * 64, rows, findings, {})


@pytest.mark.parametrize(
    ("tenures", "rows", "judged"),
    [
        ([tenure(2)], 9, {"volume", "freshness", "log"}),
        ([tenure(4, 5)], 9, {"volume", "freshness", "log"}),
        ([tenure(4.5)], 9, {"freshness", "log"}),
        ([tenure(4.5)], 0, {"volume", "freshness", "log"}),
        ([tenure(2, 4.5)], 9, {"log"}),
        ([tenure(2, 4.5)], 0, {"log"}),
        ([tenure(2, 4.25), tenure(4.5)], 9, {"freshness", "log"}),
        ([tenure(6)], 9, {"volume", "freshness", "log"}),
    ],
)
def test_in_a_part_of_a_window_nothing_says_how_many_rows_are_usual_or_when_the_last_is(
    tenures, rows, judged
):
    found = judged_in_part(account(rows), window_of("day", at(4)), tenures).findings
    assert {each.kind for each in found if each.judged} == judged
    assert {each.kind for each in found if each.alarm} == judged


def test_a_time_that_ended_with_the_window_before_is_not_within():
    day = window_of("day", at(4))
    assert within(day, [tenure(2, 4), tenure(5)]) == []
    assert len(within(day, [tenure(2, 4.1), tenure(4.9)])) == 2
