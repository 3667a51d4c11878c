"""What was found in a table, for a terminal of 120 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from components.data.adopt.findings import Finding
from components.data.adopt.look import Column
from components.data.adopt.plan import Plan

WIDTH = 120
ALIKE = {
    "binary": "errors in both classes",
    "multiclass": "errors in all classes",
    "regression": "too high and too low",
}


def account(plan: Plan, source: str, kept: Sequence[str]) -> str:
    """What each column was taken for and why, what a person should decide, and the next command."""
    wide = max(len(finding.column) for finding in plan.findings)
    wide = min(wide, 32)
    lines = [f"{source}: {plan.target.rows:,} rows, {len(plan.findings)} columns", ""]
    for finding in plan.findings:
        lines += _line(finding, wide)
    lines += ["", *_split(plan)]
    questions = [f"{finding.column}: {finding.decide}" for finding in plan.findings if finding.decide]
    asked = [*plan.notes, *questions]
    asked += [
        "What is each outcome worth, and what must the model reach to be of use? Say it under [objective], and as limits of "
        f"P01 and P02, before anything is deployed; until then {ALIKE[plan.target.task]} count alike, and only B01 and U01 say "
        "that the model is better than none."
    ]
    lines += ["", "To decide:"]
    for number, text in enumerate(asked, 1):
        lines += textwrap.wrap(
            text, WIDTH, initial_indent=f"{number:>3}. ", subsequent_indent="     ", break_on_hyphens=False
        )
    lines += ["", "Written: config.toml, schema.yaml and data/datasheet.toml."]
    if kept:
        lines += ["What they replace is kept:", *(f"  {name}" for name in kept)]
    return "\n".join([*lines, "Next: make train"])


def explained(column: Column, finding: Finding) -> str:
    """Everything that is known of one column."""
    facts = [
        ("taken for", finding.role), ("because", finding.why), ("to decide", finding.decide), ("stored as", column.stored),
        ("read as", column.kind), ("rows", f"{column.rows:,}"), ("missing", f"{column.missing:.2%}"),
        ("different values", f"{column.distinct:,}"), ("most frequent value", f"{column.top:.2%} of the rows that have one"),
        ("stand for nothing", ", ".join(map(repr, column.markers))), ("numbers written like", column.number_form),
        ("dates written like", column.date_form), ("would also fit", column.ambiguous),
        ("for example", ", ".join(map(repr, column.examples))), *_range(column),
    ]  # fmt: skip
    told = [(name, said) for name, said in facts if said]
    wide = max(len(name) for name, _ in told)
    lines = [column.name]
    for name, said in told:
        lines += textwrap.wrap(
            said, WIDTH, initial_indent=f"  {name:<{wide}}  ", subsequent_indent=" " * (wide + 4)
        )
    return "\n".join(lines)


def _range(column: Column) -> list[tuple[str, str]]:
    if column.kind not in ("integer", "number", "datetime") or not column.distinct:
        return []
    values = column.present.sort()
    at = {
        "least": 0,
        "lower quarter": len(values) // 4,
        "middle": len(values) // 2,
        "upper quarter": 3 * len(values) // 4,
        "most": -1,
    }
    return [(name, str(values[position])) for name, position in at.items()]


def _line(finding: Finding, wide: int) -> list[str]:
    head = f"  {finding.column:<{wide}}  {finding.role:<9}  "
    return textwrap.wrap(
        finding.why, WIDTH, initial_indent=head, subsequent_indent=" " * (wide + 13), break_on_hyphens=False
    )


def _split(plan: Plan) -> list[str]:
    if plan.holdout_from:
        return [
            f"Parts by {plan.time}: validation from {plan.validation_from}, holdout from {plan.holdout_from}; trained on what was before."
        ]
    if group := plan.named("group"):
        return [
            f"Parts by a hash of {group[0]}: rows that share it stay together. 60 % train, 20 % validation, 20 % holdout."
        ]
    return ["Parts by a hash of each row: 60 % train, 20 % validation, 20 % holdout."]
