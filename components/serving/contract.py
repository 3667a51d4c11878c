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
_PLAIN: dict[str, frozenset[type]] = {
    "boolean": frozenset({bool}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "category": frozenset({str}),
    "text": frozenset({str}),
    "datetime": frozenset(),
}
"""Python's types whose values need not be read, but only compared."""


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
        return {name: array[:, 0] for name, array in self.rules.arrays(self.columns).items()}

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
    """A rule with what makes it quick to keep: plain values are compared, and only others are read.

    Attributes:
        accepts: whether one value is plain and keeps the rule.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule, self.name = rule, rule.name
        self.numeric = not rule.textual
        self._plain = _PLAIN[rule.type]
        # Doubles' own ends where there is no bound: infinity lies beyond them, and NaN is never between.
        whole = rule.type == "integer"
        ends = (LEAST_INTEGER, MOST_INTEGER) if whole else (-sys.float_info.max, sys.float_info.max)
        self._least = ends[0] if rule.minimum is None else _bound(rule, rule.minimum)
        self._most = ends[1] if rule.maximum is None else _bound(rule, rule.maximum)
        self._categories = None if rule.categories is None else frozenset(rule.categories) - {""}
        self.accepts = self._accepting()

    def _accepting(self) -> Callable[[Any], bool]:
        plain, least, most, categories = self._plain, self._least, self._most, self._categories
        if self.rule.type in ("integer", "number"):
            return lambda value: type(value) in plain and least <= value <= most
        if not self.numeric and categories is not None:
            return lambda value: type(value) is str and value in categories
        if not self.numeric:
            return lambda value: type(value) is str and value != ""
        return lambda value: type(value) in plain

    def holds(self, values: Sequence[Any]) -> bool:
        """Whether all values are plain and keep the rule."""
        if len(values) == 1:
            return self.accepts(values[0])
        types = set(map(type, values))
        if not self._plain.issuperset(types):
            return False
        if not self.numeric:
            return "" not in values if self._categories is None else self._categories.issuperset(values)
        if self.rule.type == "boolean":
            return True
        if float in types:
            try:
                array = np.array(values, dtype=np.float64)
            except OverflowError:
                return False
            return bool(array.min() >= self._least and array.max() <= self._most)
        return bool(min(values) >= self._least and max(values) <= self._most)

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
        nullable_texts: the features that are texts and may be missing.
    """

    def __init__(self, features: Sequence[Rule], optional: Sequence[Rule]) -> None:
        self.features, self.optional = tuple(features), tuple(optional)
        self._columns = [_Column(rule) for rule in (*features, *optional)]
        self._names = frozenset(column.name for column in self._columns)
        self._numbers = [rule.name for rule in self.features if not rule.textual]
        self._texts = [rule.name for rule in self.features if rule.textual]
        self.nullable_texts = [rule.name for rule in self.features if rule.textual and rule.nullable]

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
            elif column.holds(given):
                read[column.name] = given if type(given) is list else list(given)
            else:
                values: list[Any] = []
                read[column.name] = values
                problems.extend(column.problems(given, values))
        if len(read) < len(columns):
            unknown = [name for name in columns if name not in self._names]
            problems.extend(Problem(WHOLE, name, UNKNOWN_COLUMN, shown(name)) for name in unknown)
        return Checked(read, self, problems, _bad(problems, rows)) if problems else Checked(read, self)

    def arrays(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, NDArray[Any]]:
        """The features as the program runs them, each of shape (n, 1).

        Numbers are float64 with NaN for what is missing, texts are objects with None for it.

        Args:
            columns: one value a row, in the contract's types.
        """
        arrays: dict[str, NDArray[Any]] = {}
        for names, kind in ((self._numbers, np.float64), (self._texts, object)):
            if names:
                block = np.array([columns[name] for name in names], dtype=kind)
                arrays.update(zip(names, block[:, :, np.newaxis], strict=True))
        return arrays


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
