"""The parts of dates as nodes of an ONNX graph: `training.calendar` itself, whose operations write nodes here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.release.graph import Graph, Tensor
from components.training import calendar
from components.training.dates import BETWEEN, Part

if TYPE_CHECKING:
    from components.training.dates import DateParts


def parts(graph: Graph, transformer: DateParts, X: Tensor) -> Tensor:
    """What the fitted transformer makes of the dates, shape (n, number of parts and marks).

    Args:
        graph: receives the nodes.
        transformer: fitted.
        X: seconds since 1970, NaN where missing, shape (n, dates).
    """
    missing = graph.add("IsNaN", X)
    known = graph.add("Where", missing, graph.constant(0.0), X)
    used = sorted({column for _, *columns in transformer.parts_ for column in columns})
    seconds = {column: _Term(graph, _column(graph, known, column)) for column in used}
    plain = {column: calendar.parts(each, _Term.floor, _choose(graph)) for column, each in seconds.items()}
    gaps = [
        graph.add("Or", _column(graph, missing, one), _column(graph, missing, other))
        for _, one, other in transformer.parts_
    ]
    values = [_value(graph, part, seconds, plain) for part in transformer.parts_]
    filled = graph.add(
        "Where", graph.concatenated(gaps), graph.constant(transformer.fill_), graph.concatenated(values)
    )
    if not len(transformer.marked_):
        return filled
    marks = graph.add("Gather", missing, graph.constant(transformer.marked_), axis=1)
    return graph.concatenated([filled, graph.cast(marks, "double")])


def _value(graph: Graph, part: Part, seconds: dict[int, _Term], plain: dict[int, dict[str, _Term]]) -> Tensor:
    name, one, other = part
    if name == BETWEEN:
        return ((seconds[other] - seconds[one]) / calendar.DAY).tensor
    if name in calendar.PLAIN:
        return plain[one][name].tensor
    place = graph.cast(calendar.position(name, plain[one]).tensor, "int64")
    return graph.add("Gather", graph.constant(calendar.circle(name)), place, axis=0)


def _column(graph: Graph, X: Tensor, column: int) -> Tensor:
    return graph.add("Gather", X, graph.constant([column]), axis=1)


def _choose(graph: Graph) -> calendar.Choice:
    def choose(condition: _Term, yes: Any, no: Any) -> _Term:
        chosen = graph.add("Where", condition.tensor, condition.plain(yes), condition.plain(no))
        return _Term(graph, chosen)

    return choose


@dataclass(frozen=True)
class _Term:
    """A tensor that calculates like an array, by writing nodes."""

    graph: Graph
    tensor: Tensor

    def plain(self, other: _Term | float) -> Tensor:
        return other.tensor if isinstance(other, _Term) else self.graph.constant(float(other))

    def floor(self) -> _Term:
        return _Term(self.graph, self.graph.add("Floor", self.tensor))

    def _with(self, operator: str, other: _Term | float) -> _Term:
        return _Term(self.graph, self.graph.add(operator, self.tensor, self.plain(other)))

    def __add__(self, other: _Term | float) -> _Term:
        return self._with("Add", other)

    def __sub__(self, other: _Term | float) -> _Term:
        return self._with("Sub", other)

    def __mul__(self, other: _Term | float) -> _Term:
        return self._with("Mul", other)

    def __truediv__(self, other: _Term | float) -> _Term:
        return self._with("Div", other)

    def __lt__(self, other: _Term | float) -> _Term:
        return self._with("Less", other)
