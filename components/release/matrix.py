"""Whether the compiled preprocessing makes the very features that the pipeline's preprocessing makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.release.categories import Encodings
from components.release.compiler import features
from components.release.graph import Graph
from components.release.inputs import Inputs, fed
from components.training.features import Columns

if TYPE_CHECKING:
    import pandas as pd

    from components.training.texts import TextParts

Floats = NDArray[np.float64]


def feature_distance(
    transformer: Any, X: pd.DataFrame, columns: Columns, encoded: Encodings, reduced: Mapping[str, TextParts]
) -> float:
    """The largest distance between a feature by the compiled preprocessing and by the pipeline's, for the same rows.

    A distance is a share of the number where that is above 1. It is infinite where one of them is missing and the other is
    not, or where they are not as many. Scores alone do not tell: a model may hardly use a feature that is wrong.

    Args:
        transformer: the fitted preprocessing.
        X: rows in the form of `features.inputs`.
        columns: the features.
        encoded: the numbers of the categories.
        reduced: the fitted transformer of each text column.
    """
    import onnxruntime

    graph = Graph()
    made = features(graph, transformer, Inputs.of(graph, columns, encoded, reduced), columns)
    model = graph.to_bytes({"features": (made, "doubles")})
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (found,) = session.run(["features"], fed(X, columns, encoded.numbers, reduced))
    return _distance(np.asarray(found, dtype=np.float64), _dense(transformer.transform(X)))


def _dense(matrix: Any) -> Floats:
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix, dtype=np.float64)


def _distance(found: Floats, expected: Floats) -> float:
    if found.shape != expected.shape or not np.array_equal(np.isnan(found), np.isnan(expected)):
        return float("inf")
    apart = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    return float(np.nan_to_num(apart[found != expected], nan=0.0, posinf=np.inf).max(initial=0.0))
