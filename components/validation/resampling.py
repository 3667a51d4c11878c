"""How a number would vary with other rows: as a function of their weights, under weights that are drawn.

Drawing n rows with replacement is the same as multiplying each row's weight by how often it was drawn. So one sort of
the scores serves every replicate, all metrics share their resamples, and a metric's derivative by the weights (its
influence function) gives a standard error with no resampling at all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from components.errors import DataError
from components.validation.bounds import effective_size

Floats = NDArray[np.float64]
Groups = Sequence[object] | NDArray[Any]

CHUNK = 2_000_000
"""Weights held at a time (16 MB): more rows take more turns, not more memory."""


class Statistic(Protocol):
    """A number that is a function of the weights of the rows."""

    def values(self, weights: Floats) -> Floats:
        """The number under each row of ``weights`` (replicates, rows): (replicates,), NaN where undefined."""
        ...

    def influence(self, weight: Floats) -> Floats:
        """Its derivative by each row's weight: (rows,), NaN where it is undefined."""
        ...

    def counted(self) -> Floats:
        """How far each row counts in each of its parts: (rows, parts), 0 where it does not."""
        ...


class MeanRatio:
    """The mean over columns of the ratio of two weighted sums; a weighted mean is the simplest case.

    Args:
        numerator: (rows,) or (rows, columns).
        denominator: The same shape; which rows count, ones by default.
    """

    def __init__(self, numerator: ArrayLike, denominator: ArrayLike | None = None) -> None:
        above = np.asarray(numerator, dtype=np.float64)
        below = np.ones_like(above) if denominator is None else np.asarray(denominator, dtype=np.float64)
        self.numerator, self.denominator = above.reshape(len(above), -1), below.reshape(len(below), -1)

    def values(self, weights: Floats) -> Floats:
        """(replicates,); NaN where a denominator is 0."""
        columns = self.numerator.shape[1]
        sums = weights @ np.hstack([self.numerator, self.denominator])
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.mean(sums[:, :columns] / sums[:, columns:], axis=1))

    def influence(self, weight: Floats) -> Floats:
        """By the row's own numerator and denominator."""
        total = weight @ self.denominator
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = (weight @ self.numerator) / total
            return np.asarray(np.mean((self.numerator - ratio * self.denominator) / total, axis=1))

    def counted(self) -> Floats:
        """The denominators."""
        return self.denominator


class Difference:
    """One statistic minus another on the same rows: what both share falls away.

    Source: for two areas under the curve, DeLong, DeLong and Clarke-Pearson (1988).
    """

    def __init__(self, first: Statistic, second: Statistic) -> None:
        self._first, self._second = first, second

    def values(self, weights: Floats) -> Floats:
        """(replicates,)."""
        return self._first.values(weights) - self._second.values(weights)

    def influence(self, weight: Floats) -> Floats:
        """(rows,)."""
        return self._first.influence(weight) - self._second.influence(weight)

    def counted(self) -> Floats:
        """(rows, parts of both)."""
        return np.hstack([self._first.counted(), self._second.counted()])


class Mean:
    """The mean of several statistics of the same rows."""

    def __init__(self, parts: Sequence[Statistic]) -> None:
        self._parts = parts

    def values(self, weights: Floats) -> Floats:
        """(replicates,)."""
        return np.asarray(np.mean([part.values(weights) for part in self._parts], axis=0))

    def influence(self, weight: Floats) -> Floats:
        """(rows,)."""
        return np.asarray(np.mean([part.influence(weight) for part in self._parts], axis=0))

    def counted(self) -> Floats:
        """(rows, parts of all)."""
        return np.hstack([part.counted() for part in self._parts])


class Strata:
    """The mean of statistics that are of different rows each, at fixed shares.

    Args:
        parts: Which rows, as indices, and the statistic of these; no row is in two parts.
        shares: What each part counts in the mean, in any unit.
        rows: How many rows there are.
    """

    def __init__(
        self, parts: Sequence[tuple[NDArray[np.int64], Statistic]], shares: Sequence[float], rows: int
    ) -> None:
        self._parts, self._rows = parts, rows
        self._shares = np.asarray(shares, dtype=np.float64) / sum(shares)

    def values(self, weights: Floats) -> Floats:
        """(replicates,); NaN where one of them is undefined."""
        each = [part.values(weights.take(rows, axis=1)) for rows, part in self._parts]
        return np.asarray(self._shares @ np.array(each))

    def influence(self, weight: Floats) -> Floats:
        """(rows,); 0 for a row of no part."""
        change = np.zeros(self._rows)
        for (rows, part), share in zip(self._parts, self._shares, strict=True):
            change[rows] = share * part.influence(weight[rows])
        return change

    def counted(self) -> Floats:
        """(rows, parts of one of them)."""
        counts = [(rows, part.counted()) for rows, part in self._parts]
        counted = np.zeros((self._rows, counts[0][1].shape[1]))
        for rows, count in counts:
            counted[rows] = count
        return counted


