"""Which values of a column a compiled program tells apart: those between two thresholds of its trees are one to it.

That is read off the program's graph. Of a column whose values go to trees alone (on the way a missing one may be filled or
marked, and all be rounded to float32), nothing counts but whether it is missing, and on which side of each threshold it lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.serving.program import ROWS

_LESS_OR_EQUAL = 0


@dataclass(frozen=True)
class Cuts:
    """The thresholds with which the values of a column are compared.

    Attributes:
        at: in ascending order, each once; a value goes one way if it is at most the threshold.
        single: whether values are rounded to float32 first.
    """

    at: NDArray[np.float64]
    single: bool = False

    @property
    def base(self) -> int:
        """How many kinds of values there are: between the thresholds, beyond them, and missing."""
        return len(self.at) + 2

    def kinds(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Of which kind each value is, from 0 on; NaN is of the last."""
        with np.errstate(over="ignore"):
            compared = values.astype(np.float32).astype(np.float64) if self.single else values
        # A NaN is sorted behind infinity.
        return np.append(self.at, np.inf).searchsorted(compared, side="left")


def cuts(program: bytes, columns: int) -> dict[int, Cuts]:
    """The cuts of those columns of the matrix of which the program asks nothing else, by their places.

    Args:
        program: its graph, as the bundle has it.
        columns: how many the matrix has.
    """
    import onnx

    graph = onnx.load_from_string(program).graph
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    walk = _Walk(columns, constants)
    for node in graph.node:
        walk.step(node)
    return walk.found()


@dataclass(frozen=True)
class _Column:
    """A column of a tensor: the values of one of the matrix, whether they are rounded, or only which of them are missing."""

    place: int
    single: bool = False
    mark: bool = False


class _Walk:
    """Goes through a graph's nodes in their order, and keeps in view which tensors still hold the matrix's values."""

    def __init__(self, columns: int, constants: Mapping[str, NDArray[Any]]) -> None:
        self._constants = constants
        self._tensors: dict[str, list[_Column]] = {ROWS: [_Column(place) for place in range(columns)]}
        self._at: dict[int, list[NDArray[np.float64]]] = {place: [] for place in range(columns)}
        self._single: dict[int, set[bool]] = {place: set() for place in range(columns)}
        self._whole: set[int] = set()

    def step(self, node: Any) -> None:
        """Follow the values into a node's output; where it does more with them than is known here, they count whole."""
        given = [self._tensors.get(name) for name in node.input]
        if not any(given):
            return
        attributes = {each.name: each for each in node.attribute}
        if node.op_type == "TreeEnsemble" and given[0] is not None and self._compared(given[0], attributes):
            return
        made = self._made(node, given, attributes)
        if made is None:
            self._whole |= {column.place for columns in given if columns for column in columns}
        else:
            self._tensors[node.output[0]] = made

    def found(self) -> dict[int, Cuts]:
        """What is known at the end; of values that are compared both rounded and as they are, nothing."""
        return {
            place: Cuts(np.unique(np.concatenate([[], *at])), self._single[place] == {True})
            for place, at in self._at.items()
            if place not in self._whole and len(self._single[place]) < 2
        }

    def _made(
        self, node: Any, given: Sequence[list[_Column] | None], attributes: Mapping[str, Any]
    ) -> list[_Column] | None:
        match node.op_type, given:
            case "Gather", [[*columns], None] if attributes["axis"].i == 1:
                return [columns[place] for place in np.ravel(self._constants[node.input[1]])]
            case "IsNaN", [[*columns]]:
                return [_Column(column.place, mark=True) for column in columns]
            case "Where", [[*marks], None, [*columns]] if _same(marks, columns):
                return columns
            case "Cast", [[*columns]]:
                return _cast(columns, attributes["to"].i)
            case "Concat", _ if None not in given and attributes["axis"].i == 1:
                return [column for columns in given if columns for column in columns]
        return None

    def _compared(self, columns: list[_Column], attributes: Mapping[str, Any]) -> bool:
        """Whether the trees ask of each column only on which side of a threshold a value lies; these are kept."""
        from onnx import numpy_helper

        if (numpy_helper.to_array(attributes["nodes_modes"].t) != _LESS_OR_EQUAL).any():
            return False
        features = np.array(attributes["nodes_featureids"].ints)
        splits = numpy_helper.to_array(attributes["nodes_splits"].t)
        for place, column in enumerate(columns):
            if not column.mark:
                self._at[column.place].append(splits[features == place])
                self._single[column.place].add(column.single)
        return True


def _same(marks: Sequence[_Column], columns: Sequence[_Column]) -> bool:
    return all(mark.mark for mark in marks) and [mark.place for mark in marks] == [
        column.place for column in columns
    ]


def _cast(columns: list[_Column], to: int) -> list[_Column] | None:
    from onnx import TensorProto

    if to == TensorProto.DOUBLE:
        return columns
    if to == TensorProto.FLOAT:
        return [_Column(column.place, single=True, mark=column.mark) for column in columns]
    return None
