"""U01: worth more than no model."""

from components.validation.checks.utility import worth_having
from components.validation.comparison import utility_difference
from components.validation.gates import Check, Limit
from tests.components.validation.checks.models import VALUE, Model


def judged(model: Model, limits: dict[str, Limit]) -> Check:
    constants = {
        name: utility_difference(model.holdout.y, model.y_pred, code, VALUE)
        for name, code in (("always", 1), ("never", 0))
    }
    return worth_having(constants, VALUE, limits["U01"])


def test_an_honest_model_passes(honest: Model, limits: dict[str, Limit]) -> None:
    assert judged(honest, limits).status == "passed"


def test_a_model_that_decides_like_no_model_is_blocked(meaningless: Model, limits: dict[str, Limit]) -> None:
    check = judged(meaningless, limits)
    assert check.status == "failed"
    assert VALUE.unit in check.reason
