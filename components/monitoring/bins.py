"""The bins of a bundle's reference: how each column was counted, and how the rows of a window are counted alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Kind = Literal["number", "datetime", "text", "category"]

NOT_PREDICTED = ("convention", "rows", "units", "features", "joints")
"""The keys of reference.json that are no prediction."""


@dataclass(frozen=True)
class Counts:
    """The values of one column, counted.

    Attributes:
        known: rows a fine bin, or a label, (bins,).
        means: of the rows of each fine bin; of a category, zeros.
        missing: rows without a value.
        other: rows with a label that has no count of its own.
        strange: of these the labels that occur, with their rows; the most frequent ones.
    """

    known: Floats
    means: Floats
    missing: int = 0
    other: int = 0
    strange: tuple[tuple[str, int], ...] = ()

    @property
    def rows(self) -> int:
        """All rows."""
        return int(self.known.sum()) + self.missing + self.other


@dataclass(frozen=True)
class Bins:
    """How one column is counted, and how often each bin occurred in the reference.

    Attributes:
        name: the column.
        kind: what its values are; texts are counted by their length.
        cuts: of the fine bins of a number.
        labels: of a category.
        starts: the first fine bin of each of the about ten bins of which PSI is taken.
        reference: the counts of the reference.
        open: whether labels without a count of their own occurred in the reference, so that none is new.
    """

    name: str
    kind: Kind
    cuts: Floats
    labels: tuple[str, ...]
    starts: NDArray[np.int64]
    reference: Counts
    open: bool = False

    def cells(self, counts: Counts) -> Floats:
        """The counts of which PSI is taken: about ten bins or the labels, then what is missing, then other labels."""
        known = counts.known if self.kind == "category" else np.add.reduceat(counts.known, self.starts)
        rest = [counts.missing, counts.other] if self.kind == "category" else [counts.missing]
        return np.concatenate([known, np.asarray(rest, dtype=np.float64)])


def of_reference(told: Mapping[str, Any]) -> dict[str, Bins]:
    """The bins of every feature and of every prediction of a reference.json, by name."""
    features = {name: _bins(name, entry) for name, entry in told["features"].items()}
    predicted = {
        name: _bins(name, _as_feature(entry)) for name, entry in told.items() if name not in NOT_PREDICTED
    }
    return features | predicted


def _as_feature(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A prediction's entry in the form of a feature's: decisions are categories."""
    if "cuts" in entry:
        return {"kind": "number", "missing": 0, **entry}
    return {"kind": "category", "counts": entry, "other": 0, "missing": 0}


def _bins(name: str, entry: Mapping[str, Any]) -> Bins:
    none = np.array([], dtype=np.float64)
    if entry["kind"] == "category":
        known = np.array(list(entry["counts"].values()), dtype=np.float64)
        counts = Counts(known, np.zeros(len(known)), entry["missing"], entry["other"])
        starts = np.arange(len(known))
        return Bins(name, "category", none, tuple(entry["counts"]), starts, counts, entry["other"] > 0)
    fine = entry.get("fine") or _only_coarse(entry)
    cuts, coarse = np.array(fine["cuts"], dtype=np.float64), np.array(entry["cuts"], dtype=np.float64)
    counts = Counts(
        np.array(fine["counts"], dtype=np.float64), np.array(fine["means"], np.float64), entry["missing"]
    )
    starts = np.concatenate([[0], np.searchsorted(cuts, coarse, side="left") + 1]).astype(np.int64)
    return Bins(name, entry["kind"], cuts, (), starts, counts)


def _only_coarse(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The fine bins of a bundle that was made before there were any: the coarse ones, each at its lower cut."""
    cuts = list(entry["cuts"])
    return {"cuts": cuts, "counts": entry["counts"], "means": [*cuts[:1], *cuts] if cuts else [0.0]}
