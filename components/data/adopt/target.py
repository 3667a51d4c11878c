"""What is predicted: the task, the classes, and which of them is the positive one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.data.adopt.look import Column
from components.errors import ConfigError, DataError

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
MOST_CLASSES = 30
FEW_POSITIVES = 200
MINORITY = 0.1


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes:
        column: its column.
        positive: the value that counts as the positive class, as text.
        negative: the other one.
        codes: 1 where it is positive, shape (rows,); 0 where it is missing, too.
        rate: the share of positives.
        missing: the fraction of rows without a target.
        why: the evidence for the task.
        decide: what a person should decide about it, or "".
        notes: what is to be known of it.
    """

    column: str
    positive: str
    negative: str
    codes: NDArray[np.int64]
    rate: float
    missing: float
    why: str
    decide: str = ""
    notes: tuple[str, ...] = ()


def task_of(column: Column, wanted: str = "") -> Target:
    """What a column is as a target.

    Raises:
        ConfigError: it is no target of two classes, which are what is trained.
        DataError: it has no value, or only one.
    """
    values = column.values
    if not column.distinct:
        raise DataError(
            f"The target {column.name!r} has no value in any row; name another column with TARGET=."
        )
    counts = _counts(values)
    if column.distinct == 1:
        raise DataError(
            f"The target {column.name!r} is {next(iter(counts))} in every row; there is nothing to learn."
        )
    task = "binary" if column.distinct == 2 else _task(column)
    if wanted and wanted != task:
        raise ConfigError(
            f"TASK is {wanted!r}, but {column.name!r} has {column.distinct:,} different values, which makes it {task}."
        )
    if task != "binary":
        raise ConfigError(
            f"The target {column.name!r} has {column.distinct:,} different values: the task is {task}, and the flows train "
            "models of two classes only. Make a column of two classes of it, or name another one with TARGET=."
        )
    positive, negative, decide = _classes(counts)
    codes = (_texts(values) == positive).fill_null(value=False).to_numpy().astype(np.int64)
    rate = counts[positive] / sum(counts.values())
    why = f"two classes: {positive} ({counts[positive]:,} rows, {rate:.1%}) counts as positive, {negative} ({counts[negative]:,}) as negative"
    return Target(
        column.name,
        positive,
        negative,
        codes,
        rate,
        column.missing,
        why,
        decide,
        tuple(_notes(column, counts)),
    )


def _task(column: Column) -> str:
    worded = column.kind in ("category", "boolean", "text")
    return (
        "multiclass"
        if worded or (column.kind == "integer" and column.distinct <= MOST_CLASSES)
        else "regression"
    )


def _texts(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Float64 and (values.drop_nulls() == values.drop_nulls().round()).all():
        values = values.cast(pl.Int64)
    return values.cast(pl.String)


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


def _notes(column: Column, counts: Mapping[str, int]) -> list[str]:
    notes, rows = [], sum(counts.values())
    fewer = min(counts, key=lambda value: counts[value])
    if column.missing:
        notes.append(
            f"{round(column.missing * column.rows):,} rows have no target; they are set aside, which D01 judges."
        )
    if counts[fewer] < FEW_POSITIVES:
        notes.append(f"Only {counts[fewer]:,} of {rows:,} rows are {fewer}: every interval will be wide.")
    if counts[fewer] / rows < MINORITY:
        notes.append(
            f"{fewer} is rare ({counts[fewer] / rows:.2%}): the area under the ROC curve hides much there; consider "
            'objective.metric = "average_precision".'
        )
    return notes
