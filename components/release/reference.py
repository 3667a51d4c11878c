"""The reference that monitoring compares with: binned counts of each feature and of the scores, and no rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.release.joints import joints
from components.training.features import MISSING
from components.validation.bounds import effective_size

if TYPE_CHECKING:
    import pandas as pd

CONVENTION = "Bin i holds cuts[i-1] <= value < cuts[i]; the first and the last bin have no other end."

NUMBER_BINS, FINE_BINS, MOST_CATEGORIES = 10, 50, 50
SCORE_CUTS = tuple(step / 20 for step in range(1, 20))


def reference(
    rows: pd.DataFrame,
    predictions: Mapping[str, NDArray[Any]],
    *,
    texts: Collection[str] = (),
    others: pd.DataFrame | None = None,
    groups: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """The counts of the rows that the model was evaluated on, as plain values.

    A number with at most `NUMBER_BINS` distinct values has a bin for each, otherwise they are bins of about as
    many rows; of categories, the `MOST_CATEGORIES` most frequent are named and the rest is one count. Dates are numbers of
    seconds since 1970 in UTC. Of texts, which may be anybody's, the numbers of characters are counted.

    Which labels are the most frequent is decided on other rows than those that are counted: labels that are many among
    the very rows by which they were chosen are fewer in all others, and every window would seem to have drifted.

    Numbers are counted a second time in `fine` bins, about `FINE_BINS` of them with the mean of each, for statistics that
    go by distances; every cut of the first bins is one of these too. `joints` counts each column together with those that it
    goes with most closely.

    Args:
        rows: columns to watch; numbers, booleans and dates are binned, everything else is a category.
        predictions: what is predicted of each row, as the columns of a table: scores, numbers and decisions.
        texts: the columns that hold free text.
        others: rows that are not among these, such as the training part, by which to choose labels; without them every
            other row chooses where a column has many labels, or some that occur once, and the rest is counted.
        groups: what rows come in together, (rows,); then `units` tells how many independent groups of one size they are worth.
    """
    known = {} if others is None else {str(name): others[name] for name in others.columns}
    features = {
        str(name): _lengths(rows[name]) if name in texts else _counts(rows[name], known.get(str(name)))
        for name in rows.columns
    }
    return {
        "convention": CONVENTION,
        "rows": len(rows),
        **({} if groups is None else {"units": effective_size(np.bincount(groups).astype(np.float64))}),
        "features": features,
        "joints": joints(rows, features),
        **{name: _predicted(values) for name, values in predictions.items()},
    }


def _predicted(values: NDArray[Any]) -> dict[str, Any]:
    """Decisions by their number, probabilities in twentieths, and numbers in bins of about as many rows."""
    if values.dtype.kind != "f":
        codes, counts = np.unique(values, return_counts=True)
        return {str(code): int(count) for code, count in zip(codes, counts, strict=True)}
    probabilities = values.min() >= 0 and values.max() <= 1
    cuts = list(SCORE_CUTS) if probabilities else _cuts(values)
    return {"cuts": cuts, "counts": binned(values, cuts), "fine": _fine(values, cuts)}


def binned(values: NDArray[Any], cuts: Any) -> list[int]:
    """How many values fall into each of the bins, one more than there are cuts; NaN falls into none."""
    known = values[~np.isnan(values)]
    found = np.bincount(np.searchsorted(cuts, known, side="right"), minlength=len(cuts) + 1)
    return [int(count) for count in found]


def _counts(column: pd.Series[Any], others: pd.Series[Any] | None = None) -> dict[str, Any]:
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        microseconds = column.to_numpy("datetime64[us]")
        seconds = np.where(np.isnat(microseconds), np.nan, microseconds.astype(np.int64) / 1e6)
        return {"kind": "datetime", **_binned(seconds)}
    # A boolean column that misses values is one of objects.
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.infer_dtype(column, skipna=True) == "boolean":
        return {"kind": "number", **_binned(column.to_numpy(dtype=np.float64, na_value=np.nan))}
    counted, named = _labels(column), Counter[str]() if others is None else _labels(others)
    if others is None and _more_to_come(counted):
        named, counted = _labels(column.iloc[::2]), _labels(column.iloc[1::2])
    elif len({*counted, *named} - {MISSING}) <= MOST_CATEGORIES:
        named = counted + named
    missing = counted.pop(MISSING, 0)
    del named[MISSING]
    ordered = sorted(named, key=lambda label: (-named[label], label))[:MOST_CATEGORIES]
    counts = {label: counted.pop(label, 0) for label in ordered}
    return {
        "kind": "category",
        "counts": dict(sorted(counts.items(), key=lambda each: (-each[1], each[0]))),
        "other": sum(counted.values()),
        "missing": missing,
    }


def _more_to_come(counted: Counter[str]) -> bool:
    """Whether other rows are likely to hold labels that have no count here: many, or such as were seen but once.

    Source: Good (1953), The population frequencies of species and the estimation of population parameters.
    """
    labels = counted.keys() - {MISSING}
    return len(labels) > MOST_CATEGORIES or any(counted[label] == 1 for label in labels)


def _labels(column: pd.Series[Any]) -> Counter[str]:
    """The rows of each label as text, those without one under `MISSING`."""
    counts: Counter[str] = Counter()
    for label, count in column.value_counts(dropna=True).items():
        if count:
            counts[str(label)] += int(count)
    if missing := int(column.isna().sum()):
        counts[MISSING] += missing
    return counts


def _lengths(column: pd.Series[Any]) -> dict[str, Any]:
    lengths = np.array([len(text) if isinstance(text, str) and text else np.nan for text in column.tolist()])
    return {"kind": "text", **_binned(lengths.astype(np.float64))}


def _binned(values: NDArray[np.float64]) -> dict[str, Any]:
    cuts = _cuts(values[~np.isnan(values)])
    return {
        "cuts": cuts,
        "counts": binned(values, cuts),
        "missing": int(np.isnan(values).sum()),
        "fine": _fine(values, cuts),
    }


def _fine(values: NDArray[Any], coarse: list[float]) -> dict[str, Any]:
    """The finer bins, with the mean of each; 0 for a bin that holds no finite number."""
    finite = np.asarray(values[np.isfinite(values)], dtype=np.float64)
    cuts = sorted({*coarse, *_cuts(finite, FINE_BINS)})
    places = np.searchsorted(cuts, finite, side="right")
    sums, counts = np.bincount(places, finite, len(cuts) + 1), np.bincount(places, minlength=len(cuts) + 1)
    return {
        "cuts": cuts,
        "counts": binned(values, cuts),
        "means": [float(mean) for mean in sums / np.maximum(counts, 1)],
    }


def _cuts(values: NDArray[np.float64], bins: int = NUMBER_BINS) -> list[float]:
    distinct = np.unique(values)
    if len(distinct) <= bins:
        return [float(value) for value in distinct[1:]]
    shares = np.arange(1, bins) / bins
    quantiles = np.unique(np.quantile(values, shares, method="higher"))
    return [float(cut) for cut in quantiles[quantiles > distinct[0]]]
