"""Which account is of which window: environments, lengths, logs and references are kept apart."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from components.monitoring.accounts import Account, Stage, history, keep, watch_id, window_id
from components.monitoring.windows import Length, window_of
from components.store import Store

BUNDLE = "b" * 64


def account(
    environment: str = "eu", length: Length = "day", month: int = 3, stage: Stage = "served"
) -> Account:
    window = window_of(length, datetime(2016, month, 4, 13, tzinfo=UTC))
    span = (window.start.isoformat(), window.end.isoformat())
    named = window_id(environment, window, BUNDLE, stage)
    return Account(named, stage, window.label, *span, environment, BUNDLE, 10, (), {})


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path))


def found(store, environment="eu", length="day", **watched) -> list[str]:
    return [each.window_id for each in history(store, environment, BUNDLE, length, **watched)]


@pytest.mark.parametrize("other", ["eu-west", "eu-2016", "eu-2016-03", "e", "EU"])
def test_an_environment_whose_name_another_begins_with_is_another(store, other):
    for environment in ("eu", other):
        keep(store, account(environment))
    assert found(store) == [account().window_id]
    assert found(store, other) == [account(other).window_id]


def test_windows_of_one_length_are_a_history(store):
    lengths = ("hour", "day", "week", "month", "year")
    for length in lengths:
        keep(store, account(length=length))
    assert [found(store, length=length) for length in lengths] == [
        [account(length=length).window_id] for length in lengths
    ]


def test_another_log_and_another_reference_have_accounts_of_their_own(store):
    for stage in ("served", "labelled"):
        for log, reference in (("", ""), ("scores", ""), ("", "new.parquet"), ("scores", "new.parquet")):
            keep(store, account(stage=stage).of(log, reference))
    served, labelled = (account(stage=stage).window_id for stage in ("served", "labelled"))
    scores, new, both = watch_id("scores"), watch_id("", "new.parquet"), watch_id("scores", "new.parquet")
    assert len({scores, new, both}) == 3
    assert sorted(found(store)) == [labelled, served]
    assert sorted(found(store, log="scores")) == [f"{labelled}-{scores}", f"{served}-{scores}"]
    assert sorted(found(store, reference="new.parquet")) == [labelled, f"{served}-{new}"]
    assert sorted(found(store, log="scores", reference="new.parquet")) == [
        f"{labelled}-{scores}", f"{served}-{both}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "watched", [{}, {"log": "scores"}, {"reference": "t"}, {"log": "scores", "reference": "t"}]
)
@pytest.mark.parametrize("stage", ["served", "labelled"])
def test_the_name_that_is_looked_for_is_the_name_that_is_kept(watched, stage):
    window = window_of("day", datetime(2016, 3, 4, tzinfo=UTC))
    wanted = window_id("eu", window, BUNDLE, stage, **watched)
    assert account(stage=stage).of(watched.get("log", ""), watched.get("reference", "")).window_id == wanted


def test_another_bundle_of_the_same_beginning_is_another(store):
    keep(store, replace(account(), bundle_id="b" * 12 + "c" * 52))
    assert found(store) == []
