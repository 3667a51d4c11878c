"""Which rows a back-test fits on and which it scores: models up to each of several moments, and what came after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.data.periods import periods
from components.data.split import HOLDOUT, TRAIN, VALIDATION
from components.errors import DataError

KEPT_BACK = 0.25
"""What share of the training part is scored and not fitted on, where parts follow each other in time."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Origins:
    """The rows of a table that a back-test fits on, and those that it scores.

    Attributes:
        labels: what the periods are called, oldest first.
        length: how long a period is, in words.
        fitted: by the period that is a model's last, its origin, the rows that it is fitted on.
        scored: by period, the rows that are scored.
        reason: why there is nothing to do; "" if there is.
    """

    labels: tuple[str, ...]
    length: str
    fitted: Mapping[int, Rows]
    scored: Mapping[int, Rows]
    reason: str = ""

    @cached_property
    def rows(self) -> Rows:
        """All of these rows once, in the order of the table."""
        empty = np.empty(0, np.int64)
        return np.unique(np.concatenate([*self.fitted.values(), *self.scored.values(), empty]))


def origins(
    times: pl.Series | None,
    part: NDArray[np.int8],
    used: NDArray[np.bool_],
    *,
    groups: Rows | None = None,
    temporal: bool = False,
    most_rows: int = 0,
    seed: int = 0,
) -> Origins:
    """The rows of a back-test, of the training and validation parts alone; times of the holdout are not looked at.

    Models are fitted on rows of the training part and scored on rows of the validation part: the same rows for models of
    every age, and, as parts hold groups together, no group is on both sides. Where the parts follow each other in time,
    a quarter of the training part (of its groups, where there are any) is kept back and scored too. A row whose group
    is fitted on is never scored.

    Args:
        times: when each row was observed, (rows,); None if no column says it.
        part: index into :data:`~components.data.split.PARTS`, (rows,).
        used: which rows the run uses, (rows,).
        groups: a code for rows that come together, (rows,).
        temporal: whether the parts follow each other in time.
        most_rows: on which a model is fitted, and which are scored in a period; of more a sample is drawn. 0 for all.
        seed: of what is drawn.
    """
    if times is None:
        return _none("No column says when a row was observed; name one in data.time of config.toml.")
    known = used & (part != HOLDOUT)
    try:
        cut = periods(times.filter(pl.Series(known)))
    except DataError as error:
        return _none(str(error))
    if len(np.unique(cut.code[cut.code >= 0])) < 2:
        which = f" ({cut.labels[0]})" if cut.labels else ""
        return _none(
            f"The rows for training are of one period{which}; let data.since and data.until in config.toml take in two or more."
        )
    code = np.full(len(part), -1, np.int64)
    code[known] = cut.code
    generator = np.random.default_rng(seed)
    fitted, scored = _sides(part, code >= 0, groups, temporal, generator)
    place = generator.random(len(part))
    numbers = range(len(cut.labels))
    return Origins(
        cut.labels,
        cut.length,
        {
            number: _some(fitted & (code >= 0) & (code <= number), place, most_rows)
            for number in numbers
            if (fitted & (code == number)).any()
        },
        {number: _some(scored & (code == number), place, most_rows) for number in numbers},
    )


def _none(reason: str) -> Origins:
    return Origins((), "", {}, {}, reason)


def _sides(
    part: NDArray[np.int8],
    known: NDArray[np.bool_],
    groups: Rows | None,
    temporal: bool,
    generator: np.random.Generator,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows may be fitted on, and which may be scored."""
    train, scored = known & (part == TRAIN), known & (part == VALIDATION)
    if temporal:
        units = np.arange(len(part)) if groups is None else groups
        back = train & (generator.random(int(units.max(initial=0)) + 1) < KEPT_BACK)[units]
        train, scored = train & ~back, scored | back
    if groups is not None:
        scored &= ~np.isin(groups, groups[train])
    return train, scored


def _some(rows: NDArray[np.bool_], place: NDArray[np.float64], most: int) -> Rows:
    """The rows, of too many those with the lowest places, in the order of the table."""
    found = np.flatnonzero(rows)
    if most and len(found) > most:
        found = np.sort(found[np.argpartition(place[found], most)[:most]])
    return found
