"""Counts of two columns together: what breaks when a column's values are swapped and its own distribution is not."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.training.features import MISSING

if TYPE_CHECKING:
    import pandas as pd

Codes = NDArray[np.int64]

MOST_COLUMNS, MOST_LABELS, MOST_ROWS, PARTNERS = 60, 10, 50_000, 2
LEAST_ASSOCIATION = 0.1
"""Cramér's V below which two columns tell nothing of each other."""


def joints(rows: pd.DataFrame, features: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, list[int]]]:
    """By column, the counts together with each of the one or two columns that it goes with most closely, row by row.

    Texts are left out, and columns beyond the first `MOST_COLUMNS`; of many rows some are taken, evenly.

    Args:
        rows: those of the reference.
        features: how each column is counted, as `reference.json` has it.
    """
    some = rows.iloc[:: max(1, len(rows) // MOST_ROWS)]
    named = [name for name, entry in features.items() if entry["kind"] != "text"][:MOST_COLUMNS]
    codes = {name: codes_of(some[name], features[name]) for name in named}
    tables: dict[str, dict[str, NDArray[np.int64]]] = {name: {} for name in named}
    for one, other in combinations(named, 2):
        table = together(*codes[one], *codes[other])
        if association(table) >= LEAST_ASSOCIATION:
            tables[one][other], tables[other][one] = table, table.T
    return {
        name: {
            partner: table.ravel().tolist()
            for partner, table in sorted(found.items(), key=lambda item: -association(item[1]))[:PARTNERS]
        }
        for name, found in tables.items()
        if found
    }


def codes_of(column: pd.Series[Any], entry: Mapping[str, Any]) -> tuple[Codes, int]:
    """The bin of each row, and how many bins there are: those of the entry, then other labels, then what is missing."""
    import pandas as pd

    if entry["kind"] == "category":
        # By their counts, for a file need not keep the order in which they were written.
        labels = sorted(entry["counts"], key=lambda label: (-entry["counts"][label], label))[:MOST_LABELS]
        place_of = {label: place for place, label in enumerate([*labels, MISSING])}
        texts = column.astype(object).where(column.notna(), MISSING).astype(str)
        found = texts.map(place_of).fillna(len(labels) + 1)
        return found.to_numpy(dtype=np.int64), len(labels) + 2
    if pd.api.types.is_datetime64_any_dtype(column):
        moments = column.to_numpy("datetime64[us]")
        values = np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 1e6)
    else:
        values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    bins = len(entry["cuts"]) + 1
    places = np.searchsorted(entry["cuts"], values, side="right")
    return np.where(np.isnan(values), bins, places).astype(np.int64), bins + 1


def together(first: Codes, first_bins: int, second: Codes, second_bins: int) -> NDArray[np.int64]:
    """How many rows each pair of bins has, shape (bins of the first, bins of the second)."""
    counts = np.bincount(first * second_bins + second, minlength=first_bins * second_bins)
    return counts.reshape(first_bins, second_bins).astype(np.int64)


def association(table: NDArray[np.int64]) -> float:
    """Cramér's V: 0 where two columns tell nothing of each other, 1 where each tells the other.

    Source: Cramér (1946), Mathematical Methods of Statistics.
    """
    kept = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0].astype(np.float64)
    least, total = min(kept.shape) - 1, kept.sum()
    if least < 1:
        return 0.0
    expected = np.outer(kept.sum(axis=1), kept.sum(axis=0)) / total
    return float(np.sqrt(((kept - expected) ** 2 / expected).sum() / (total * least)))
