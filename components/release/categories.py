"""The numbers that a compiled program is fed with for categories, asked of the fitted encoders themselves."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import BundleError
from components.training.features import Columns

UNSEEN = "\ufffd unseen \ufffd"
"""A category that no table holds: what an encoder makes of it, it makes of every new one."""

Part = tuple[str, Any, list[str]]
"""Name, transformer and columns of a part of the preprocessing."""


class NotCompilableError(BundleError):
    """A predictor has no exact ONNX form here; it can be served as Python."""


@dataclass(frozen=True)
class Numbers:
    """What is fed for the categories of a column.

    Attributes:
        known: the number of each category that training saw.
        other: the number of any other one.
    """

    known: Mapping[str, float]
    other: float

    def to_json(self) -> dict[str, Any]:
        """As `program.json` has it, with null for NaN."""
        known = {category: _plain(number) for category, number in self.known.items()}
        return {"numbers": known, "other": _plain(self.other)}


@dataclass(frozen=True)
class Encodings:
    """What the fitted encoders make of categories.

    Attributes:
        numbers: by column, what is fed: what its encoder makes of a category where that is one number and no other part
            asks, else the category's place.
        tables: by part, for each of its columns a row a known category and one for any other, and a column an output.
        final: the columns of which what is fed is already what the model wants.
    """

    numbers: Mapping[str, Numbers]
    tables: Mapping[str, list[NDArray[np.float64]]]
    final: frozenset[str]


def encodings(transformer: Any, columns: Columns) -> Encodings:
    """The encodings of a fitted ColumnTransformer.

    Raises:
        NotCompilableError: an encoder does not list its categories, knows some that are no text, refuses new ones, or mixes
            columns.
    """
    encoders = [part for part in parts(transformer) if set(part[2]) <= set(columns.categorical)]
    known = _known(encoders, columns)
    tables = {
        name: _tables(encoder, names, [known[column] for column in names])
        for name, encoder, names in encoders
    }
    read = Counter(column for _, _, names in encoders for column in names)
    final: dict[str, NDArray[np.float64]] = {}
    for name, _, names in encoders:
        if all(table.shape[1] == 1 for table in tables[name]) and all(read[column] == 1 for column in names):
            final |= {column: table[:, 0] for column, table in zip(names, tables[name], strict=True)}
    numbers = {column: _numbers(categories, final.get(column)) for column, categories in known.items()}
    return Encodings(numbers, tables, frozenset(final))


def parts(transformer: Any) -> list[Part]:
    """The parts of a fitted ColumnTransformer that do something.

    Raises:
        NotCompilableError: it is something else.
    """
    from sklearn.compose import ColumnTransformer

    if type(transformer) is not ColumnTransformer:
        kind = type(transformer).__name__
        raise NotCompilableError(f"'features' is a {kind}; only a ColumnTransformer compiles.")
    return [
        (name, part, list(names))
        for name, part, names in transformer.transformers_
        if len(names) and part != "drop"
    ]


def _known(encoders: list[Part], columns: Columns) -> dict[str, list[str]]:
    """By column, the categories that any encoder knows."""
    found: dict[str, dict[str, None]] = {name: {} for name in columns.categorical}
    for _, part, names in encoders:
        first = part.steps[0][1] if hasattr(part, "steps") else part
        kind = type(first).__name__
        if not hasattr(first, "categories_"):
            raise NotCompilableError(
                f"{kind} on {names} knows no categories; use an encoder that lists them."
            )
        for name, known in zip(names, first.categories_, strict=True):
            if not all(isinstance(value, str) for value in known):
                raise NotCompilableError(f"{kind} on {names} knows categories that are no text.")
            found[name] |= dict.fromkeys(map(str, known))
    return {name: list(known) for name, known in found.items()}


def _numbers(categories: list[str], encoded: NDArray[np.float64] | None) -> Numbers:
    values = np.arange(len(categories) + 1.0) if encoded is None else encoded
    *known, other = values.tolist()
    return Numbers(dict(zip(categories, known, strict=True)), other)


def _plain(number: float) -> float | None:
    return None if math.isnan(number) else number


def _tables(encoder: Any, names: list[str], categories: list[list[str]]) -> list[NDArray[np.float64]]:
    """For each column, a row a known category and one for any other, and a column an output of its own."""
    import pandas as pd

    usual = [known[0] for known in categories]
    rows = [
        [*usual[:column], value, *usual[column + 1 :]]
        for column, known in enumerate(categories)
        for value in [*known, UNSEEN]
    ]
    try:
        found = encoder.transform(pd.DataFrame(rows, columns=names, dtype=object))
    except ValueError as error:
        raise NotCompilableError(
            f"{type(encoder).__name__} on {names} refuses a category it has not seen: {error}"
        ) from error
    encoded = np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=np.float64)
    sizes = [len(known) + 1 for known in categories]
    blocks = np.split(encoded, np.cumsum(sizes)[:-1])
    owners = _owners(np.array([[len(np.unique(output)) > 1 for output in block.T] for block in blocks]))
    if owners is None:
        raise NotCompilableError(
            f"{type(encoder).__name__} on {names} does not keep the columns apart and in order."
        )
    return [block[:, owners == column] for column, block in enumerate(blocks)]


def _owners(varies: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    """The input column that each output depends on; a constant output goes with the one before it.

    Args:
        varies: whether an output (column) varies with an input (row).

    Returns:
        None if an output depends on several inputs, or the outputs are not in the order of the inputs.
    """
    owners = np.where(varies.any(axis=0), varies.argmax(axis=0), -1)
    for output in np.flatnonzero(owners < 0):
        owners[output] = owners[output - 1] if output else 0
    apart = (varies.sum(axis=0) <= 1).all() and (np.diff(owners) >= 0).all()
    return owners if apart else None
