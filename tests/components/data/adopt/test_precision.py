"""What D02 and L02 will see of a table of this size is foretold about right."""

import numpy as np
import pytest

from components.data.adopt.precision import error_of_area, half_width
from components.data.adopt.target import Target
from components.validation.metrics import METRICS


def of(task: str, rows: int, classes: tuple[str, ...] = ()) -> Target:
    generator = np.random.default_rng(0)
    codes = generator.normal(size=rows) if task == "regression" else generator.integers(0, len(classes), rows)
    return Target("t", task, classes, codes, np.ones(rows, bool), "")


def test_the_width_of_a_determination_is_that_of_its_draws():
    generator, found = np.random.default_rng(1), []
    for _ in range(400):
        signal = generator.normal(size=400)
        found.append(METRICS["r2"].function(signal + generator.normal(size=400), signal))
    _, usual, half = half_width(of("regression", 2000))
    assert usual == pytest.approx(np.mean(found), abs=0.02)
    assert half == pytest.approx(1.96 * np.std(found), rel=0.2)


def test_more_rows_make_a_narrower_interval():
    for task, classes in (("regression", ()), ("multiclass", ("a", "b", "c")), ("binary", ("a", "b"))):
        few, many = (half_width(of(task, rows, classes))[2] for rows in (1000, 4000))
        assert many == pytest.approx(few / 2, rel=0.1)


def test_the_mean_over_classes_is_surer_than_one_class():
    assert error_of_area(0.8, of("multiclass", 2000, tuple("abcdef"))) < error_of_area(
        0.8, of("binary", 2000, ("a", "b"))
    )
