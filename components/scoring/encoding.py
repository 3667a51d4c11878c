"""The rows of a table as a program takes them, and what of them it tells apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.scoring.cuts import Cuts, cuts
from components.serving.program import ROWS

if TYPE_CHECKING:
    from components.serving.model import Model

Given = dict[str, NDArray[Any]]
Rows = NDArray[np.int64]

_ROOM = 1 << 62
_MOST_LISTED = 1 << 16
"""A column of whole numbers that lie so close together is looked up in a table of them."""


class Encoding:
    """How a model's program takes rows.

    Args:
        model: whose program.
    """

    def __init__(self, model: Model) -> None:
        program = model.program
        self._inputs = program.inputs
        # A bundle that was packed by an older release takes columns alone.
        self._numbers: Mapping[str, Mapping[str | None, float]] | None = getattr(program, "numbers", None)
        self._plain = [name for name, kind in self._inputs.items() if kind != "text"]
        self._cuts: dict[str, Cuts] = {}
        if self._numbers is None:
            return
        graph = (model.folder / "program.onnx").read_bytes()
        found = cuts(graph, len(self._plain))
        self._cuts = {name: found[place] for place, name in enumerate(self._plain) if place in found}
        for name, numbers in self._numbers.items():
            # An empty text is no category: it has the number of all others.
            stand_for = np.array([*numbers.values(), numbers[""]])
            self._cuts.setdefault(name, Cuts(np.unique(stand_for[~np.isnan(stand_for)])))

    def of(self, rows: pl.DataFrame) -> Encoded:
        """The rows, encoded.

        Args:
            rows: with the program's inputs, in the contract's types.
        """
        features = rows.select(list(self._inputs))
        if self._numbers is None:
            return Encoded(features, self._inputs, None)
        columns = {name: _column(features[name], self._numbers.get(name)) for name in self._plain}
        apart = [features[name] for name in self._inputs if name not in self._cuts]
        coded = _packed({name: columns[name].kinds(cuts) for name, cuts in self._cuts.items()}, self._cuts)
        return Encoded(pl.DataFrame([*coded, *apart]), self._inputs, columns, features)


class Encoded:
    """Rows of a table, encoded.

    Args:
        kinds: what the program tells apart of each row: rows that are alike in it are scored alike.
        inputs: the program's, and what each is.
        columns: those of the matrix; None for a program without one.
        features: of the rows; ``kinds`` where they are the same.
    """

    def __init__(
        self,
        kinds: pl.DataFrame,
        inputs: Mapping[str, str],
        columns: Mapping[str, _Column] | None,
        features: pl.DataFrame | None = None,
    ) -> None:
        self.kinds = kinds
        self._inputs, self._columns = inputs, columns
        self._features = kinds if features is None else features

    def given(self, rows: Rows) -> Given:
        """What the program is given of some of the rows."""
        if self._columns is None:
            return {name: _array(self._features[name][rows], kind) for name, kind in self._inputs.items()}
        given = {
            name: self._features[name][rows].to_numpy()
            for name, kind in self._inputs.items()
            if kind == "text"
        }
        if self._columns:
            matrix = np.empty(
                (len(rows), len(self._columns)), order="F"
            )  # each column is written, and read, as a whole
            for place, column in enumerate(self._columns.values()):
                matrix[:, place] = column.values(rows)
            given[ROWS] = matrix
        return given


@dataclass(frozen=True)
class _Column:
    """A column of the matrix.

    Attributes:
        table: the values that it may have; or all its values, where they are not listed.
        places: where in the table each row's value is; None where there is one value a row.
    """

    table: NDArray[np.float64]
    places: NDArray[Any] | None

    def values(self, rows: Rows) -> NDArray[np.float64]:
        """The values of some of the rows."""
        places = rows if self.places is None else self.places.take(rows, mode="clip")
        return self.table.take(places, mode="clip")  # all lie within, which need not be looked at for each

    def kinds(self, cuts: Cuts) -> NDArray[np.int64]:
        """Of which kind each row's value is."""
        found = cuts.kinds(self.table)
        return found if self.places is None else found.take(self.places, mode="clip")


def _column(values: pl.Series, numbers: Mapping[str | None, float] | None) -> _Column:
    if numbers is not None:
        return _listed_categories(values.cast(pl.Categorical), numbers)
    if values.dtype == pl.Boolean:
        return _Column(np.array([0.0, 1.0, np.nan]), values.cast(pl.UInt8).fill_null(2).to_numpy())
    if values.dtype.is_integer() and len(values) > values.null_count():
        low, high = int(values.min()), int(values.max())  # type: ignore[arg-type]
        if high - low < _MOST_LISTED and high < _ROOM:
            table = np.append(np.arange(low, high + 1, dtype=np.float64), np.nan)
            return _Column(table, values.cast(pl.Int64).fill_null(high + 1).to_numpy() - low)
    if values.dtype.is_temporal():
        return _Column(_seconds(values), None)
    return _Column(values.cast(pl.Float64).to_numpy(), None)


def _listed_categories(values: pl.Series, numbers: Mapping[str | None, float]) -> _Column:
    known = values.drop_nulls().unique()
    codes = known.to_physical().to_numpy()
    last = int(codes.max(initial=0)) + 1
    table = np.full(last + 1, numbers[None])
    table[codes] = [numbers[label] for label in known.cast(pl.String).to_list()]
    return _Column(table, values.to_physical().fill_null(last).to_numpy())


def _seconds(values: pl.Series) -> NDArray[np.float64]:
    """Times as seconds since 1970, as a program reckons them; NaN where missing."""
    microseconds = values.cast(pl.Datetime("us")).to_physical()
    whole, rest = np.divmod(microseconds.fill_null(0).to_numpy(), 1_000_000)
    return np.where(values.is_null().to_numpy(), np.nan, whole + rest / 1e6)


def _packed(kinds: Mapping[str, NDArray[np.int64]], cuts: Mapping[str, Cuts]) -> list[pl.Series]:
    """The kinds as few numbers, those of the column with the fewest first: neighbours go the same way through most trees."""
    codes: list[NDArray[np.int64]] = []
    room = 0
    for name in sorted(kinds, key=lambda name: cuts[name].base):
        base = cuts[name].base
        if room < base:
            codes.append(kinds[name].astype(np.int64))
            room = _ROOM // base
        else:
            codes[-1] *= base
            codes[-1] += kinds[name]
            room //= base
    return [pl.Series(f"{ROWS}/{n}", each) for n, each in enumerate(codes)]


def _array(values: pl.Series, kind: str) -> NDArray[Any]:
    """A column as a program takes it: numbers with NaN, texts with None, dates with NaT for what is missing."""
    if kind == "double":
        return values.cast(pl.Float64).to_numpy()
    if kind == "datetime":
        return values.cast(pl.Datetime("us")).to_numpy()
    return _labels(values) if values.dtype == pl.Categorical else values.to_numpy()


def _labels(values: pl.Series) -> NDArray[Any]:
    """The texts of categories, each of which is made only once."""
    known = values.drop_nulls().unique()
    codes = known.to_physical().to_numpy()
    last = int(codes.max(initial=0)) + 1
    labels = np.full(last + 1, None, dtype=object)
    labels[codes] = known.cast(pl.String).to_list()
    texts: NDArray[Any] = labels[values.to_physical().fill_null(last).to_numpy()]
    return texts
