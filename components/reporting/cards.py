"""What cards and the terminal show: tables, sentences and images in plain values, for flows to hand on."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.reporting import summary
from components.reporting.formats import (
    count,
    fixed,
    limit,
    moment,
    number,
    size,
    with_interval,
    words,
)

if TYPE_CHECKING:
    from components.data.schema import Violation
    from components.data.snapshot import Snapshot
    from components.training.search import SearchResult, Trial
    from components.validation.evaluation import Evaluation
    from components.validation.gates import Check, Decision

WIDTH = 120


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        header: The names of the columns.
        rows: One entry a column in each.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def decision_rows(decision: Decision) -> Table:
    """Every check: code, title, value with interval, limit, status and reason."""
    header = ("code", "check", "value (interval)", "limit", "status", "reason")
    return Table(header, tuple((*_cells(check), check.reason) for check in decision.checks))


def decision_text(decision: Decision) -> str:
    """The decision, how the checks led to it and who must act, as Markdown."""
    lines = [f"## {decision.outcome.capitalize()}: {summary.headline(decision)}"]
    lines += ["", _markdown(summary.explanation(decision)), ""]
    for action in summary.actions(decision):
        codes = f" ({', '.join(action.codes)})" if action.codes else ""
        lines.append(f"- **{action.who}**{codes}: {_markdown(' '.join((action.what, *action.details)))}")
    return "\n".join(lines)


def metric_rows(evaluation: Evaluation) -> Table:
    """Every metric on the holdout with its interval, the primary one first."""
    ordered = sorted(evaluation.metrics, key=lambda name: name != evaluation.metric)
    return Table(
        ("metric", "value (interval)"),
        tuple((words(name), with_interval(evaluation.metrics[name])) for name in ordered),
    )


def search_rows(results: Sequence[SearchResult], chosen: str = "") -> Table:
    """One row a family: trials, how many were stopped early, best score, its standard error, its configuration."""
    header = ("family", "trials", "stopped early", "score", "standard error", "best configuration")
    rows = tuple(
        (
            f"{words(result.family)} (chosen)" if result.family == chosen else words(result.family),
            count(len(result.trials)),
            count(sum(trial.state == "pruned" for trial in result.trials)),
            fixed(result.score, 4),
            fixed(result.standard_error, 4),
            _configuration(result.best),
        )
        for result in results
    )
    return Table(header, rows)


def trial_rows(trials: Sequence[Trial]) -> Table:
    """One row a trial, for a card that refreshes while the search goes on."""
    header = ("trial", "state", "score", "seconds", "configuration")
    rows = tuple(
        (
            count(trial.number + 1),
            trial.state,
            fixed(_mean(trial), 4),
            fixed(trial.seconds, 1),
            _configuration(trial),
        )
        for trial in trials
    )
    return Table(header, rows)


def trial_line(family: str, trial: Trial, best: float) -> str:
    """One trial in one line of the terminal."""
    return (
        f"{words(family):<18} trial {trial.number + 1:>3}  {trial.state:<8}  {fixed(_mean(trial), 4):>8}  "
        f"best {fixed(best, 4)}  {fixed(trial.seconds, 1):>5} s"
    )


def snapshot_rows(snapshot: Snapshot) -> Table:
    """The data version and what it holds."""
    values = (
        ("data version", snapshot.version),
        ("rows", count(snapshot.rows)),
        ("columns", count(len(snapshot.columns))),
        ("size", size(snapshot.size_bytes)),
        ("taken", moment(snapshot.created)),
        ("source", snapshot.source),
    )
    return Table(("what", "value"), values)


def violation_rows(violations: Sequence[Violation]) -> Table:
    """Why rows were set aside."""
    rows = tuple((v.column, v.rule, count(v.rows), v.example) for v in violations)
    return Table(("column", "rule", "rows", "example"), rows)


def terminal_table(decision: Decision) -> str:
    """The decision for a terminal of 120 columns: the checks, aligned, then the reasons of what did not pass."""
    header = ("code", "check", "value (interval)", "limit", "status")
    cells = [_cells(check) for check in decision.checks]
    widths = [max(len(row[i]) for row in [header, *cells]) for i in range(len(header))]
    widths[1] = max(12, min(widths[1], WIDTH - sum(widths) + widths[1] - 2 * (len(header) - 1)))
    lines = [line for row in [header, *cells] for line in _aligned(row, widths)]
    lines.insert(1, "  ".join("-" * width for width in widths))
    notes = [line for check in decision.checks for line in _note(check)]
    verdict = f"{decision.outcome.upper()}. {summary.headline(decision)} {summary.explanation(decision)}"
    return "\n".join([*lines, "", *notes, *([""] if notes else []), *textwrap.wrap(verdict, WIDTH)])


def _cells(check: Check) -> tuple[str, str, str, str, str]:
    status = summary.STATUS_WORDS[check.status]
    return check.code, check.title, summary.value_of(check), limit(check.threshold), status


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The row in one line or, where its title is long, in several."""
    first, *more = textwrap.wrap(row[1], widths[1]) or [""]
    cells = [cell.ljust(width) for cell, width in zip((row[0], first, *row[2:]), widths, strict=True)]
    indent = " " * (widths[0] + 2)
    return ["  ".join(cells).rstrip(), *(indent + part for part in more)]


def _note(check: Check) -> list[str]:
    if check.status == "passed":
        return []
    told = "" if check.reason.startswith("NOT JUDGED") else f"{summary.STATUS_WORDS[check.status]}: "
    text = f"{check.code} {told}{check.reason}"
    return textwrap.wrap(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False)


def _mean(trial: Trial) -> float:
    return sum(trial.fold_scores) / len(trial.fold_scores) if trial.fold_scores else float("nan")


def _configuration(trial: Trial) -> str:
    written = {k: number(v) if isinstance(v, int | float) else str(v) for k, v in trial.params.items()}
    return ", ".join(f"{words(name)} {value}" for name, value in written.items())


def _markdown(text: str) -> str:
    """The text with what Markdown or HTML would take for more than text made harmless."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{letter}" if letter in "\\`*[]#|" else letter for letter in escaped)
