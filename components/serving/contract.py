"""The contract of a bundle: which rows of a request hold to it, and which rule each other row breaks.

Verdicts are those of `components.data.checks` on the same contract, which a test proves. Beyond it, an infinite number is
refused where the contract has no bound: no program was made for it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from components.errors import BundleError
from components.serving.values import LEAST_INTEGER, MOST_INTEGER, READERS, known

VERSION = 1
WHOLE = -1
"""The row of a problem that is every row's."""

MISSING_COLUMN, UNKNOWN_COLUMN = "missing column", "unknown column"

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

_OTHER = object()


@dataclass(frozen=True)
class Problem:
    """A rule that a row breaks: in which column, which rule, and what was found there."""

    row: int
    column: str
    rule: str
    found: str


class Checked(msgspec.Struct, frozen=True):
    """The rows of a request after the check.

    Attributes:
        columns: every column that was given, in the contract's types, one value a row; None for what is missing, and
            in rows that break a rule of the column.
        rules: the contract.
        problems: every rule that is broken.
        bad_rows: the rows that break one.
    """

    columns: dict[str, list[Any]]
    rules: Rules
    problems: Sequence[Problem] = ()
    bad_rows: frozenset[int] = frozenset()

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The features as :meth:`Program.predict` takes them, each of shape (n,)."""
        return {
            rule.name: np.array(self.columns[rule.name], dtype=object if rule.textual else np.float64)
            for rule in self.rules.features
        }

    def rows(self, kept: Sequence[int]) -> Checked:
        """Some of the rows, without problems."""
        columns = {name: [values[place] for place in kept] for name, values in self.columns.items()}
        return Checked(columns, self.rules)


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


class _Column:
    """A rule with what makes it quick to keep: plain values are compared, and only others are looked at one by one.

    Attributes:
        one: a plain value in the contract's type; `_OTHER` if it is not plain, or breaks the rule.
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
                return value if value is None and type(None) in plain else _OTHER

        elif self.rule.type == "number":

            def one(value: Any) -> Any:
                if type(value) in _NUMBERS and least <= value <= most:
                    return float(value)
                return value if value is None and type(None) in plain else _OTHER

        elif self.rule.type == "boolean":

            def one(value: Any) -> Any:
                if type(value) in _NUMBERS and value in (0, 1):
                    return value == 1
                return value if type(value) is bool or (value is None and type(None) in plain) else _OTHER

        elif categories is not None:

            def one(value: Any) -> Any:
                return value if type(value) in plain and value in categories else _OTHER

        else:

            def one(value: Any) -> Any:
                return value if type(value) in plain and value != "" else _OTHER

        return one

    def taken(self, values: Sequence[Any]) -> list[Any] | None:
        """The values in the contract's types, if all are plain and keep the rule."""
        if len(values) == 1:
            only = self.one(values[0])
            return None if only is _OTHER else [only]
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

    def problems(self, values: Sequence[Any], read: list[Any]) -> Iterator[Problem]:
        """The broken rules; ``read`` is given the values as the contract has them."""
        for row, value in enumerate(values):
            found, broken = self.rule.read(value)
            read.append(None if broken else found)
            if broken:
                yield Problem(row, self.name, broken, shown(value))


class Rules:
    """The contract of a bundle.

    Attributes:
        features: the rules of the columns that a row must have.
        optional: the rules of those that it may have: sensitive ones, for the log.
    """

    def __init__(self, features: Sequence[Rule], optional: Sequence[Rule]) -> None:
        self.features, self.optional = tuple(features), tuple(optional)
        self._columns = [_Column(rule) for rule in (*features, *optional)]
        self._names = frozenset(column.name for column in self._columns)

    @classmethod
    def from_json(cls, contract: Mapping[str, Any]) -> Rules:
        """The rules in a bundle's contract.json.

        Raises:
            BundleError: it is of another version, or no contract.
        """
        if contract.get("version") != VERSION:
            raise BundleError(
                f"contract.json: version {contract.get('version')!r}, but this server reads {VERSION}; serve the bundle "
                "with its own server.pyz."
            )
        try:
            features = [_rule(rule, required=True) for rule in contract["features"]]
            return cls(features, [_rule(rule, required=False) for rule in contract["optional"]])
        except (KeyError, TypeError) as error:
            raise BundleError(f"contract.json: not a contract ({error!r}); get the bundle again.") from error

    def reader(self, name: str) -> Callable[[Any], Any]:
        """What reads a column's values as the contract has them, None where they break it."""
        rules = {rule.name: rule for rule in (*self.features, *self.optional)}
        return lambda value: rules[name].read(value)[0] if name in rules else value

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that a row may have."""
        return tuple(column.name for column in self._columns)

    def check(self, columns: Mapping[str, Sequence[Any]], rows: int) -> Checked:
        """The rows in the contract's types, with every rule that one of them breaks.

        Args:
            columns: one value a row, as JSON, CSV or tensors have them.
            rows: how many rows there are.
        """
        problems: list[Problem] = []
        read: dict[str, list[Any]] = {}
        for column in self._columns:
            given = columns.get(column.name)
            if given is None:
                if column.rule.required:
                    problems.append(Problem(WHOLE, column.name, MISSING_COLUMN, "nothing"))
            elif (taken := column.taken(given)) is not None:
                read[column.name] = taken
            else:
                values: list[Any] = []
                read[column.name] = values
                problems.extend(column.problems(given, values))
        if len(read) < len(columns):
            unknown = [name for name in columns if name not in self._names]
            problems.extend(Problem(WHOLE, name, UNKNOWN_COLUMN, shown(name)) for name in unknown)
        return Checked(read, self, problems, _bad(problems, rows)) if problems else Checked(read, self)


def _listed(values: Sequence[Any]) -> list[Any]:
    return values if type(values) is list else list(values)


def _bad(problems: Sequence[Problem], rows: int) -> frozenset[int]:
    bad = {problem.row for problem in problems}
    return frozenset(range(rows)) if WHOLE in bad else frozenset(bad)


def _rule(rule: Mapping[str, Any], *, required: bool) -> Rule:
    categories = rule["categories"]
    if rule["type"] not in READERS:
        raise TypeError(f"the type {rule['type']!r} of column {rule['name']!r}")
    return Rule(
        rule["name"],
        rule["type"],
        rule["nullable"],
        rule["minimum"],
        rule["maximum"],
        None if categories is None else tuple(categories),
        required,
    )


def _bound(rule: Rule, bound: float) -> float:
    return int(bound) if rule.type == "integer" and float(bound).is_integer() else bound


def _written(bound: float) -> str:
    """A bound as people write it: 18, and not 18.0."""
    return str(int(bound)) if float(bound).is_integer() and abs(bound) < 1e16 else str(bound)


def shown(value: Any) -> str:
    """A value as an answer tells it, cut where it is long."""
    if value is None:
        return "nothing"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number of more than 60 digits"
    told = repr(value[:60] if isinstance(value, str) else value)
    return told if len(told) <= 64 else f"{told[:60]}..."
