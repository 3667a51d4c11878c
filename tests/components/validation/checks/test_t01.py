"""T01: served equals evaluated."""

import pytest

from components.release import export
from components.release.export import Program, predictions
from components.release.parity import clean_run
from components.validation.checks.parity import parity
from components.validation.gates import Limit
from tests.components.validation.checks.models import Model


@pytest.fixture(scope="module")
def program(honest: Model) -> Program:
    return export.program(honest.predictor, honest.columns, honest.holdout.X.head(1000))


def test_the_program_repeats_the_flow(program: Program, limits: dict[str, Limit]) -> None:
    found = program.parity
    check = parity(found.max_abs_difference, found.decisions_changed, found.rows, limits["T01"])
    assert check.status == "passed"


def test_another_models_program_is_blocked(
    program: Program, honest: Model, crude: Model, limits: dict[str, Limit]
) -> None:
    X = honest.holdout.X.head(1000)
    run = clean_run(program.files, X, predictions(crude.predictor, X))
    found = run.parity
    check = parity(found.max_abs_difference, found.decisions_changed, found.rows, limits["T01"])
    assert check.status == "failed"


def test_one_changed_decision_is_blocked_however_close_the_scores(limits: dict[str, Limit]) -> None:
    assert parity(1e-16, 1, 1000, limits["T01"]).status == "failed"
