"""The timeline as a picture: what was done when, who answered how many requests, what alarmed and what was kept out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup

from components.loop.timeline import Event, Lane, Timeline
from components.reporting.figure import WIDE, Figure
from components.reporting.formats import shortened
from components.reporting.svg import Scale, box, element, hint, line, mark, stack, text

LEFT, RIGHT, TOP = 112, 10, 34
LANE, ANSWERS = 40, 92
LANES: tuple[tuple[Lane, str], ...] = (
    ("training", "training"),
    ("deployment", "deployment"),
    ("traffic", "traffic"),
    ("monitoring", "monitoring"),
    ("blocked", "kept out"),
)
FORMS = {
    "good": (0, "passed"),
    "alarm": (2, "waived"),
    "blocked": (1, "model"),
    "failed": (5, "failed"),
    "skipped": (4, "not_applicable"),
}
BUCKETS = 140
CLOSE = 18.0
"""Pixels within which the second of two numbers stands below its mark."""


def picture(timeline: Timeline) -> Figure:
    """All events in their lanes over the seconds that the loop took, above them the rows answered by each model."""
    scale = Scale(0.0, max(timeline.seconds, 1.0), LEFT, WIDE - RIGHT)
    lanes_top = TOP + ANSWERS + 34
    height = lanes_top + LANE * len(LANES) + 30
    parts = [_periods(timeline.events, scale, height - 30), _answers(timeline, scale)]
    for row, (lane, name) in enumerate(LANES):
        y = lanes_top + LANE * row + LANE / 2
        parts.append(text(LEFT - 12, y + 4, name, "label", text_anchor="end"))
        parts.append(line(LEFT, y, WIDE - RIGHT, y, "grid"))
        taken = -CLOSE
        for number, event in enumerate(timeline.events, 1):
            if event.lane == lane:
                end = scale(event.end)
                below = end - taken < CLOSE
                taken = -CLOSE if below else end
                parts.append(_mark(event, number, scale, y, y + 18 if below else y - 10))
    parts.append(_minutes(scale, height - 26))
    return Figure("timeline", "What happened", _finding(timeline), stack(parts), WIDE, height)


def _periods(events: Sequence[Event], scale: Scale, bottom: float) -> Markup:
    """A line where each period of the story begins, with its name."""
    parts = []
    for when, group in groupby(events, key=lambda event: event.when):
        told = list(group)
        start, end = scale(told[0].start), scale(told[-1].end)
        parts.append(line(start, TOP - 16, start, bottom, "axis"))
        parts.append(text(start + 5, TOP - 20, shortened(when, max(3, int((end - start) / 7))), "head"))
    return stack(parts)


def _answers(timeline: Timeline, scale: Scale) -> Markup:
    """Rows answered by each model, as columns that stand on one another; the root of the number, so that quiet minutes show."""
    width = (scale.end - scale.start) / BUCKETS
    seconds = (scale.high - scale.low) / BUCKETS
    groups = {bundle_id: place for place, bundle_id in enumerate(timeline.models)}
    counts: dict[tuple[int, str], int] = {}
    for each in timeline.answered:
        key = (min(int(each.second / seconds), BUCKETS - 1), each.bundle_id)
        counts[key] = counts.get(key, 0) + each.rows
    totals: dict[int, int] = {}
    for (bucket, _), rows in counts.items():
        totals[bucket] = totals.get(bucket, 0) + rows
    most = max(totals.values(), default=1)
    bottom = TOP + ANSWERS
    parts = [
        text(LEFT - 12, TOP + 14, "rows answered", "label", text_anchor="end"),
        line(LEFT, bottom, scale.end, bottom, "axis"),
    ]
    for bucket, total in sorted(totals.items()):
        whole, y = (total / most) ** 0.5 * (ANSWERS - 8), float(bottom)
        for bundle_id, place in groups.items():
            if rows := counts.get((bucket, bundle_id), 0):
                height = max(whole * rows / total, 1.5)
                y -= height
                said = hint(f"{timeline.models[bundle_id]}: {rows:,} rows")
                parts.append(
                    box(
                        scale.start + bucket * width,
                        y,
                        max(width - 1, 1),
                        height,
                        f"bar group{place % 6}",
                        said,
                    )
                )
    answering = [bundle_id for bundle_id in groups if any(key[1] == bundle_id for key in counts)]
    for row, bundle_id in enumerate(answering):
        y = TOP + 34 + 18 * row
        parts.append(box(LEFT - 92, y - 9, 10, 10, f"bar group{groups[bundle_id] % 6}"))
        parts.append(text(LEFT - 76, y, timeline.models[bundle_id], "tick"))
    return stack(parts)


def _mark(event: Event, number: int, scale: Scale, y: float, number_y: float) -> Markup:
    form, class_ = FORMS[event.status]
    start, end = scale(event.start), scale(event.end)
    shown = stack(
        [
            box(start, y - 5, max(end - start, 2), 10, f"bar span {class_}"),
            mark(form, end, y, class_, f"{number}. {event.title}: {event.said}"),
            text(end, number_y, str(number), "tick", text_anchor="middle"),
        ]
    )
    return element("a", shown, href=f"#event-{number}")


def _minutes(scale: Scale, y: float) -> Markup:
    parts = []
    minutes = int(scale.high // 60)
    for minute in range(0, minutes + 1, 1 + minutes // 12):
        x = scale(60.0 * minute)
        parts.append(line(x, y - 4, x, y, "axis"))
        parts.append(text(x, y + 16, f"{minute} min", "tick", text_anchor="middle" if minute else "start"))
    return stack(parts)


def _finding(timeline: Timeline) -> str:
    loud = sum(event.status == "alarm" for event in timeline.events)
    blocked = sum(event.status == "blocked" for event in timeline.events)
    return (
        f"{len(timeline.events)} events in {timeline.seconds / 60:.1f} minutes: {loud} with alarms (diamonds), {blocked} in which "
        "something was kept out (squares). Columns are rows answered, in the colour of the model that answered; their height is "
        "the root of the number. Each mark leads to its line in the table."
    )
