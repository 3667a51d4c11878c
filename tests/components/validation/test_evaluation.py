"""What the holdout's results are compared with; what they say stands in the tests of the gates."""

import numpy as np
import pytest

from components.training.outcomes import ErrorValues
from components.training.target import Target
from components.validation.evaluation import constant_decisions

NUMBER = Target("y", "regression")


def worth(value: ErrorValues, y: np.ndarray, decision: float, weight: np.ndarray) -> float:
    return float(np.average(value.worth(y, np.full(len(y), decision)), weights=weight))


@pytest.mark.parametrize("value", [ErrorValues(-1.0, -1.0, "euros"), ErrorValues(-1.0, -4.0, "euros")])
def test_no_other_number_is_worth_more_by_the_rows_weights(value: ErrorValues) -> None:
    generator = np.random.default_rng(0)
    weight = generator.choice([0.1, 10.0], 3000)
    y = np.where(weight > 1, 100.0, 0.0) + generator.normal(size=3000)
    best = constant_decisions(NUMBER, value, y, weight)["the best one number"]
    others = [worth(value, y, other, weight) for other in np.linspace(y.min(), y.max(), 2000)]
    assert worth(value, y, best, weight) >= max(others)


def test_without_weights_it_is_the_quantile() -> None:
    y = np.arange(101.0)
    assert constant_decisions(NUMBER, ErrorValues(-1.0, -3.0, "euros"), y) == {"the best one number": 75.0}
    assert constant_decisions(NUMBER, ErrorValues(-1.0, -3.0, "euros"), y, np.ones(101)) == {
        "the best one number": 75.0
    }