@dataclass(frozen=True)
class Design:
    """How the rows came.

    Attributes:
        rows: Their number.
        sample_weight: (rows,), at least 0; equal if None.
        groups: What rows come in together, (rows,): then groups are the independent units, not rows.
    """

    rows: int
    sample_weight: ArrayLike | None = None
    groups: Groups | None = None

    @cached_property
    def weight(self) -> Floats:
        """The rows' weights, (rows,).

        Raises:
            DataError: They are not one number at least 0 for each row, with one above 0.
        """
        if self.sample_weight is None:
            return np.ones(self.rows)
        weight = np.asarray(self.sample_weight, dtype=np.float64)
        if weight.shape != (self.rows,) or not np.all(weight >= 0) or not 0 < weight.sum() < np.inf:
            raise DataError(f"Weights must be numbers of at least 0, one for each of the {self.rows:,} rows.")
        return weight

    @cached_property
    def codes(self) -> NDArray[np.int64] | None:
        """The index of each row's group, or None if rows stand by themselves."""
        if self.groups is None:
            return None
        return np.unique(np.asarray(self.groups), return_inverse=True)[1].astype(np.int64)

    @property
    def plain(self) -> bool:
        """Whether rows are equal and independent, so that counts say it all."""
        return self.sample_weight is None and self.groups is None

    def part(self, rows: NDArray[Any]) -> "Design":
        """The design of some of the rows, by mask or index."""
        weight = None if self.sample_weight is None else self.weight[rows]
        return Design(
            len(np.arange(self.rows)[rows]), weight, None if self.codes is None else self.codes[rows]
        )

    def by_unit(self, values: Floats) -> Floats:
        """The sums of the rows' values over each independent unit."""
        return values if self.codes is None else np.bincount(self.codes, weights=values).astype(np.float64)

    def resampled(self, replicates: int, *, seed: int) -> Iterator[Floats]:
        """Weights under which rows were drawn again, in chunks of shape (replicates of the chunk, rows).

        With groups, whole groups are drawn.

        Source: Efron (1979), Bootstrap methods; Field and Welsh (2007), Bootstrapping clustered data.
        """
        generator, codes = np.random.default_rng(seed), self.codes
        units = self.rows if codes is None else int(codes.max()) + 1
        size = max(1, CHUNK // max(self.rows, 1))
        for start in range(0, replicates, size):
            draws = generator.integers(0, units, (min(size, replicates - start), units))
            weights = np.stack([np.bincount(draw, minlength=units) for draw in draws]).astype(np.float64)
            weights = weights if codes is None else weights.take(codes, axis=1)
            yield weights if self.sample_weight is None else weights * self.weight

    def replicate(self, statistics: Sequence[Statistic], replicates: int, *, seed: int) -> Floats:
        """The bootstrap distributions of several statistics and of their linear parts, from the same resamples.

        Returns:
            (statistics, 2, replicates): the statistics, and the sums of what the drawn units contribute to each.
        """
        influences = np.stack([each.influence(self.weight) for each in statistics], axis=1)
        return np.concatenate(
            [
                np.stack(
                    [np.stack([each.values(weights) for each in statistics]), (weights @ influences).T], 1
                )
                for weights in self.resampled(replicates, seed=seed)
            ],
            axis=2,
        )

    def value(self, statistic: Statistic) -> float:
        """The statistic on the rows themselves; NaN where undefined."""
        return float(statistic.values(self.weight[None])[0])

    def contributions(self, statistic: Statistic) -> Floats:
        """What each independent unit adds to the statistic's deviation from the truth; their sum is about 0."""
        return self.by_unit(self.weight * statistic.influence(self.weight))

    def units(self, statistic: Statistic) -> float:
        """How many equally weighted independent units the statistic rests on, in its smallest part.

        For an area under the curve these are the rows of the rarer class.
        """
        return min(effective_size(self.by_unit(self.weight * part)) for part in statistic.counted().T)


def cell_counts(counts: NDArray[np.int64], replicates: int, *, seed: int) -> Floats:
    """Bootstrap counts of the cells of a table, (replicates, cells): the same as resampling its rows, at any size."""
    generator, total = np.random.default_rng(seed), int(counts.sum())
    return generator.multinomial(total, counts / max(total, 1), size=replicates).astype(np.float64)
