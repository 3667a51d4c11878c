"""A check's value, interval and threshold as a picture of a few millimetres."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from components.reporting.svg import Scale, domain, element, line

if TYPE_CHECKING:
    from components.validation.gates import Check

WIDTH, HEIGHT = 132, 14
BOTH_SIDES = ("K01",)
"""Checks whose limit is one in size, so that it stands on both sides of 0."""


def bullet(check: Check) -> Markup:
    """Dot, whisker and limit on a scale of their own; hidden from readers aloud, to whom the cell beside it speaks."""
    if check.value is None:
        return Markup("")
    low, high = check.interval or (check.value, check.value)
    marks = [check.threshold] if check.threshold is not None else []
    if check.code in BOTH_SIDES:
        marks += [-mark for mark in marks]
    scale = Scale(*domain([low, high, check.value], *marks, margin=0.12), 3, WIDTH - 3)
    middle = HEIGHT / 2
    parts = [line(3, middle, WIDTH - 3, middle, "grid")]
    parts += [line(scale(mark), 1, scale(mark), HEIGHT - 1, "limit") for mark in marks]
    if check.interval:
        parts.append(line(scale(low), middle, scale(high), middle, f"whisker {check.status}"))
    parts.append(element("circle", cx=scale(check.value), cy=middle, r=3.5, class_=f"point {check.status}"))
    return element(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_="plot bullet",
        aria_hidden="true",
        width=WIDTH,
        height=HEIGHT,
    )
