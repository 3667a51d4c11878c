"""Tempered numbers as nodes of an ONNX graph, in double precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from components.release.graph import Graph, Tensor
from components.training.tempered import FARTHEST

if TYPE_CHECKING:
    from components.training.tempered import Tempered


def tempered(graph: Graph, transformer: Tempered, X: Tensor) -> Tensor:
    """The columns, drawn into their limits, and the heavy-tailed ones by their inverse hyperbolic sine."""
    clipped = _clipped(graph, X, transformer.low_, transformer.high_)
    if not len(transformer.heavy_):
        return clipped
    heavy = graph.add("Gather", X, graph.constant(transformer.heavy_), axis=1)
    centred = graph.add("Sub", heavy, graph.constant(transformer.center_))
    units = graph.add("Div", centred, graph.constant(transformer.scale_))
    sine = _inverse_sine(graph, _clipped(graph, units, np.array(-FARTHEST), np.array(FARTHEST)))
    # Side by side, then each column from where it lies now.
    order = np.arange(transformer.n_features_in_)
    order[transformer.heavy_] = transformer.n_features_in_ + np.arange(len(transformer.heavy_))
    return graph.add("Gather", graph.concatenated([clipped, sine]), graph.constant(order), axis=1)


def _clipped(graph: Graph, X: Tensor, low: NDArray[np.float64], high: NDArray[np.float64]) -> Tensor:
    """The values within limits; Where keeps NaN, which Clip need not."""
    least, most = graph.constant(low), graph.constant(high)
    X = graph.add("Where", graph.add("Less", X, least), least, X)
    return graph.add("Where", graph.add("Greater", X, most), most, X)


def _inverse_sine(graph: Graph, X: Tensor) -> Tensor:
    size = graph.add("Abs", X)
    square = graph.add("Add", graph.add("Mul", size, size), graph.constant(1.0))
    logarithm = graph.add("Log", graph.add("Add", size, graph.add("Sqrt", square)))
    return graph.add("Mul", graph.add("Sign", X), logarithm)
