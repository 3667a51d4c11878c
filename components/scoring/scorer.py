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
from components.scoring.encoding import Encoded, Encoding, Given, Rows
from components.scoring.repeats import distinct
from components.serving.model import Model
from components.serving.program import ROWS

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
        self._encoding = Encoding(model)
        self._known: tuple[pl.DataFrame, pl.DataFrame] | None = None
        self._room = MOST_KNOWN

    def predictions(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The predictions by name, one row each.

        Args:
            rows: with the program's inputs, in the contract's types.
        """
        encoded = self._encoding.of(rows)
        kinds = encoded.kinds
        known = 0 if self._known is None else self._known[0].height
        one, kind = distinct(kinds if self._known is None else pl.concat([self._known[0], kinds]))
        new = np.ones(len(one), np.bool_)
        new[kind[:known]] = False
        asked = one[new] - known
        said = pl.concat([*([self._known[1]] if self._known else []), *self._said(encoded, asked)])
        place = np.empty(len(one), np.int64)
        place[kind[:known]] = np.arange(known)
        place[new] = known + np.arange(len(asked))
        self.scored, self.answered = self.scored + len(asked), self.answered + rows.height
        times = np.bincount(kind[known:], minlength=len(one))[new]
        self._remember(kinds[asked], said.tail(len(asked)), times)
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

    def _said(self, encoded: Encoded, rows: Rows) -> list[pl.DataFrame]:
        """The program's predictions of some of the rows, call by call."""
        calls = (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
        return [_frame(self._called(encoded.given(part))) for part in calls]

    def _called(self, given: Given) -> Mapping[str, NDArray[Any]]:
        """What the program says; where no date has to be read first, columns are handed to it as it runs them."""
        program = self.model.program
        reads = ROWS not in given and "datetime" in program.inputs.values()
        said = program.predict(given) if reads else program.run(given)
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


def _frame(said: Mapping[str, NDArray[Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            name: pl.Series(values.tolist(), dtype=pl.String) if values.dtype.kind in "OU" else values
            for name, values in said.items()
        }
    )
