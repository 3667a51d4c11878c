"""What was answered, in the form in which `components.validation` measures it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.errors import DataError
from components.training.target import Target, class_name, spelled

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """Predictions, and what came true where that is known.

    Attributes:
        y_score: P(positive) or the expected number, (rows,); P(class), (rows, classes), of several.
        y_pred: what was decided: codes, or numbers, (rows,).
        y_true: codes, or numbers, (rows,); None before labels are there.
        rows: all columns of these rows.
        unreadable: labels that are no class, or no number; their rows are left out.
    """

    y_score: Floats
    y_pred: NDArray[Any]
    y_true: NDArray[Any] | None
    rows: pl.DataFrame
    unreadable: int = 0

    @property
    def truth(self) -> NDArray[Any]:
        """`y_true`, where labels are there.

        Raises:
            DataError: there are none.
        """
        if self.y_true is None:
            raise DataError("These predictions have no labels; join them first.")
        return self.y_true


def answers(rows: pl.DataFrame, target: Target, *, labelled: bool) -> Answers:
    """The predictions of these rows; with their labels if they have a `y_true`.

    Args:
        rows: of the prediction log.
        target: what is predicted.
        labelled: whether to read the labels.
    """
    if not labelled:
        return Answers(*_predicted(rows, target), None, rows)
    readable = _readable(rows["y_true"], target)
    kept = rows.filter(readable)
    y_true = target.encoded(kept["y_true"].to_pandas())
    return Answers(*_predicted(kept, target), y_true, kept, rows.height - kept.height)


def expected(target: Target) -> str:
    """What a label of this target is; "" where any value may be one."""
    if target.task == "regression":
        return "a finite number"
    if target.task == "binary":
        return ", ".join([target.classes[0], *target.negatives]) if target.negatives else ""
    return ", ".join(target.classes)


def _readable(labels: pl.Series, target: Target) -> pl.Series:
    if target.task == "regression":
        return labels.cast(pl.Float64, strict=False).is_finite().fill_null(False)
    if target.task == "binary" and not target.negatives:
        return labels.is_not_null()
    name, classes = class_name, target.classes
    if target.task == "binary":
        name, classes = spelled, (spelled(target.classes[0]), *target.negatives)
    known = {value for value in labels.unique().to_list() if value is not None and name(value) in classes}
    return pl.Series([value in known for value in labels.to_list()], dtype=pl.Boolean)


def _predicted(rows: pl.DataFrame, target: Target) -> tuple[Floats, NDArray[Any]]:
    if not target.several:
        decided = rows["y_pred"].to_numpy()
        kind = np.float64 if target.task == "regression" else np.int64
        return rows["y_score"].cast(pl.Float64).to_numpy(), decided.astype(kind)
    codes = {name: code for code, name in enumerate(target.several)}
    decided = np.array([codes.get(str(name), -1) for name in rows["y_pred"].to_list()], dtype=np.int64)
    scores = [rows[f"y_score_{name}"].cast(pl.Float64).to_numpy() for name in target.several]
    return np.stack(scores, axis=1), decided
