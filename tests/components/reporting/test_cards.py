import math
import re

from components.reporting import cards
from components.validation.gates import Check, Decision
from tests.components.reporting.example import rejected

LONG = Check(
    "F01",
    "A title that goes on and on about groups of people, and on, and on, and on, and on, until it is long",
    "waived",
    0.51234,
    (0.46, 0.56),
    0.25,
    "It is 0.56; it must be at most 0.25. "
    + "Many words follow here. " * 10
    + "Waived: until May, the board",
)


def test_every_check_is_a_row_with_its_reason(given):
    table = cards.decision_rows(given.decision)
    assert [row[0] for row in table.rows] == [check.code for check in given.decision.checks]
    assert [row[-1] for row in table.rows] == [check.reason for check in given.decision.checks]


def test_tables_have_a_cell_a_column(given):
    tables = [
        cards.decision_rows(given.decision),
        cards.metric_rows(given.evaluation),
        cards.search_rows(given.searches),
        cards.trial_rows(given.searches[0].trials),
        cards.snapshot_rows(given.snapshot),
        cards.violation_rows(given.violations),
    ]
    assert all(len(row) == len(table.header) for table in tables for row in table.rows)


def test_cells_are_text_that_a_card_can_show(given):
    table = cards.trial_rows(given.searches[0].trials)
    assert all(isinstance(cell, str) for row in table.rows for cell in row)


def test_the_primary_metric_comes_first(given):
    assert cards.metric_rows(given.evaluation).rows[0][0] == "ROC AUC"


def test_the_chosen_family_is_marked(given):
    chosen = [row[0] for row in cards.search_rows(given.searches, given.evaluation.family).rows]
    assert sum("(chosen)" in name for name in chosen) == 1


def test_a_trial_is_one_line_with_its_score_and_the_best(given):
    trial = given.searches[0].trials[0]
    line = cards.trial_line("linear", trial, math.nan)
    assert "\n" not in line
    assert f"{sum(trial.fold_scores) / len(trial.fold_scores):.4f}" in line


def test_the_terminal_table_is_aligned(given):
    lines = cards.terminal_table(given.decision).split("\n\n")[0].splitlines()
    starts = {line.index("(interval)") for line in lines[:1]} | {lines[1].rindex("  -")}
    status = lines[0].index("status")
    assert starts
    assert all(line[status - 2 : status] == "  " and line[status] != " " for line in lines)


def test_no_line_of_the_terminal_is_longer_than_120_columns(given):
    decision = Decision("approved", "r", "d", "h", 1, "b", (*given.decision.checks, LONG))
    told = cards.terminal_table(decision)
    assert max(map(len, told.splitlines())) <= 120
    assert LONG.title.split()[-1] in told


def test_status_is_a_word(given):
    told = cards.terminal_table(rejected(given).decision)
    assert re.search(r"^P01 .* failed$", told, re.MULTILINE)
    assert "REJECTED. This model must not be deployed." in told


def test_reasons_stand_below_for_all_that_did_not_pass(given):
    told = cards.terminal_table(Decision("approved", "r", "d", "h", 1, "b", (LONG,)))
    assert "Waived: until May, the board" in " ".join(told.split())


def test_markdown_of_users_is_harmless(given):
    hostile = Check("P01", "<img src=x> **bold** [a](b)", "failed", 0.1, None, 0.7, "`code` | # head")
    told = cards.decision_text(Decision("rejected", "r", "d", "h", 1, "b", (hostile,)))
    assert "<img" not in told
    assert r"\*\*bold\*\* \[a\](b)" in told
    assert told.startswith("## Rejected: This model must not be deployed.")
