"""What a compiled program is fed with: one matrix of numbers, and the components of each text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.release.categories import Encodings, Numbers
from components.release.graph import Graph, Tensor
from components.training.features import Columns

if TYPE_CHECKING:
    import pandas as pd

    from components.training.texts import TextParts

ROWS = "program/rows"
"""The matrix, shape (n, columns that are no texts), in double precision; no column is called so."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of a graph.

    Attributes:
        graph: has them.
        places: of the columns in the matrix: numbers, dates as seconds since 1970, and categories as their numbers.
        texts: the input of each text column, its components of shape (n, components).
        encodings: what the numbers of categories mean.
    """

    graph: Graph
    places: Mapping[str, int]
    texts: Mapping[str, Tensor]
    encodings: Encodings

    @classmethod
    def of(
        cls, graph: Graph, columns: Columns, encoded: Encodings, reduced: Mapping[str, TextParts]
    ) -> Inputs:
        """The inputs for a table's columns, in the order in which the columns are known."""
        plain = [name for name, kind in columns.kinds.items() if kind != "text"]
        if plain:
            graph.input(ROWS, len(plain))
        texts = {name: graph.input(name, part.components_.shape[1]) for name, part in reduced.items()}
        return cls(graph, {name: place for place, name in enumerate(plain)}, texts, encoded)

    def __contains__(self, name: str) -> bool:
        return name in self.places or name in self.texts

    def columns(self, names: Sequence[str]) -> Tensor:
        """Columns of the matrix side by side, shape (n, names)."""
        places = [self.places[name] for name in names]
        if places == list(range(len(self.places))):
            return ROWS
        return self.graph.add("Gather", ROWS, self.graph.constant(places), axis=1)


def fed(
    X: pd.DataFrame, columns: Columns, numbers: Mapping[str, Numbers], reduced: Mapping[str, TextParts]
) -> dict[str, NDArray[np.float64]]:
    """What the graph of these rows is fed with; `serving.program` makes the same of what clients send.

    Args:
        X: in the form of `features.inputs`.
        columns: the features.
        numbers: of the categories of each column.
        reduced: the fitted transformer of each text column.
    """
    plain = [name for name, kind in columns.kinds.items() if kind != "text"]
    matrix = [
        _numbers(X[name], numbers[name]) if name in columns.categorical else X[name].to_numpy(np.float64)
        for name in plain
    ]
    texts = {name: part.transform(X[[name]]) for name, part in reduced.items()}
    return ({ROWS: np.column_stack(matrix)} if plain else {}) | texts


def _numbers(values: pd.Series[Any], of: Numbers) -> NDArray[np.float64]:
    return np.array([of.known.get(value, of.other) for value in values.tolist()], dtype=np.float64)
