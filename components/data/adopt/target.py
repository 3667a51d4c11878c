"""What is predicted: the task, the classes, and which of two is the positive one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.data.adopt.look import Column
from components.errors import ConfigError, DataError

Task = Literal["binary", "multiclass", "regression"]

POSITIVE = (
    "true",
    "yes",
    "y",
    "1",
    "t",
    "on",
    "positive",
    "pos",
    "bad",
    "default",
    "fraud",
    "spam",
    "churn",
    "churned",
)
MOST_CLASSES, MOST_NUMBERED_CLASSES = 50, 10
FEW_POSITIVES = 200
FEW_ROWS_OF_A_CLASS = 50
"""With fewer rows a class of several can be in no part of the table what it is in another; its rows are set aside."""

MINORITY = 0.1


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes:
        column: its column.
        task: what kind of answer it wants.
        classes: the values by their codes; of two the negative one first, of numbers none.
        codes: the codes of the classes, or the numbers, of the rows that are known, shape (known rows,).
        known: which rows have a target that is learned from, shape (rows,).
        why: the evidence for the task.
        decide: what a person should decide about it, or "".
        notes: what is to be known of it.
    """

    column: str
    task: Task
    classes: tuple[str, ...]
    codes: NDArray[Any]
    known: NDArray[np.bool_]
    why: str
    decide: str = ""
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return len(self.known)

    @property
    def missing(self) -> float:
        """The fraction of rows without a target that is learned from."""
        return float(1 - self.known.mean())

    @property
    def positive(self) -> str:
        """Of two classes the one that counts as positive; "" elsewhere."""
        return self.classes[1] if self.task == "binary" else ""

    @property
    def rates(self) -> NDArray[np.float64]:
        """The share of each class, shape (classes,)."""
        counts = np.bincount(self.codes.astype(np.int64), minlength=len(self.classes))
        return np.asarray(counts / counts.sum(), dtype=np.float64)


def task_of(column: Column, wanted: str = "") -> Target:
    """What a column is as a target.

    Args:
        column: what is known of it.
        wanted: the task that a person named, or "".

    Raises:
        ConfigError: the task that was named does not fit the values, or they fit none.
        DataError: it has no value, or only one.
    """
    if not column.distinct:
        raise DataError(
            f"The target {column.name!r} has no value in any row; name another column with TARGET=."
        )
    counts = _counts(column.values)
    if column.distinct == 1:
        raise DataError(
            f"The target {column.name!r} is {next(iter(counts))} in every row; there is nothing to learn."
        )
    task, decide = _task(column)
    if wanted and wanted != task:
        task, decide = _wanted(column, task, wanted), ""
    made = {"binary": _of_two, "multiclass": _of_several, "regression": _of_numbers}[task]
    return made(column, counts, decide)


def _task(column: Column) -> tuple[Task, str]:
    """The task, and what to ask where the values would fit another one as well."""
    if column.distinct == 2:
        return "binary", ""
    if column.kind in ("integer", "number") and not (
        column.kind == "integer" and column.distinct <= MOST_NUMBERED_CLASSES
    ):
        return "regression", ""
    if column.kind == "integer":
        return (
            "multiclass",
            f"{column.distinct} whole numbers were taken for classes; if they are amounts, adopt again with TASK=regression.",
        )
    if column.kind == "datetime":
        raise ConfigError(
            f"The target {column.name!r} holds dates, which are not predicted; write the time until then as a number."
        )
    if column.distinct > MOST_CLASSES:
        raise ConfigError(
            f"The target {column.name!r} has {column.distinct:,} different values that are no numbers; up to {MOST_CLASSES} "
            "classes can be told apart. Join some, or name another column with TARGET=."
        )
    return "multiclass", ""


def _wanted(column: Column, found: Task, wanted: str) -> Task:
    number = column.kind in ("integer", "number")
    if column.distinct > 2 and (
        (wanted == "regression" and number) or (wanted == "multiclass" and column.distinct <= MOST_CLASSES)
    ):
        if wanted == "multiclass" and column.kind == "number" and not _whole(column.values):
            raise ConfigError(
                f"TASK is 'multiclass', but {column.name!r} holds fractions, and classes are whole numbers or words; cast them to "
                "text in the source, or adopt with TASK=regression."
            )
        return cast("Task", wanted)
    raise ConfigError(
        f"TASK is {wanted!r}, but {column.name!r} has {column.distinct:,} different values, which makes it {found}."
    )


def _of_two(column: Column, counts: Mapping[str, int], decide: str) -> Target:
    positive, negative, ask = _classes(counts)
    texts = _texts(column.values)
    known = texts.is_not_null().to_numpy()
    codes = (texts.drop_nulls() == positive).to_numpy().astype(np.int64)
    rows = sum(counts.values())
    why = (
        f"two classes: {positive} ({counts[positive]:,} rows, {counts[positive] / rows:.1%}) counts as positive, "
        f"{negative} ({counts[negative]:,}) as negative"
    )
    notes = (*_missing(column), *_rare(counts))
    return Target(column.name, "binary", (negative, positive), codes, known, why, decide or ask, notes)


