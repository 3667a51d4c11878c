"""What one column may hold: the rule for a single value, and what makes it quick to keep for many plain ones."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.serving.values import LEAST_INTEGER, MOST_INTEGER, READERS, known

_TEXTUAL = ("category", "text")
_NUMBERS = frozenset({int, float})
_PLAIN: dict[str, frozenset[type]] = {
    "boolean": frozenset({bool, int, float}),
    "integer": _NUMBERS,
    "number": _NUMBERS,
    "category": frozenset({str}),
    "text": frozenset({str}),
    "datetime": frozenset(),
}
"""Python's types whose values need not be read, but only compared."""

_EXACT = 2.0**53
"""Below it doubles hold every whole number."""

OTHER = object()
"""No plain value of the rule's type, or one that breaks it."""


@dataclass(frozen=True)
class Rule:
    """What one column may hold; as `contract.json` has it."""

    name: str
    type: str
    nullable: bool
    minimum: float | None
    maximum: float | None
    categories: tuple[str, ...] | None
    required: bool

    @property
    def textual(self) -> bool:
        """Whether its values are texts."""
        return self.type in _TEXTUAL

    def read(self, value: Any) -> tuple[Any, str]:
        """The value in the contract's type and the rule that it breaks; "" if none, and then None is a missing value."""
        found = known(value, textual=self.textual)
        if found is None:
            return None, "" if self.nullable else "missing"
        found = READERS[self.type](found)
        if found is None:
            return None, f"not of type {self.type}"
        if self.textual:
            return found, "" if self.categories is None or found in self.categories else "no known category"
        if self.minimum is not None and found < self.minimum:
            return None, f"below {_written(self.minimum)}"
        if self.maximum is not None and found > self.maximum:
            return None, f"above {_written(self.maximum)}"
        return found, "" if math.isfinite(found) else "infinite"


class Column:
    """A rule with what makes it quick to keep: plain values are compared, and only others are looked at one by one.

    Attributes:
        one: a plain value in the contract's type; `OTHER` if it is not plain, or breaks the rule.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule, self.name = rule, rule.name
        self._plain = _PLAIN[rule.type] | ({type(None)} if rule.nullable else set())
        # Doubles' own ends where there is no bound: infinity lies beyond them, and NaN is never between.
        whole = rule.type == "integer"
        ends = (LEAST_INTEGER, MOST_INTEGER) if whole else (-sys.float_info.max, sys.float_info.max)
        self._least = ends[0] if rule.minimum is None else _bound(rule, rule.minimum)
        self._most = ends[1] if rule.maximum is None else _bound(rule, rule.maximum)
        nothing = {None} if rule.nullable else set()
        self._categories = None if rule.categories is None else (set(rule.categories) - {""}) | nothing
        self._truths = {0: False, 1: True} | dict.fromkeys(nothing)
        self.one = self._ones()

    def _ones(self) -> Callable[[Any], Any]:
        plain, least, most, categories = self._plain, self._least, self._most, self._categories
        if self.rule.type == "integer":

            def one(value: Any) -> Any:
                if type(value) is float and value.is_integer():
                    value = int(value)
                if type(value) is int and least <= value <= most:
                    return value
                return value if value is None and type(None) in plain else OTHER

        elif self.rule.type == "number":

            def one(value: Any) -> Any:
                if type(value) in _NUMBERS and least <= value <= most:
                    return float(value)
                return value if value is None and type(None) in plain else OTHER

        elif self.rule.type == "boolean":

            def one(value: Any) -> Any:
                if type(value) in _NUMBERS and value in (0, 1):
                    return value == 1
                return value if type(value) is bool or (value is None and type(None) in plain) else OTHER

        elif categories is not None:

            def one(value: Any) -> Any:
                return value if type(value) in plain and value in categories else OTHER

        else:

            def one(value: Any) -> Any:
                return value if type(value) in plain and value != "" else OTHER

        return one

    def taken(self, values: Sequence[Any]) -> list[Any] | None:
        """The values in the contract's types, if all are plain and keep the rule."""
        if len(values) == 1:
            only = self.one(values[0])
            return None if only is OTHER else [only]
        try:
            if self._categories is not None:
                return _listed(values) if self._categories.issuperset(values) else None
            if self.rule.type == "boolean":
                return list(map(self._truths.__getitem__, values))
        except (KeyError, TypeError):  # another value, or a list
            return None
        types = set(map(type, values))
        if not self._plain.issuperset(types):
            return None
        if self.rule.textual:
            return None if "" in values else _listed(values)
        return self._numbers(values, types)

    def _numbers(self, values: Sequence[Any], types: set[type]) -> list[Any] | None:
        if types == {int} and self.rule.type == "integer":
            return _listed(values) if min(values) >= self._least and max(values) <= self._most else None
        try:
            array = np.array(values, dtype=np.float64)
        except OverflowError:
            return None
        missing = np.isnan(array)
        known = array[~missing] if missing.any() else array
        if len(known) == 0 or (type(None) not in types and len(known) < len(array)):
            return None
        if not (known.min() >= self._least and known.max() <= self._most):
            return None
        if self.rule.type == "number":
            found = array
        elif np.abs(known).max() < _EXACT and (known == np.floor(known)).all():
            found = np.where(missing, 0, array).astype(np.int64)
        else:
            return None
        taken: list[Any] = found.tolist()
        for place in np.flatnonzero(missing):
            taken[place] = None
        return taken


def _listed(values: Sequence[Any]) -> list[Any]:
    return values if type(values) is list else list(values)


def _bound(rule: Rule, bound: float) -> float:
    return int(bound) if rule.type == "integer" and float(bound).is_integer() else bound


def _written(bound: float) -> str:
    """A bound as people write it: 18, and not 18.0."""
    return str(int(bound)) if float(bound).is_integer() and abs(bound) < 1e16 else str(bound)
