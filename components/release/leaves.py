"""Gradient boosting's trees as tables of bits, by which many rows are answered in a fraction of the time.

Each leaf of a tree is a bit. A comparison that fails rules out the leaves to its left; of those that all failing comparisons
leave, the first is the row's. What fails at once for a value of a feature is written down beforehand, for all trees together.

Source: Lucchese et al. (2015), QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from components.release.archive import zipped
from components.release.trees import Tree

TREES, AFTER = "trees.npz", "after.onnx"
"""The tables, and the graph of what follows the trees."""

TOTALS = "program/totals"
"""The input of that graph: what the trees answer together, shape (n, 1)."""

MOST_LEAVES, MOST_FEATURES, MOST_CELLS = 64, 32, 4_000_000


def tables(trees: Sequence[Tree], places: Sequence[int]) -> dict[str, NDArray[np.generic]] | None:
    """The tables of trees whose answers are added up; None if they would be too many or too wide to be quick.

    `places` are the columns that are compared, and `counts` how many different `thresholds` each has, which stand one
    after the other. `possible` has the leaves that are left, shape (values, trees): for each column those of a value below
    all thresholds, between two, above all, and of a missing one. `answers` are those of the leaves, shape (trees, bits).

    Args:
        trees: of one output.
        places: of the features, among the columns.
    """
    most = max(int(tree.leaf.sum()) for tree in trees)
    compared = np.unique(np.concatenate([tree.feature[~tree.leaf] for tree in trees]).astype(np.int64))
    if most > MOST_LEAVES or not 1 <= len(compared) <= MOST_FEATURES or any(tree.target for tree in trees):
        return None
    bits = next(width for width in (16, 32, 64) if most <= width)
    thresholds = [
        np.unique(np.concatenate([tree.threshold[~tree.leaf & (tree.feature == feature)] for tree in trees]))
        for feature in compared
    ]
    if (sum(map(len, thresholds)) + 2 * len(compared)) * len(trees) > MOST_CELLS:
        return None
    every = np.iinfo(f"u{bits // 8}").max
    possible = [np.full((len(each) + 2, len(trees)), every, dtype=f"u{bits // 8}") for each in thresholds]
    answers = np.zeros((len(trees), bits))
    known = {int(feature): place for place, feature in enumerate(compared)}
    for number, tree in enumerate(trees):
        leaves = _below(tree)
        order = leaves[0]
        answers[number, : len(order)] = tree.value[order]
        bit = {leaf: 1 << place for place, leaf in enumerate(order)}
        for node in np.flatnonzero(~tree.leaf).tolist():
            left = possible[0].dtype.type(every - sum(bit[leaf] for leaf in leaves[int(tree.left[node])]))
            place = known[int(tree.feature[node])]
            above = int(np.searchsorted(thresholds[place], tree.threshold[node])) + 1
            possible[place][above:-1, number] &= left
            if not tree.missing_left[node]:
                possible[place][-1, number] &= left
    return {
        "places": np.asarray(places, dtype=np.int64)[compared],
        "counts": np.array([len(each) for each in thresholds], dtype=np.int64),
        "thresholds": np.concatenate(thresholds),
        "possible": np.concatenate(possible),
        "answers": answers,
    }


def saved(arrays: dict[str, NDArray[np.generic]]) -> bytes:
    """The tables as a file that numpy reads, the same bytes for the same tables."""
    files = {}
    for name, values in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        files[f"{name}.npy"] = buffer.getvalue()
    return zipped(files)


def _below(tree: Tree) -> dict[int, list[int]]:
    """By node, the leaves below it from left to right; a leaf is below itself."""
    below: dict[int, list[int]] = {}
    visited = [0]
    while visited:
        node = visited[-1]
        if tree.leaf[node]:
            below[node] = [node]
        else:
            left, right = int(tree.left[node]), int(tree.right[node])
            if left not in below:
                visited += [right, left]
                continue
            below[node] = below[left] + below[right]
        visited.pop()
    return below
