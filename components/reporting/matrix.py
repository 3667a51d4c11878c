"""Plots of decisions between several classes: the confusion matrix, and how well each class is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from components.reporting.figure import WIDE, Figure
from components.reporting.forest import Panel, Row, forest
from components.reporting.formats import count, fixed, percent, shortened
from components.reporting.svg import box, element, name, stack, text
from components.validation.bounds import wilson
from components.validation.metrics import Estimate

if TYPE_CHECKING:
    from components.validation.evaluation import Evaluation

LEFT, TOP, MOST_DRAWN = 200.0, 60.0, 12


def confusion(evaluation: Evaluation) -> Figure:
    """How the rows of each class were decided: of 100 rows of a class, one cell a decision."""
    classes = evaluation.target.classes
    cells, rows = _cells(evaluation)
    shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1e-12)
    drawn = np.argsort(-rows, kind="stable")[:MOST_DRAWN]
    side = min((WIDE - LEFT) / len(drawn), 84.0)
    height = min(side, 44.0)
    parts = [text(LEFT, 16, "decided as", "head"), text(0, TOP - 8, "truly", "head")]
    parts += [
        text(LEFT + (x + 0.5) * side, TOP - 8, shortened(classes[code], 11), "tick", text_anchor="middle")
        for x, code in enumerate(drawn)
    ]
    for y, true in enumerate(drawn):
        parts.append(name(LEFT - 12, TOP + (y + 0.6) * height, f"{classes[true]} ({rows[true]:,})", 28))
        for x, decided in enumerate(drawn):
            share = shares[true, decided]
            left, top = LEFT + x * side, TOP + y * height
            class_ = "bar model" if x == y else "bar down"
            cell = box(left + 1, top + 1, side - 2, height - 2, class_)
            parts.append(element("g", cell, opacity=0.06 + 0.6 * float(share)))
            parts.append(
                text(left + side / 2, top + height / 2 + 4, percent(share, 0), "strong", text_anchor="middle")
            )
    wrong = shares * (1 - np.eye(len(classes)))
    true, decided = np.unravel_index(int(wrong.argmax()), wrong.shape)
    finding = (
        f"{percent(float(np.trace(cells) / cells.sum()))} of all rows are decided rightly. The commonest mistake: "
        f"{percent(float(wrong[true, decided]), 0)} of “{classes[true]}” are taken for “{classes[decided]}”."
    )
    if len(drawn) < len(classes):
        finding += f" Shown are the {len(drawn)} largest classes."
    header = ("truly", "rows", *(f"decided {each}" for each in classes))
    table = tuple(
        (each, count(rows[code]), *(percent(share) for share in shares[code]))
        for code, each in enumerate(classes)
    )
    size = int(TOP + height * len(drawn) + 14)
    return Figure("confusion", "What was taken for what", finding, stack(parts), WIDE, size, header, table)


def by_class(evaluation: Evaluation) -> Figure:
    """How much of each class is found, and how often the decision for it is right, with intervals."""
    cells, rows = _cells(evaluation)
    found = [(cells[code, code], cells[code].sum()) for code in range(len(cells))]
    right = [(cells[code, code], cells[:, code].sum()) for code in range(len(cells))]
    lines = [
        Row(name, (_share(*found[code]), _share(*right[code])), int(rows[code]))
        for code, name in enumerate(evaluation.target.classes)
    ]
    weakest = min(lines, key=lambda line: line.estimates[0].value if line.estimates[0] else 1.0)
    recall = weakest.estimates[0]
    finding = f"“{weakest.label}” is found least: {fixed(recall.value if recall else None)} of its {count(weakest.rows or 0)} rows."
    panels = [
        Panel("found of the class (recall)", decimals=2, within=(0, 1), least_width=0.3),
        Panel("right when decided (precision)", decimals=2, within=(0, 1), least_width=0.3),
    ]
    return forest("by-class", "Class by class", finding, panels, lines, "class")


def _cells(evaluation: Evaluation) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Kish's effective numbers of rows by true and decided class, and the rows of each class."""
    size = len(evaluation.target.classes)
    weight = np.ones(evaluation.rows) if evaluation.sample_weight is None else evaluation.sample_weight
    scale = weight.sum() / (weight**2).sum()
    pairs = evaluation.y_true * size + evaluation.y_pred
    cells = np.bincount(pairs, weight * scale, size**2).astype(np.float64).reshape(size, size)
    return cells, np.bincount(evaluation.y_true, minlength=size).astype(np.int64)


def _share(part: float, whole: float) -> Estimate | None:
    if whole <= 0:
        return None
    return Estimate(part / whole, *wilson(min(part, whole), whole))
