"""Single rows explained: what pulled the score of a wrong or undecided row up and down."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.reporting.figure import HALF, Figure, slug
from components.reporting.formats import fixed, number, shortened, signed
from components.reporting.svg import Scale, box, line, name, stack, text

if TYPE_CHECKING:
    from components.validation.explanation import Explanation

CONTRIBUTION = "contribution_"
"""Before a column's name, the column of its contribution in the table of cases."""

FEATURE = "feature_"
"""Before the name of a column that is called like one of the facts about a case."""

MOST_FEATURES, MOST_CASES, MOST_CHARACTERS = 6, 6, 80
TITLES = {
    "most_wrong": "Most wrong",
    "borderline": "Borderline",
    "too_high": "Predicted most too high",
    "too_low": "Predicted most too low",
}


@dataclass(frozen=True)
class CaseGroup:
    """Cases of one kind."""

    title: str
    figures: tuple[Figure, ...]


def groups(
    explanation: Explanation, class_names: Sequence[str], booleans: Collection[str] = ()
) -> tuple[CaseGroup, ...]:
    """The cases by kind, each with its largest contributions.

    Args:
        explanation: Its cases.
        class_names: How the classes are called, by their codes; none where numbers are predicted.
        booleans: Features whose 0 and 1 mean false and true.
    """
    kinds = dict.fromkeys(explanation.cases["kind"])
    return tuple(
        CaseGroup(
            TITLES.get(kind, kind.replace("_", " ").capitalize()),
            tuple(
                _case(f"case-{slug(kind)}-{index + 1}", case, explanation.names, class_names, booleans)
                for index, case in enumerate(_rows(explanation, kind))
            ),
        )
        for kind in kinds
    )


def _rows(explanation: Explanation, kind: str) -> list[dict[str, Any]]:
    chosen = explanation.cases[explanation.cases["kind"] == kind].head(MOST_CASES)
    return [{str(name): value for name, value in row.items()} for row in chosen.to_dict("records")]


def _case(
    key: str,
    case: dict[str, Any],
    names: Sequence[str],
    class_names: Sequence[str],
    booleans: Collection[str],
) -> Figure:
    ordered = sorted(names, key=lambda name: -abs(case[CONTRIBUTION + name]))
    shown = [
        (
            f"{name} = {_value(case.get(FEATURE + name, case[name]), name in booleans)}",
            float(case[CONTRIBUTION + name]),
        )
        for name in ordered
    ]
    bars, rest = shown[:MOST_FEATURES], shown[MOST_FEATURES:]
    if rest:
        bars.append((f"{len(rest)} others", sum(size for _, size in rest)))
    title, said = _said(case, class_names)
    finding = f"{said} What moved it most: {bars[0][0]} ({signed(bars[0][1], 2)})."
    table = tuple((label, signed(size)) for label, size in shown)
    return Figure(
        key, title, finding, _bars(bars), HALF, 26 * len(bars) + 12, ("feature", "contribution"), table
    )


def _said(case: dict[str, Any], class_names: Sequence[str]) -> tuple[str, str]:
    """The case in a few words, and in a sentence or two."""
    score, truth = float(case["y_score"]), case["y_true"]
    if not class_names:
        return (
            f"Predicted {number(score)}, truly {number(float(truth))}",
            f"Predicted: {number(score)}. The truth: {number(float(truth))}.",
        )
    name = class_names[int(truth)]
    if len(class_names) == 2:
        said = f"Score for “{class_names[1]}”: {fixed(score)}. The truth: “{name}”."
        return f"Scored {fixed(score, 2)}, truly {name}", said
    decided = class_names[int(case["y_pred"])]
    return (
        f"Decided {decided} ({fixed(score, 2)}), truly {name}",
        f"Decided “{decided}”, whose probability is {fixed(score)}; bars show what spoke for it. The truth: “{name}”.",
    )


def _bars(bars: Sequence[tuple[str, float]]) -> Any:
    reach = max(abs(size) for _, size in bars) or 1.0
    scale = Scale(-reach, reach, 220, 410)
    parts = [line(scale(0), 2, scale(0), 26 * len(bars) + 6, "axis")]
    for index, (label, size) in enumerate(bars):
        y = 6 + 26 * index
        low, high = sorted((scale(0), scale(size)))
        parts += [
            name(0, y + 13, label, 32, "start"),
            box(low, y, max(high - low, 1), 17, "bar up" if size > 0 else "bar down"),
            text(458, y + 13, signed(size, 2), "tick", text_anchor="end"),
        ]
    return stack(parts)


def _value(value: Any, boolean: bool) -> str:
    if boolean and value in (0, 1):
        return "true" if value else "false"
    if hasattr(value, "isoformat"):
        return str(value).removesuffix(" 00:00:00")
    if isinstance(value, str):
        return shortened(" ".join(value.split()), MOST_CHARACTERS)
    return number(float(value)) if isinstance(value, int | float) else str(value)
