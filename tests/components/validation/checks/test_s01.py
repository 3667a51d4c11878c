"""S01: latency of one row."""

import json

import numpy as np
import pandas as pd
import pytest

from components.release import export
from components.release.archive import zipped
from components.release.export import Program
from components.release.parity import Latency, clean_run
from components.validation.checks.serving import latency
from components.validation.gates import Limit
from components.validation.metrics import Estimate
from tests.components.validation.checks.models import Model


@pytest.fixture(scope="module")
def program(honest: Model) -> Program:
    return export.program(honest.predictor, honest.columns, honest.holdout.X.head(500))


def test_the_compiled_model_is_within_the_budget(program: Program, limits: dict[str, Limit]) -> None:
    assert latency(p99(program.latency), limits["S01"]).status == "passed"


def p99(found: Latency) -> Estimate:
    return Estimate(found.p99_milliseconds, *found.p99_bounds)


SLOW = """
import time
import numpy as np

class Program:
    inputs = {"age": "double"}
    calls = 0

    @classmethod
    def load(cls, folder):
        return cls()

    def predict(self, columns):
        self.calls += 1
        if self.calls % 10 == 0:
            end = time.process_time() + 0.03
            while time.process_time() < end:
                pass
        rows = len(columns["age"])
        return {"y_score": np.zeros(rows), "y_pred": np.zeros(rows, np.int64)}
"""


def test_a_program_that_is_slow_in_one_call_of_ten_is_blocked(limits: dict[str, Limit]) -> None:
    files = {
        "program.json": json.dumps({"runtime": "onnx", "inputs": {"age": "double"}}).encode(),
        "program.pyz": zipped({"program.py": SLOW.encode()}),
    }
    X, nothing = pd.DataFrame({"age": np.arange(300.0)}), np.zeros(300)
    run = clean_run(files, X, {"y_score": nothing, "y_pred": nothing.astype(np.int64)})
    assert run.latency.p50_milliseconds < 20 < run.latency.p99_milliseconds
    check = latency(p99(run.latency), limits["S01"])
    assert check.status == "failed"
