"""The reference of any table, however large: what windows are compared with where it is not to be the bundle's own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import polars as pl

from components.monitoring.bins import Bins, Counts, of_reference
from components.monitoring.profile import BATCH_ROWS, profile
from components.release.reference import reference

SAMPLED_ROWS = 50_000
_PLACE = "place of a row"


def reference_of(
    rows: pl.LazyFrame, *, names: Collection[str] = (), texts: Collection[str] = (), threads: int = 1
) -> dict[str, Bins]:
    """How the columns of a table are counted, and how often each bin occurs, in bounded memory.

    The bins are found on `SAMPLED_ROWS` rows, evenly taken; then all rows are counted in them, except that labels of which
    some are rare are counted on other rows than those that chose them.

    Args:
        rows: the table.
        names: the columns to count; all by default.
        texts: those that hold free text.
        threads: how many columns are counted side by side.
    """
    chosen = rows.select(list(names)) if names else rows
    height = int(chosen.select(pl.len()).collect(engine="streaming").item())
    every = max(1, height // SAMPLED_ROWS)
    sample = _evenly(chosen, every)
    told: dict[str, Any] = reference(sample.to_pandas(), {}, texts=[name for name in texts if name in sample])
    bins = of_reference(told)
    counted = dict(profile(chosen, bins, threads=threads).columns)
    apart = {name: each for name, each in bins.items() if each.reference.rows < sample.height}
    if apart:
        chooser = pl.col(_PLACE) % (2 * every) == 0
        others = chosen.with_row_index(_PLACE).filter(~chooser).select(list(apart))
        counted |= profile(others, apart, threads=threads).columns
    return {name: _of_all(each, counted[name]) for name, each in bins.items()}


def _evenly(rows: pl.LazyFrame, every: int) -> pl.DataFrame:
    """The first of so many rows, and the first of the next so many."""
    seen, taken = 0, []
    for batch in rows.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True):
        taken.append(batch.gather_every(every, offset=-seen % every))
        seen += batch.height
    return pl.concat(taken)


def _of_all(bins: Bins, counts: Counts) -> Bins:
    """The bins with the counts of all rows; labels that the sample lacks make further ones no news."""
    return replace(bins, reference=replace(counts, strange=()), open=bins.open or counts.other > 0)
