"""Numbers of any scale are tempered in the graph as in training."""

import numpy as np
import onnxruntime
import pytest

from components.release.graph import Graph
from components.release.tempering import tempered
from components.training.tempered import Tempered

GENERATOR = np.random.default_rng(11)
X = np.column_stack(
    [
        GENERATOR.normal(50, 10, 2000),
        GENERATOR.standard_cauchy(2000) * 1e15,
        GENERATOR.lognormal(0, 3, 2000) * 1e-12,
        GENERATOR.integers(0, 3, 2000),
        np.full(2000, np.nan),
    ]
)
X[GENERATOR.random(X.shape) < 0.05] = np.nan


def in_graph(transformer: Tempered, values: np.ndarray) -> np.ndarray:
    graph = Graph()
    columns = [graph.input(f"x{number}") for number in range(values.shape[1])]
    made = tempered(graph, transformer, graph.concatenated(columns))
    flat = graph.add("Reshape", made, graph.constant([-1]))
    session = onnxruntime.InferenceSession(graph.to_bytes({"made": (flat, "double")}))
    feed = {f"x{number}": column.reshape(-1, 1) for number, column in enumerate(values.T)}
    return session.run(["made"], feed)[0].reshape(values.shape)


@pytest.mark.parametrize(
    "columns", [[0, 1, 2, 3, 4], [0, 3], [1, 2], [4]], ids=["all", "light", "heavy", "empty"]
)
def test_it_is_what_training_computes(columns):
    part = X[:, columns]
    transformer = Tempered().fit(part[:1000])
    far = np.vstack([part[1000:], np.full((1, len(columns)), 1.7e308), np.full((1, len(columns)), -1e300)])
    np.testing.assert_allclose(in_graph(transformer, far), transformer.transform(far), rtol=1e-14, atol=1e-15)
