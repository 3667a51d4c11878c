"""A bundle's program over the rows of a table: by columns, and each kind of row once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.release import bundle
from components.scoring.repeats import distinct
from components.serving.model import Model

AT_ONCE = 50_000
"""Rows of one call; what the program makes on its way takes memory for each."""

MOST_KNOWN = 200_000
"""So many kinds of rows are remembered."""

MOST_NEW = 0.9
"""A share of different rows above which it costs more to remember them than to score them again."""


class Scorer:
    """Scores tables with a model, one after the other; what it has said of a kind of row it does not ask again.

    Args:
        model: verified and loaded.

    Attributes:
        scored: how many rows the program has seen.
        answered: how many rows were answered; more, where rows are alike.
    """

    def __init__(self, model: Model) -> None:
        self.model, self.scored, self.answered = model, 0, 0
        self._known: tuple[pl.DataFrame, pl.DataFrame] | None = None
        self._room = MOST_KNOWN

    def predictions(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The predictions by name, one row each.

        Args:
            rows: with the program's inputs, in the contract's types.
        """
        features = rows.select(list(self.model.program.inputs))
        known = 0 if self._known is None else self._known[0].height
        together = features if self._known is None else pl.concat([self._known[0], features])
        one, kind = distinct(together)
        new = np.ones(len(one), np.bool_)
        new[kind[:known]] = False
        asked = together[one[new]]
        said = pl.concat([*([self._known[1]] if self._known else []), *self._said(asked)])
        place = np.empty(len(one), np.int64)
        place[kind[:known]] = np.arange(known)
        place[new] = known + np.arange(asked.height)
        self.scored, self.answered = self.scored + asked.height, self.answered + rows.height
        self._remember(asked, said.tail(asked.height), np.bincount(kind[known:], minlength=len(one))[new])
        return said[place[kind[known:]]]

    def _remember(self, asked: pl.DataFrame, said: pl.DataFrame, times: NDArray[np.int64]) -> None:
        """Keep what was said of the rows that came most often, as far as there is room; nothing, where they hardly repeat.

        Args:
            asked: one row of each new kind.
            said: of them.
            times: how often each came.
        """
        if asked.height > MOST_NEW * times.sum() and self._known is None:
            self._room = 0
        often = np.argsort(-times, kind="stable")[: self._room]
        self._room -= len(often)
        if len(often):
            before = self._known or (asked.clear(), said.clear())
            self._known = pl.concat([before[0], asked[often]]), pl.concat([before[1], said[often]])

    def _said(self, features: pl.DataFrame) -> list[pl.DataFrame]:
        """The program's predictions, call by call."""
        calls = (features.slice(start, AT_ONCE) for start in range(0, features.height, AT_ONCE))
        return [_frame(self._called(part)) for part in calls]

    def _called(self, features: pl.DataFrame) -> Mapping[str, NDArray[Any]]:
        """What the program says; where no date has to be read first, columns are handed to it as it runs them."""
        program = self.model.program
        arrays = {name: _array(features[name], kind) for name, kind in program.inputs.items()}
        run = program.predict if "datetime" in program.inputs.values() else program.run
        said = run(arrays)
        columns: Mapping[str, NDArray[Any]] = self.model.columns_of(said, program.classes)
        return columns


@contextmanager
def loaded(files: Mapping[str, bytes], bundle_id: str, threads: int = 1) -> Iterator[Scorer]:
    """What scores by a bundle, all hashes of which were computed anew before anything of it was loaded.

    Args:
        files: of the bundle.
        bundle_id: the bundle that is meant.
        threads: how many may work on one call.

    Raises:
        BundleError: the files are another bundle's or were altered, or it answers otherwise than recorded.
    """
    with tempfile.TemporaryDirectory(prefix="bundle-") as name:
        folder = Path(name) / "bundle"
        bundle.write(files, folder)
        yield Scorer(Model.load(folder, bundle_id, threads))


def _array(values: pl.Series, kind: str) -> NDArray[Any]:
    """A column as the program takes it: numbers with NaN, texts with None, dates with NaT for what is missing."""
    if kind == "double":
        return values.cast(pl.Float64).to_numpy()
    if kind == "datetime":
        return values.cast(pl.Datetime("us")).to_numpy()
    return _labels(values) if values.dtype == pl.Categorical else values.to_numpy()


def _labels(values: pl.Series) -> NDArray[Any]:
    """The texts of categories, each of which is made only once."""
    known = values.drop_nulls().unique()
    codes = known.to_physical().to_numpy()
    last = int(codes.max(initial=0)) + 1
    labels = np.full(last + 1, None, dtype=object)
    labels[codes] = known.cast(pl.String).to_list()
    texts: NDArray[Any] = labels[values.to_physical().fill_null(last).to_numpy()]
    return texts


def _frame(said: Mapping[str, NDArray[Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            name: pl.Series(values.tolist(), dtype=pl.String) if values.dtype.kind in "OU" else values
            for name, values in said.items()
        }
    )
