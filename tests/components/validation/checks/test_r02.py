"""R02: robust to noise and shifts."""

from components.validation.checks.robustness import noise_and_shift
from components.validation.gates import Check, Limit
from components.validation.robustness import robustness_report
from tests.components.validation.checks.models import Model


def judged(model: Model, limits: dict[str, Limit]) -> Check:
    report = robustness_report(
        model.predictor.score_positive,
        model.holdout.X,
        model.holdout.y,
        columns=model.columns,
        metric="roc_auc",
        seed=0,
    )
    return noise_and_shift(report, limits["R02"])


def test_an_honest_model_passes(honest: Model, limits: dict[str, Limit]) -> None:
    assert judged(honest, limits).status == "passed"


def test_a_model_that_leans_on_one_column_is_blocked(leaning: Model, limits: dict[str, Limit]) -> None:
    assert judged(leaning, limits).status == "failed"
