"""S01: latency of one row."""

import pytest

from components.release import export
from components.release.export import Program
from components.validation.checks.serving import latency
from components.validation.gates import Limit
from tests.components.validation.checks.models import Model


@pytest.fixture(scope="module")
def program(honest: Model) -> Program:
    return export.program(honest.predictor, honest.columns, honest.holdout.X.head(500))


def test_the_compiled_model_is_within_the_budget(program: Program, limits: dict[str, Limit]) -> None:
    assert latency(program.latency.p99_milliseconds, limits["S01"]).status == "passed"


def test_a_budget_of_a_microsecond_blocks_it(program: Program) -> None:
    assert latency(program.latency.p99_milliseconds, Limit(0.001)).status == "failed"
