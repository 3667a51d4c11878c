"""B01: beats the dummy model."""

from components.validation.checks.baselines import beats_dummy
from components.validation.comparison import paired_difference
from components.validation.gates import Check, Limit
from tests.components.validation.checks.models import Model


def judged(model: Model, limits: dict[str, Limit]) -> Check:
    difference = paired_difference("roc_auc", model.holdout.y, model.y_score, model.baseline_score("dummy"))
    return beats_dummy(difference, limits["B01"])


def test_a_model_that_learned_passes(honest: Model, limits: dict[str, Limit]) -> None:
    assert judged(honest, limits).status == "passed"


def test_a_model_of_a_shuffled_target_is_blocked(meaningless: Model, limits: dict[str, Limit]) -> None:
    assert judged(meaningless, limits).status == "failed"
