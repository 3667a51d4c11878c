"""P01: the primary metric's lower bound."""

from components.validation.checks.performance import primary_metric
from components.validation.gates import Limit
from tests.components.validation.checks.models import Model, estimate


def test_an_honest_model_passes(honest: Model, limits: dict[str, Limit]) -> None:
    assert primary_metric("roc_auc", estimate(honest), limits["P01"]).status == "passed"


def test_a_model_of_wrong_labels_is_blocked(mislabelled: Model, limits: dict[str, Limit]) -> None:
    assert primary_metric("roc_auc", estimate(mislabelled), limits["P01"]).status == "failed"


def test_the_lower_bound_decides_not_the_value(honest: Model) -> None:
    found = estimate(honest)
    between = (found.low + found.value) / 2
    assert primary_metric("roc_auc", found, Limit(between)).status == "failed"


def test_of_a_loss_the_upper_bound_decides(honest: Model) -> None:
    found = estimate(honest, "log_loss")
    between = (found.high + found.value) / 2
    assert primary_metric("log_loss", found, Limit(between)).status == "failed"
    assert primary_metric("log_loss", found, Limit(found.high + 0.01)).status == "passed"


def test_without_a_threshold_it_says_so_loudly(honest: Model) -> None:
    check = primary_metric("roc_auc", estimate(honest), Limit(None))
    assert check.status == "not_applicable"
    assert "NOT JUDGED" in check.reason
    assert "gates.P01.threshold" in check.reason


def test_a_waiver_lets_it_pass_and_repeats_its_reason(mislabelled: Model) -> None:
    check = primary_metric(
        "roc_auc", estimate(mislabelled), Limit(0.74, "agreed until the labels are mended")
    )
    assert check.status == "waived"
    assert "agreed until the labels are mended" in check.reason
