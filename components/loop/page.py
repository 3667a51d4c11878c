"""The timeline as a page: the promises, the picture, the table with its evidence, and the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from components.loop.picture import picture
from components.loop.timeline import Timeline
from components.release.ledger import Entry
from components.reporting import formats, summary
from components.reporting.pages import environment

SECTIONS = (("summary", "Promises"), ("picture", "Picture"), ("events", "Events"), ("ledger", "Ledger"))
CHIPS = {
    "good": ("passed", "as it should"),
    "alarm": ("waived", "alarm"),
    "blocked": ("passed", "kept out"),
    "failed": ("failed", "failed"),
    "skipped": ("not_applicable", "not shown"),
}


def html(timeline: Timeline, entries: Sequence[Entry], project: str) -> str:
    """The page as one text; what it links to lies beside it.

    Args:
        timeline: what happened.
        entries: the ledger's.
        project: the folder of the project that lived it, seen from the page.
    """
    page: str = (
        environment((formats.moment,), summary=summary)
        .get_template("loop.html")
        .render(
            r=timeline,
            figure_=picture(timeline),
            entries=entries,
            folder=project,
            chips=CHIPS,
            sections=SECTIONS,
            clock=clock,
        )
    )
    return page


def clock(seconds: float) -> str:
    """Minutes and seconds, such as 4:07."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def table(timeline: Timeline) -> str:
    """The events as text for a terminal, one a line under a heading."""
    rows = [["no.", "at", "period", "event", "came to", "evidence"]]
    for number, event in enumerate(timeline.events, 1):
        first = "; ".join(each.text for each in event.evidence)
        rows.append(
            [str(number), clock(event.start), event.when, event.title, CHIPS[event.status][1], first or "-"]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    padded = ([cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)] for row in rows)
    return "\n".join("  ".join(row).rstrip() for row in padded)
