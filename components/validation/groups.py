"""Groups of people, by one sensitive feature or by two together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from components.errors import DataError

TIMES = " × "
MISSING = "missing"


@dataclass(frozen=True)
class Groups:
    """Which group each row belongs to: ``codes`` (rows,) are positions in ``labels``.

    Groups by two features together name both in ``crossed``.
    """

    feature: str
    labels: tuple[str, ...]
    codes: NDArray[np.int64]
    crossed: tuple[str, ...] = ()


def bands(values: ArrayLike, edges: Sequence[float]) -> pd.Categorical[Any]:
    """The band of each number, in order: ``under 18``, ``18-24``, ``25-64``, ``65 and over`` for 18, 25 and 65.

    A band holds its lower edge and not its upper one. Missing numbers stay missing.

    Raises:
        DataError: The edges do not rise, or a value is no number.
    """
    steps = np.asarray(edges, dtype=np.float64)
    if steps.ndim != 1 or not steps.size or np.any(np.diff(steps) <= 0):
        raise DataError(
            f"The edges of bands are {list(edges)}; give at least one number, each above the last."
        )
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    if int(np.isnan(numbers).sum()) > int(pd.Series(values).isna().sum()):
        raise DataError("Bands were asked of a column that holds text; name its groups as they are.")
    known = ~np.isnan(numbers)
    whole = bool(np.all(steps % 1 == 0) and np.all(numbers[known] % 1 == 0))
    codes = np.where(known, np.searchsorted(steps, numbers, side="right"), -1)
    names = pd.Index(_band_names(steps, whole), dtype=object)
    labels: pd.Categorical[Any] = pd.Categorical.from_codes(codes.tolist(), categories=names, ordered=True)
    return labels


def groups_of(sensitive_feature: pd.Series[Any]) -> Groups:
    """The groups of one sensitive column that occur, by name or in the order of their category; missing is one."""
    kind = sensitive_feature.dtype
    if isinstance(kind, pd.CategoricalDtype) and kind.ordered:
        labels, codes = [str(label) for label in kind.categories], np.asarray(sensitive_feature.cat.codes)
    else:
        found, uniques = pd.factorize(sensitive_feature.astype(object), use_na_sentinel=True)
        names = [str(label) for label in uniques]
        labels = sorted(set(names))
        codes = np.array([*(labels.index(name) for name in names), -1], dtype=np.int64)[found]
    codes = np.where(codes < 0, len(labels), codes)
    present, codes = np.unique(codes, return_inverse=True)
    return Groups(str(sensitive_feature.name), tuple([*labels, MISSING][code] for code in present), codes)


def intersection(first: Groups, second: Groups) -> Groups:
    """The groups of two sensitive features together that occur."""
    both = first.codes * len(second.labels) + second.codes
    present, codes = np.unique(both, return_inverse=True)
    pairs = [divmod(int(code), len(second.labels)) for code in present]
    labels = tuple(f"{first.labels[a]}{TIMES}{second.labels[b]}" for a, b in pairs)
    crossed = (first.feature, second.feature)
    return Groups(TIMES.join(crossed), labels, codes, crossed)


def _band_names(edges: NDArray[np.float64], whole: bool) -> list[str]:
    if whole:
        inner = [f"{a:.0f}-{b - 1:.0f}" if b - a > 1 else f"{a:.0f}" for a, b in pairwise(edges)]
    else:
        inner = [f"{a:g} to under {b:g}" for a, b in pairwise(edges)]
    return [f"under {edges[0]:g}", *inner, f"{edges[-1]:g} and over"]
