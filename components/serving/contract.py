"""The contract of a bundle: which rows of a request hold to it, and which rule each other row breaks.

Verdicts are those of `components.data.checks` on the same contract, which a test proves. Beyond it, an infinite number is
refused where the contract has no bound: no program was made for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from components.errors import BundleError
from components.serving.columns import Column, Rule
from components.serving.values import READERS

VERSION = 1
WHOLE = -1
"""The row of a problem that is every row's."""

MISSING_COLUMN, UNKNOWN_COLUMN = "missing column", "unknown column"


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


class Rules:
    """The contract of a bundle.

    Attributes:
        features: the rules of the columns that a row must have.
        optional: the rules of those that it may have: sensitive ones, for the log.
        width: how many columns these are.
    """

    def __init__(self, features: Sequence[Rule], optional: Sequence[Rule]) -> None:
        self.features, self.optional = tuple(features), tuple(optional)
        self._columns = [Column(rule) for rule in (*features, *optional)]
        self._names = frozenset(column.name for column in self._columns)
        self.width = len(self._columns)

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
                problems.extend(_problems(column.rule, given, values))
        if len(read) < len(columns):
            unknown = [name for name in columns if name not in self._names]
            problems.extend(Problem(WHOLE, name, UNKNOWN_COLUMN, shown(name)) for name in unknown)
        return Checked(read, self, problems, _bad(problems, rows)) if problems else Checked(read, self)


def _problems(rule: Rule, values: Sequence[Any], read: list[Any]) -> Iterator[Problem]:
    """The broken rules; ``read`` is given the values as the contract has them."""
    for row, value in enumerate(values):
        found, broken = rule.read(value)
        read.append(None if broken else found)
        if broken:
            yield Problem(row, rule.name, broken, shown(value))


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
