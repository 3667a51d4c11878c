"""The graph's calendar is the transformer's, to the last bit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.release import dates
from components.release.graph import Graph
from components.training.dates import DateParts

FIRST, LAST = (pd.Timestamp(text).timestamp() for text in ("1677-09-22", "2262-04-11"))


def compiled(parts: DateParts):
    """From seconds, shape (n, dates), to what the graph makes of them."""
    import onnxruntime

    graph = Graph()
    columns = [graph.input(f"date{number}") for number in range(parts.n_features_in_)]
    made = dates.parts(graph, parts, graph.concatenated(columns))
    width = len(parts.get_feature_names_out([f"date{number}" for number in range(parts.n_features_in_)]))
    each = graph.add("Split", made, axis=1, num_outputs=1) if width == 1 else made
    flat = graph.add("Reshape", each, graph.constant([-1]))
    session = onnxruntime.InferenceSession(graph.to_bytes({"made": (flat, "double")}))

    def run(X: np.ndarray) -> np.ndarray:
        feed = {f"date{number}": column.reshape(-1, 1) for number, column in enumerate(X.T)}
        return session.run(["made"], feed)[0].reshape(len(X), width)

    return run


def moments(rows: int, dates: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    X = (
        generator.integers(int(FIRST), int(LAST), (rows, dates))
        + generator.integers(0, 10**6, (rows, dates)) / 1e6
    )
    return np.where(generator.random(X.shape) < 0.1, np.nan, X)


@pytest.mark.parametrize("cyclic", [False, True])
@pytest.mark.parametrize("fill", [False, True])
def test_dates_of_six_centuries_come_apart_as_in_training(cyclic, fill):
    parts = DateParts(cyclic=cyclic, fill=fill).fit(moments(500, 2))
    X = moments(20_000, 2, seed=1)
    np.testing.assert_array_equal(compiled(parts)(X), parts.transform(X))


DAILY = DateParts(cyclic=True).fit(moments(500, 1))
RUN = compiled(DAILY)


@given(arrays(np.float64, (20, 1), elements=st.floats(FIRST, LAST) | st.just(np.nan)))
def test_any_moment_comes_apart_as_in_training(X):
    np.testing.assert_array_equal(RUN(X), DAILY.transform(X))


@pytest.mark.parametrize(
    "X", [np.full((40, 1), np.nan), np.full((40, 1), 86400.0)], ids=["missing", "one day"]
)
def test_a_date_that_says_nothing_is_compiled(X):
    parts = DateParts(fill=True).fit(X)
    later = moments(50, 1)
    np.testing.assert_array_equal(compiled(parts)(later), parts.transform(later))
