"""What is predicted: a column, the kind of task it makes, and its classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from components.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from numpy.typing import NDArray

Task = Literal["binary", "multiclass", "regression"]

MOST_CLASSES = 50


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes:
        column: its name.
        task: what kind of answer it wants.
        classes: the values by their codes: of a binary target the positive one alone, with code 1; none of a number.
        negatives: of a binary target the other values, as :func:`spelled` has them; none where they are not known.
    """

    column: str
    task: Task = "binary"
    classes: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()

    @property
    def several(self) -> tuple[str, ...]:
        """The names of the classes by their codes, where there are more than two."""
        return self.classes if self.task == "multiclass" else ()

    def encoded(self, values: pd.Series[Any]) -> NDArray[Any]:
        """The codes of classes (int64), or the numbers themselves (float64), shape (rows,).

        Raises:
            DataError: a value is of no known class, or no number.
        """
        if self.task == "regression":
            return _numbers(values)
        if self.task == "binary":
            positive = spelled(self.classes[0])
            found: NDArray[Any] = values.map(lambda value: spelled(value) == positive).to_numpy()
            return found.astype(np.int64)
        known = {name: code for code, name in enumerate(self.classes)}
        codes = values.map(class_name).map(known)
        if codes.isna().any():
            strangers = sorted(set(values[codes.isna()].map(class_name)))[:5]
            raise DataError(
                f"'{self.column}' holds {strangers}, of which training knew nothing; it knew {list(self.classes)}."
            )
        return np.asarray(codes, dtype=np.int64)


def target_of(table: pl.DataFrame, column: str, task: Task, positive: str = "") -> Target:
    """The target of a table's rows.

    Args:
        table: a snapshot.
        column: the column to predict.
        task: what kind of answer it wants.
        positive: of a binary target, the value that counts as positive.

    Raises:
        ConfigError: the column's values do not fit the task.
    """
    if task == "binary":
        others = {spelled(value) for value in table[column].unique().to_list() if value is not None}
        others.discard(spelled(positive))
        # Of so many nobody could say that a further one is wrong.
        known = tuple(sorted(others)) if len(others) < MOST_CLASSES else ()
        return Target(column, task, (positive,), known)
    if task == "regression":
        if not table[column].dtype.is_numeric():
            raise ConfigError(
                f"config.toml: data.task is 'regression', but '{column}' holds no numbers; give it the type number or "
                "integer in schema.yaml, or set data.task to 'multiclass'."
            )
        return Target(column, task)
    names = {class_name(value) for value in table[column].unique().to_list()}
    if not 2 < len(names) <= MOST_CLASSES:
        raise ConfigError(
            f"config.toml: data.task is 'multiclass', but '{column}' holds {len(names)} classes; 3 to {MOST_CLASSES} can "
            "be told apart. Two are a binary task, many numbers a regression."
        )
    return Target(column, task, tuple(sorted(names, key=_natural)))


def require_every_class(
    target: Target, values: pd.Series[Any], part: NDArray[Any], names: Sequence[str], least: int
) -> None:
    """Pass if each part has rows of every one of several classes.

    Args:
        target: what is predicted.
        values: of its column, shape (rows,).
        part: the index of each row's part in `names`, shape (rows,).
        names: of the parts.
        least: rows of a class that a part needs.

    Raises:
        DataError: it names the classes, the part and what to do.
    """
    if not target.several:
        return
    codes = target.encoded(values)
    for index, name in enumerate(names):
        counts = np.bincount(codes[part == index], minlength=len(target.classes))
        few = [f"{target.classes[code]} ({counts[code]})" for code in np.flatnonzero(counts < least)]
        if few:
            raise DataError(
                f"The {name} part has too few rows of {', '.join(few)}; every class needs {least} in every part. Bring more "
                f"rows, join classes in the source, or take them out of the values of '{target.column}' in schema.yaml, which "
                "sets their rows aside."
            )


def class_name(value: Any) -> str:
    """The name of a class: whole numbers without a fraction, everything else as it is written."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def spelled(value: Any) -> str:
    """The name by which values of a binary target are told apart: whatever the case, whole numbers without a fraction."""
    name = class_name(value).lower()
    whole = name.removesuffix(".0")
    return whole if whole.removeprefix("-").isdigit() else name


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers in their order, before words in theirs."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def _numbers(values: pd.Series[Any]) -> NDArray[np.float64]:
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if not np.isfinite(numbers).all():
        raise DataError(
            f"'{values.name}' has {int((~np.isfinite(numbers)).sum()):,} values that are no finite numbers; set a range in "
            "schema.yaml, which sets such rows aside."
        )
    return numbers


def shares(
    codes: Sequence[int] | NDArray[Any], classes: int, weight: NDArray[Any] | None = None
) -> NDArray[np.float64]:
    """The share of each class, shape (classes,)."""
    counts = np.bincount(np.asarray(codes), weight, classes).astype(np.float64)
    return np.asarray(counts / counts.sum())
