"""The timeline's page, picture and table: every event with its evidence, and whether the promises were kept."""

import re

import pytest

from components.loop.page import html, table
from components.loop.picture import picture
from components.loop.timeline import Answered, Event, Evidence, Timeline
from components.release.ledger import Ledger
from components.store import Store

A, B = "a" * 64, "b" * 64


@pytest.fixture
def entries(tmp_path):
    ledger = Ledger(Store(str(tmp_path)))
    ledger.append(event="approved", run="TrainFlow/1", bundle_id=A, by="me", why="all checks <passed>")
    ledger.append(event="promoted", run="TrainFlow/1", bundle_id=A, by="me", why="the first")
    return ledger.entries()


@pytest.fixture
def timeline():
    return Timeline(
        "Coaching",
        [
            Event(0, 60, "until 2015", "training", "good", "train", "Model A was approved.", (Evidence("ledger 1: approved", "#entry-1"),)),
            Event(60, 75, "2016", "traffic", "good", "2016 as traffic", "900 rows, 0 failed.", (Evidence("server log", "logs/server.txt"),)),
            Event(75, 90, "2016", "monitoring", "alarm", "monitor", "Calibration & more.", (Evidence("report", "evidence/m.html"),)),
            Event(90, 99, "2016", "blocked", "blocked", "a bad batch", "422", (Evidence("the answer", "evidence/b.json"),)),
            Event(99, 99, "2016", "deployment", "skipped", "roll back", "Nothing to return to."),
        ],
        [Answered(61, A, 500), Answered(62, B, 400)],
        {A: "model A", B: "model B"},
        [("every request was answered", True)],
    )  # fmt: skip


def test_every_event_is_told_with_its_evidence(timeline, entries):
    page = html(timeline, entries, "project")
    for number, event in enumerate(timeline.events, 1):
        assert f'id="event-{number}"' in page
        assert all(f'<a href="{each.href}">{each.text}</a>' in page for each in event.evidence)
    assert "Calibration &amp; more." in page
    assert "Every promise was kept" in page


def test_every_link_within_the_page_leads_somewhere(timeline, entries):
    page = html(timeline, entries, "project")
    there = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= there
    assert 'href="project/store/ledger/00000002.json"' in page
    assert "all checks &lt;passed&gt;" in page


def test_a_broken_promise_is_what_is_read_first(timeline, entries):
    timeline.promises.append(("the ledger's chain is whole", False))
    assert not timeline.kept
    page = html(timeline, entries, "project")
    assert "A promise was broken" in page
    assert "Every promise was kept" not in page


def test_a_chapter_that_failed_is_told_though_no_promise_was_broken(timeline, entries):
    assert timeline.kept
    timeline.events.append(Event(99, 100, "2016", "training", "failed", "retrain", "It broke off."))
    assert not timeline.kept
    assert timeline.judged[-1] == ("no chapter failed", False)
    page = html(timeline, entries, "project")
    assert "A promise was broken" in page
    assert re.search(r"broken.*No chapter failed", page)


def test_without_a_promise_nothing_was_kept():
    assert not Timeline("Coaching").kept


def test_an_empty_timeline_can_be_drawn(entries):
    assert "A promise was broken" in html(Timeline("Coaching"), entries, "project")


def test_the_picture_has_a_mark_an_event_and_a_colour_a_model(timeline):
    drawn = str(picture(timeline).drawing)
    assert drawn.count('href="#event-') == len(timeline.events)
    assert "model A: 500 rows" in drawn
    assert "model B: 400 rows" in drawn
    assert {"bar group0", "bar group1"} <= set(re.findall(r'class="(bar group\d)"', drawn))
    assert re.findall(r"(\d) min", drawn) == ["0", "1"]


def test_the_terminal_gets_a_line_an_event(timeline):
    lines = table(timeline).splitlines()
    assert len(lines) == 1 + len(timeline.events)
    assert lines[1].split("  ")[-1] == "ledger 1: approved"
    assert "alarm" in lines[3]
    assert "1:30" in lines[4]
