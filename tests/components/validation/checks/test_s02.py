"""S02: size of the served program."""

import pytest

from components.release import export
from components.release.export import Program
from components.validation.checks.serving import size
from components.validation.gates import Limit
from tests.components.validation.checks.models import Model


@pytest.fixture(scope="module")
def program(honest: Model) -> Program:
    return export.program(honest.predictor, honest.columns, honest.holdout.X.head(500))


def test_the_compiled_model_is_within_the_budget(program: Program, limits: dict[str, Limit]) -> None:
    assert size(program.size_bytes, limits["S02"]).status == "passed"


def test_a_budget_of_ten_kilobytes_blocks_it(program: Program) -> None:
    check = size(program.size_bytes, Limit(0.01))
    assert check.status == "failed"
    assert check.value == program.size_bytes / 1e6
