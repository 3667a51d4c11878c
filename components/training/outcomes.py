"""What the outcomes of a decision are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, nextafter
from typing import Any

import numpy as np

from components.errors import ConfigError
from components.training.target import Target

ALWAYS, NEVER = 0.0, nextafter(1.0, inf)
"""Thresholds that every probability reaches, and that none does."""

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class OutcomeValues:
    """What each outcome of a decision is worth (a cost is negative), in `unit` a row."""

    true_positive: float
    false_positive: float
    true_negative: float
    false_negative: float
    unit: str

    @property
    def break_even(self) -> float:
        """The calibrated probability at which both decisions are worth the same (Elkan, 2001).

        ALWAYS or NEVER where a decision is at least as good as the other one whatever the truth.
        """
        if_positive = self.true_positive - self.false_negative
        if_negative = self.true_negative - self.false_positive
        if if_positive == if_negative == 0:
            return 0.5
        if if_positive <= 0 <= if_negative:
            return NEVER
        if if_negative <= 0 <= if_positive:
            return ALWAYS
        return if_negative / (if_positive + if_negative)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that a decision is worth."""
        four = (self.true_positive, self.false_positive, self.true_negative, self.false_negative)
        return min(four), max(four)

    @property
    def most_apart(self) -> float:
        """The most by which one decision is worth more than another on the same row."""
        return max(
            abs(self.true_positive - self.false_negative), abs(self.true_negative - self.false_positive)
        )

    def worth(self, y_true: Array, decided: Array) -> Array:
        """What each decision is worth, shape (rows,), from codes 0 and 1."""
        table = np.array(
            [[self.true_negative, self.false_positive], [self.false_negative, self.true_positive]]
        )
        return np.asarray(table[y_true.astype(np.int64), decided.astype(np.int64)])


@dataclass(frozen=True)
class ClassValues:
    """What deciding for one of several classes is worth, by what is true (a cost is negative).

    Attributes:
        table: shape (classes, classes): true class, then decided class.
        unit: of these values, a row.
    """

    table: Array
    unit: str

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that a decision is worth."""
        return float(self.table.min()), float(self.table.max())

    @property
    def most_apart(self) -> float:
        """The most by which one decision is worth more than another on the same row."""
        return float(np.ptp(self.table, axis=1).max())

    def worth(self, y_true: Array, decided: Array) -> Array:
        """What each decision is worth, shape (rows,), from codes."""
        return np.asarray(self.table[y_true.astype(np.int64), decided.astype(np.int64)])


@dataclass(frozen=True)
class ErrorValues:
    """What an error of one unit is worth (a cost is negative), where numbers are predicted.

    Attributes:
        too_high: of deciding one too many.
        too_low: of deciding one too few.
        unit: of these values.
    """

    too_high: float
    too_low: float
    unit: str

    @property
    def quantile(self) -> float:
        """The quantile of what may come true at which deciding is worth most (Koenker and Bassett, 1978)."""
        return self.too_low / (self.too_low + self.too_high)

    @property
    def bounds(self) -> tuple[float, float]:
        """None: an error may be of any size."""
        return -inf, 0.0

    @property
    def most_apart(self) -> float:
        """Without bounds."""
        return inf

    def worth(self, y_true: Array, decided: Array) -> Array:
        """What each decision is worth, shape (rows,), from numbers."""
        error = np.asarray(decided) - np.asarray(y_true)
        return np.asarray(np.where(error > 0, self.too_high * error, -self.too_low * error))


Values = OutcomeValues | ClassValues | ErrorValues


def spoken(value: Values, target: Target) -> dict[str, float]:
    """What each outcome is worth, by its name in words."""
    if isinstance(value, OutcomeValues):
        names = ("true_positive", "false_positive", "true_negative", "false_negative")
        return {name.replace("_", " "): float(getattr(value, name)) for name in names}
    if isinstance(value, ErrorValues):
        return {"each unit decided too high": value.too_high, "each unit decided too low": value.too_low}
    return {
        f"{decided} decided where {true} is true": float(value.table[row, column])
        for row, true in enumerate(target.classes)
        for column, decided in enumerate(target.classes)
    }


def values_of(objective: Any, target: Target) -> Values:
    """What each outcome is worth, as `[objective]` of config.toml says.

    Raises:
        ConfigError: a class that is named does not exist.
    """
    if target.task == "binary":
        four = (
            objective.true_positive,
            objective.false_positive,
            objective.true_negative,
            objective.false_negative,
        )
        return OutcomeValues(*four, objective.unit)
    if target.task == "regression":
        return ErrorValues(objective.too_high, objective.too_low, objective.unit)
    return class_values(target.classes, objective.right, objective.wrong, objective.worth, objective.unit)


def class_values(
    classes: tuple[str, ...],
    right: float,
    wrong: float,
    special: Mapping[str, Mapping[str, float]],
    unit: str,
) -> ClassValues:
    """The worth of decisions between classes: one for the right ones, one for the wrong ones, and what is named.

    Args:
        classes: by their codes.
        right: what a right decision is worth.
        wrong: what a wrong one is worth.
        special: other values, by true and decided class.
        unit: of all of them.

    Raises:
        ConfigError: a class that is named does not exist.
    """
    table = np.where(np.eye(len(classes), dtype=bool), right, wrong).astype(np.float64)
    for true, decisions in special.items():
        for decided, value in decisions.items():
            if unknown := [name for name in (true, decided) if name not in classes]:
                raise ConfigError(
                    f"config.toml: objective.worth names the class {unknown[0]!r}; the target has {', '.join(classes)}."
                )
            table[classes.index(true), classes.index(decided)] = value
    return ClassValues(table, unit)
