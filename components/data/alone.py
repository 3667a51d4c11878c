"""How far one column alone orders the rows by the target: the ways in which a column can be used for that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

BINS = 20
MOST_CHARACTERS, LEAST_WITH_WORD = 5000, 3


def uses(
    column: pd.Series[Any], y: NDArray[Any], *, number: bool, text: bool = False
) -> list[NDArray[np.float64]]:
    """Scores of the rows, each of shape (rows,), by one column alone.

    A number is used as it is, its missing values as the least and as the most, and binned; a category by value; a text
    by value and by its words. A bin, category or word scores by the mean target of its rows in the other half of a
    fixed draw, so that rare ones do not overfit.

    Args:
        column: one value a row.
        y: codes 0 and 1, or numbers.
        number: whether its values have an order.
        text: whether its values are made of words.
    """
    import pandas as pd

    if text:
        return [_by_share(pd.factorize(column)[0], y), _by_words(column, _halved(y))]
    if not number:
        return [_by_share(pd.factorize(column)[0], y)]
    values = column.to_numpy(np.float64)
    filled = [np.where(np.isnan(values), end, values) for end in (-np.inf, np.inf)]
    ranks = [np.asarray(pd.Series(each).rank(), np.float64) for each in filled]
    return [*ranks, _by_share(_bins(values), y)]


def area(score: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    """The area under the ROC curve of a score, in the direction in which it is at least .5."""
    import pandas as pd

    ranks = np.asarray(pd.Series(score).rank(), np.float64)
    positives = int(y.sum())
    negatives = len(y) - positives
    auc = (ranks[y == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    return float(max(auc, 1 - auc))


def order(score: NDArray[np.float64], y: NDArray[Any]) -> float:
    """How well a score orders the rows: its area for codes 0 and 1, its concordance for numbers, .5 to 1.

    The concordance compares every two rows: memory grows with their square.
    """
    if y.dtype.kind != "f":
        return area(score, y)
    above = np.sign(y[:, None] - y[None]).astype(np.int8)
    agreed = int((above * np.sign(score[:, None] - score[None]).astype(np.int8)).sum(dtype=np.int64))
    pairs = int(np.count_nonzero(above))
    share = 0.5 + agreed / (2 * pairs) if pairs else 0.5
    return max(share, 1 - share)


def standard_error(area: float, positives: float, negatives: float) -> float:
    """About how far an area under the ROC curve is off, by the rows of each class.

    Source: Hanley and McNeil (1982), The meaning and use of the area under a receiver operating characteristic curve.
    """
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    spread = (positives - 1) * (first - area**2) + (negatives - 1) * (second - area**2)
    return float(np.sqrt(max(area * (1 - area) + spread, 0.0) / (positives * negatives)))


def _bins(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each value: missing ones, each of few values or that fills a bin by itself, quantiles of the others."""
    import pandas as pd

    series = pd.Series(values)
    counts = series.value_counts()
    heavy = list(counts.index[(counts >= len(values) / BINS) | (len(counts) <= BINS)])
    found = pd.Series(-1, index=series.index)
    for position, value in enumerate(heavy):
        found[series == value] = -2 - position
    rest = series.notna() & ~series.isin(heavy)
    if rest.any():
        found[rest] = pd.qcut(series[rest], BINS, labels=False, duplicates="drop")
    return np.asarray(found, np.int64)


def _by_share(bins: NDArray[np.int64], y: NDArray[Any]) -> NDArray[np.float64]:
    import pandas as pd

    half, value = _half(len(y)), np.empty(len(y))
    for mine in (half, ~half):
        share = pd.Series(y[~mine]).groupby(bins[~mine]).mean()
        value[mine] = pd.Series(bins[mine]).map(share).fillna(y.mean()).to_numpy()
    return value


def _half(rows: int) -> NDArray[np.bool_]:
    """Which rows are of the first half: drawn, as the order of the rows may be that of the target."""
    return np.asarray(np.random.default_rng(0).permutation(rows) % 2 == 0)


def _halved(y: NDArray[Any]) -> NDArray[np.int64]:
    """Codes 0 and 1: of numbers, whether they are above the middle."""
    return np.asarray(y > np.median(y) if y.dtype.kind == "f" else y, dtype=np.int64)


def _by_words(column: pd.Series[Any], y: NDArray[np.int64]) -> NDArray[np.float64]:
    """The log-odds of a positive by the words of a text, as naive Bayes adds them up."""
    import pandas as pd

    texts = column.astype(object).where(column.notna(), "").tolist()
    words = [sorted(set(re.findall(r"\w+", str(text)[:MOST_CHARACTERS].lower()))) for text in texts]
    codes, different = pd.factorize(np.array([word for each in words for word in each], dtype=object))
    rows = np.repeat(np.arange(len(y)), [len(each) for each in words])
    half, value = _half(len(y)), np.empty(len(y))
    for mine in (half, ~half):
        positive, negative = (
            np.bincount(codes[~mine[rows] & (y[rows] == code)], minlength=len(different)) + 1.0
            for code in (1, 0)
        )
        odds = np.log(positive / (y[~mine].sum() + 2)) - np.log(negative / ((1 - y[~mine]).sum() + 2))
        odds[positive + negative < LEAST_WITH_WORD + 2] = 0.0
        value[mine] = np.bincount(rows, odds[codes], minlength=len(y))[mine]
    return value