def _of_several(column: Column, counts: Mapping[str, int], decide: str) -> Target:
    kept = [name for name in counts if counts[name] >= FEW_ROWS_OF_A_CLASS]
    few = [name for name in counts if name not in kept]
    if len(kept) < 3:
        kept, few = list(counts), []
    classes = tuple(sorted(kept, key=lambda name: (not _numeric(name), _number(name), name)))
    texts = _texts(column.values)
    known = texts.is_in(classes).fill_null(value=False)
    codes = texts.filter(known).replace_strict(
        list(classes), list(range(len(classes))), return_dtype=pl.Int64
    )
    shown = ", ".join(f"{name} ({counts[name]:,})" for name in classes[:6])
    why = f"{len(classes)} classes: {shown}{', ...' if len(classes) > 6 else ''}"
    notes = [*_missing(column)]
    if few:
        rows = sum(counts[name] for name in few)
        notes.append(
            f"The classes {', '.join(f'{name} ({counts[name]})' for name in few)} have fewer than {FEW_ROWS_OF_A_CLASS} rows, too "
            f"few to be judged: their {rows:,} rows are set aside, which D01 judges. Join them with others in the source, or leave "
            "it so and give gates.D01 a waiver with the reason."
        )
    fewest = min(classes, key=lambda name: counts[name])
    if counts[fewest] < FEW_POSITIVES:
        notes.append(f"Only {counts[fewest]:,} rows are {fewest}: every interval of that class will be wide.")
    return Target(
        column.name, "multiclass", classes, codes.to_numpy(), known.to_numpy(), why, decide, tuple(notes)
    )


def _of_numbers(column: Column, counts: Mapping[str, int], decide: str) -> Target:
    numbers = column.values.cast(pl.Float64)
    known = numbers.is_not_null() & numbers.is_finite().fill_null(value=False)
    codes = numbers.filter(known).to_numpy()
    why = (
        f"numbers: {len(counts):,} different ones from {codes.min():g} to {codes.max():g}, mean {codes.mean():.4g}, "
        f"standard deviation {codes.std():.4g}"
    )
    notes = [*_missing(column)]
    if infinite := int(numbers.is_infinite().sum()):
        notes.append(f"{infinite:,} rows have an infinite target; they are set aside, which D01 judges.")
    value, rows = max(counts.items(), key=lambda item: item[1])
    if rows / len(codes) > 0.2:
        notes.append(
            f"{rows / len(codes):.0%} of the rows have the target {value}: where that is a special case (a censored or an unused "
            "one), predict first whether it is."
        )
    return Target(column.name, "regression", (), codes, known.to_numpy(), why, decide, tuple(notes))


def _texts(values: pl.Series) -> pl.Series:
    return (values.cast(pl.Int64) if values.dtype == pl.Float64 and _whole(values) else values).cast(
        pl.String
    )


def _whole(values: pl.Series) -> bool:
    """Whether every number is a whole one that an integer can hold."""
    present = values.drop_nulls()
    return bool(((present == present.round()) & (present.abs() < 2**63)).all())


def _counts(values: pl.Series) -> dict[str, int]:
    found: Mapping[str, Any] = dict(_texts(values).drop_nulls().value_counts(sort=True).iter_rows())
    return {str(value): int(rows) for value, rows in found.items()}


def _classes(counts: Mapping[str, int]) -> tuple[str, str, str]:
    """The positive and the negative class, and what to ask if the values do not say which is which."""
    told = [value for value in counts if value.lower() in POSITIVE]
    if len(told) == 1:
        positive, decide = told[0], ""
    else:
        positive = min(counts, key=lambda value: (counts[value], value))
        decide = f"{positive} was taken as the positive class because it is the rarer one; if it is the other, change data.positive."
    return positive, next(value for value in counts if value != positive), decide


def _missing(column: Column) -> Sequence[str]:
    if not column.missing:
        return ()
    return (
        f"{round(column.missing * column.rows):,} rows have no target; they are set aside, which D01 judges.",
    )


def _rare(counts: Mapping[str, int]) -> list[str]:
    notes, rows = [], sum(counts.values())
    fewer = min(counts, key=lambda value: counts[value])
    if counts[fewer] < FEW_POSITIVES:
        notes.append(f"Only {counts[fewer]:,} of {rows:,} rows are {fewer}: every interval will be wide.")
    if counts[fewer] / rows < MINORITY:
        notes.append(
            f"{fewer} is rare ({counts[fewer] / rows:.2%}): the area under the ROC curve hides much there; consider "
            'objective.metric = "average_precision".'
        )
    return notes


def _numeric(name: str) -> bool:
    return bool(re.fullmatch(r"-?[0-9]+", name))


def _number(name: str) -> int:
    return int(name) if _numeric(name) else 0
