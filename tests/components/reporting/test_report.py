import itertools
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest

from components.reporting.data_profile import profile
from components.reporting.figure import TEMPLATES
from components.reporting.report import SECTIONS, figures, html
from tests.components.reporting.example import rejected

VOID = {"meta", "br", "link", "img", "input", "hr"}
HOSTILE = "</title><script>alert('x')</script>\"><img src=x onerror=alert(1)>{{ 7 * 7 }}"


class Page(HTMLParser):
    """The elements of a page, and whether they are nested well."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.text).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def read(page):
    return Page(page)


def test_the_page_is_nested_well(read):
    assert read.open == []


def test_ids_are_unique(read):
    ids = Counter(attributes["id"] for _, attributes in read.elements if "id" in attributes)
    assert [name for name, times in ids.items() if times > 1] == []


def test_every_link_leads_to_a_place_in_the_page(read):
    ids = {attributes["id"] for _, attributes in read.elements if "id" in attributes}
    assert {link["href"] for link in read.all("a")} <= {f"#{name}" for name in ids}


def test_the_page_needs_no_network_and_no_script(page, read):
    assert not re.search(r"https?://|@import|url\(|srcset=|src=", page)
    assert read.all("script") == read.all("link") == read.all("iframe") == []
    policy = next(meta["content"] for meta in read.all("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'")


def test_the_page_is_small(page):
    assert len(page.encode()) < 1_500_000


def test_the_same_results_make_the_same_page(given, page):
    assert html(given) == page


def test_no_undefined_number_is_shown(read):
    assert not re.search(r"\bnan\b|\binf\b|\bNone\b", read.said)


def test_every_section_is_there_in_order_and_in_the_navigation(read):
    sections = [attributes["id"] for attributes in read.all("section")]
    assert sections == [key for key, _ in SECTIONS]
    assert [link["href"] for link in read.all("a")][1 : len(sections) + 1] == [f"#{s}" for s in sections]


def test_headings_skip_no_level(read):
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_every_picture_has_a_text_alternative_or_is_hidden(read):
    titled = {
        attributes["id"]
        for tag, attributes in read.elements
        if tag in ("title", "desc") and "id" in attributes
    }
    for svg in read.all("svg"):
        named = svg.get("aria-labelledby", "").split()
        assert svg.get("aria-hidden") == "true" or (
            svg.get("role") == "img" and set(named) <= titled and named
        )


def test_every_figure_says_what_it_shows_and_gives_its_numbers(given, read):
    drawn = [figure for group in figures(given).values() for figure in group]
    assert len(drawn) >= 15
    assert all(figure.finding in read.said.replace("  ", " ") for figure in drawn)
    assert all(figure.rows for figure in drawn)
    assert len(read.all("figure")) == len([f for f in read.all("details") if f.get("class") != "more"])


def test_the_first_page_states_objective_decision_and_worth(given, read):
    first = read.said.split("Checks Each check has a code")[0]
    assert "Approved. This model may be deployed." in first
    assert given.description in first
    assert given.statement in first
    assert "Value of the coaching offered, per person seen." in first
    assert "Who must act" in first
    assert "core-seconds for 1,000 predictions" in first


def test_every_check_is_shown_with_its_reason(given, read):
    for check in given.decision.checks:
        assert check.title in read.said
        assert check.reason.rstrip(".") in read.said


def test_every_status_has_a_sign_beside_its_colour(read):
    chips = [a["class"] for a in read.all("span") if (a.get("class") or "").startswith("chip")]
    assert len(chips) > len(SECTIONS)
    assert {"✓", "○"} <= set(read.said.split())


def test_a_waiver_is_repeated_with_its_reason(read):
    assert read.said.count("being out of work is related to disability in the data itself") >= 2


def test_a_rejection_says_so_everywhere_and_names_the_check(given):
    read = Page(html(rejected(given)))
    assert read.said.startswith("Flowprint sample: rejected")
    assert "Rejected. This model must not be deployed." in read.said
    assert "P01 blocks." in read.said
    assert "environment test only" in read.said


def test_what_users_supply_is_escaped_everywhere(given):
    table = pl.DataFrame({HOSTILE: ["<script>evil()</script>", "b"] * 5})
    hostile = replace(
        given,
        project=HOSTILE,
        statement=HOSTILE,
        kpi=HOSTILE,
        class_names=(HOSTILE, f"not {HOSTILE}"),
        outcome_values=replace(given.outcome_values, unit=HOSTILE),
        snapshot=replace(given.snapshot, source=HOSTILE),
        columns=profile(table, {HOSTILE: HOSTILE}),
        lineage={HOSTILE: HOSTILE},
        created=HOSTILE,
        decision=replace(
            given.decision,
            run=HOSTILE,
            checks=tuple(replace(c, title=HOSTILE, reason=HOSTILE) for c in given.decision.checks),
        ),
    )
    read = Page(html(hostile))
    assert read.all("script") == read.all("img") == []
    assert not any("onerror" in attributes for _, attributes in read.elements)
    assert "{{ 7 * 7 }}" in read.said
    assert read.open == []


def test_a_very_wide_table_keeps_the_page_small(given):
    many = [replace(column, name=f"{column.name} {n}") for n in range(60) for column in given.columns]
    page = html(replace(given, columns=many))
    assert len(page.encode()) < 1_500_000
    assert f"Shown are 200 of {len(many)} columns." in page


def test_a_model_without_sensitive_columns_is_told_that_fairness_is_unknown(given):
    bare = replace(
        given,
        fairness=replace(given.fairness, features=(), trade_off=None),
        explanation=replace(given.explanation, by_group={}),
    )
    assert "nothing is known about fairness" in Page(html(bare)).said


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


TEXT = [
    *itertools.product(("ink", "soft", "accent", "good", "bad", "warn"), ("paper",)),
    *itertools.product(("ink", "soft", "accent"), ("wash", "accent-wash")),
    *((status, f"{status}-wash") for status in ("good", "bad", "warn", "mute")),
    *itertools.product(("ink",), ("bad-wash", "warn-wash")),
    *itertools.product(("paper",), ("good", "bad")),
]
MARKS = [f"group{index}" for index in range(6)] + ["accent", "shade0", "shade6"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_the_contrast_that_wcag_aa_asks_for(scheme):
    light, dark = (TEMPLATES / "colours.css").read_text(encoding="utf-8").split("@media", 1)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light if scheme == "light" else dark))
    assert {f"{a} on {b}" for a, b in TEXT if contrast(colours[a], colours[b]) < 4.5} == set()
    assert {name for name in MARKS if contrast(colours[name], colours["paper"]) < 3} == set()
