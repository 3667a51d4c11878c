"""Requests as programs write them: a table of plain values that keep the contract, read straight into the program's matrix.

JSON is decoded and checked in one pass by a decoder that knows the type of each column; a category becomes its number on
the way. What is written or meant otherwise is left to `contract`, which tells what is wrong with it, if anything is.
"""

from __future__ import annotations

import enum
import struct
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from types import GenericAlias
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from components.serving.columns import Rule

Matrix = NDArray[np.float64]
Numbers = Mapping[str, Mapping[str | None, float]]

MOST_ORDERS = 16
"""So many orders of columns are remembered."""

_KINDS = {"boolean": "b", "integer": "i", "number": "n", "category": "c"}
_ENDS = {
    "boolean": (0.0, 1.0),
    "integer": (1 - 2.0**53, 2.0**53 - 1),  # beyond, doubles do not hold every whole number
    "number": (-sys.float_info.max, sys.float_info.max),
}


class Rows(msgspec.Struct, frozen=True):
    """Rows that keep the contract.

    Attributes:
        matrix: the program's inputs, shape (n, number of inputs).
        kinds: of each column that was sent, as a letter: "b", "i", "n" or "c", for booleans, integers, numbers and categories.
    """

    matrix: Matrix
    kinds: str


class _Category(float, enum.Enum):
    """Texts that are decoded to numbers."""

    def __new__(cls, text: str, number: float) -> _Category:
        made = float.__new__(cls, number)
        made._value_ = text
        return made


class Reader:
    """Reads the bodies of requests in MLflow's form `dataframe_split`.

    Args:
        rules: of all columns that a row may have.
        inputs: the program's columns, in the order of its matrix.
        numbers: by column, of each category that the program knows, and of None.
    """

    def __init__(self, rules: Sequence[Rule], inputs: Sequence[str], numbers: Numbers) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._inputs, self._numbers = tuple(inputs), numbers
        self._types = {rule.name: _type(rule, numbers.get(rule.name)) for rule in rules}
        self._orders: dict[tuple[str, ...], _Order] = {}
        self._last: _Order | None = None

    @classmethod
    def of(
        cls, features: Sequence[Rule], optional: Sequence[Rule], inputs: Sequence[str], numbers: Numbers
    ) -> Reader | None:
        """The reader of a contract; None if it has columns whose values a type does not tell: texts, dates, open categories.

        Args:
            features: the rules of the columns that a row must have.
            optional: of those that it may have.
            inputs: as the constructor takes them.
            numbers: likewise.
        """
        every = [*features, *optional]
        plain = all(rule.type in _KINDS and bool(_categories(rule)) == rule.textual for rule in every)
        if not plain or {rule.name for rule in features} != set(inputs):
            return None
        known = [numbers[rule.name][each] for rule in features for each in _categories(rule)]
        return None if np.isnan(known).any() else cls(every, inputs, numbers)

    def read(self, body: bytes) -> Rows | None:
        """The rows of a body; None if it must be looked at more closely whether it has any."""
        last = self._last
        found = last.rows(body) if last is not None else None
        if found is None and (order := self._order(body)) is not None and order is not last:
            found = order.rows(body)
            self._last = order
        return found

    def _order(self, body: bytes) -> _Order | None:
        """What reads the columns as the body seems to name them."""
        start = body.find(b"[", body.find(b'"columns"'))
        try:
            names = msgspec.json.decode(body[start : body.find(b"]", start) + 1], type=tuple[str, ...])
        except (msgspec.MsgspecError, ValueError):
            return None
        found = self._orders.get(names)
        if found is None:
            if not set(self._inputs) <= set(names) <= self._rules.keys() or len(set(names)) < len(names):
                return None
            if len(self._orders) >= MOST_ORDERS:
                self._orders.clear()
            rules, types = [self._rules[name] for name in names], [self._types[name] for name in names]
            missing = {name: self._numbers[name][None] for name in names if name in self._numbers}
            found = self._orders[names] = _Order(rules, types, self._inputs, missing)
        return found


class _Order:
    """Reads columns that come in one order.

    Args:
        rules: of the columns.
        types: as which they are decoded.
        inputs: the program's columns.
        missing: the number of a missing category, by column.
    """

    def __init__(
        self, rules: Sequence[Rule], types: Sequence[Any], inputs: Sequence[str], missing: Mapping[str, float]
    ) -> None:
        self._names = tuple(rule.name for rule in rules)
        self._kinds = "".join(_KINDS[rule.type] for rule in rules)
        self._decode = _decoder(types)
        places = [self._names.index(name) for name in inputs]
        self._places = None if places == list(range(len(rules))) else places
        self._missing = [(place, missing[name]) for place, name in enumerate(self._names) if name in missing]

    def rows(self, body: bytes) -> Rows | None:
        """The rows of a body, if its columns come in this order and its values are plain and keep the contract."""
        try:
            said = self._decode(body).dataframe_split
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        if said.columns != self._names or not said.data:
            return None
        matrix = self._matrix(said.data)
        return Rows(matrix if self._places is None else matrix.take(self._places, axis=1), self._kinds)

    def _matrix(self, data: list[tuple[Any, ...]]) -> Matrix:
        """The values as they were sent, shape (n, columns)."""
        shape = len(data), len(self._names)
        try:
            packed = struct.pack(f"{shape[0] * shape[1]}d", *chain.from_iterable(data))
            return np.frombuffer(packed).reshape(shape)
        except struct.error:  # a value is missing
            matrix = np.array(data, dtype=np.float64)
        for place, number in self._missing:
            matrix[np.isnan(matrix[:, place]), place] = number
        return matrix


def _decoder(types: Sequence[Any]) -> Any:
    row: Any = GenericAlias(tuple, tuple(types))
    split = msgspec.defstruct(
        "Split",
        [
            ("columns", tuple[str, ...]),
            ("data", GenericAlias(list, (row,))),
            ("index", list[int] | None, None),
        ],
        forbid_unknown_fields=True,
    )
    body = msgspec.defstruct("Body", [("dataframe_split", split)], forbid_unknown_fields=True)
    return msgspec.json.Decoder(body).decode


def _type(rule: Rule, numbers: Mapping[str | None, float] | None) -> Any:
    """As what a column's values are decoded: numbers, all of them."""
    made: Any
    if rule.textual:
        category: Any = _Category
        members = [
            (f"category_{place}", (text, 0.0 if numbers is None else numbers[text]))
            for place, text in enumerate(_categories(rule))
        ]
        made = category(rule.name, members)
    else:
        least, most = _ENDS[rule.type]
        least = least if rule.minimum is None else max(least, float(rule.minimum))
        most = most if rule.maximum is None else min(most, float(rule.maximum))
        step = None if rule.type == "number" else 1.0
        made = Annotated[float, msgspec.Meta(ge=least, le=most, multiple_of=step)]
        if rule.type == "boolean":
            made = bool | made
    return made | None if rule.nullable else made


def _categories(rule: Rule) -> list[str]:
    """Those of the contract that are no missing value."""
    return [each for each in dict.fromkeys(rule.categories or ()) if each]
