"""Whether the columns of a window are distributed as in the reference: how far apart, and whether chance explains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from components.monitoring.bins import Bins, Counts, Floats
from components.monitoring.chance import chance, drawn, draws_for, p_value
from components.monitoring.finding import Finding, holm
from components.monitoring.profile import Profile
from components.monitoring.statistics import (
    chi_squared,
    jensen_shannon,
    kolmogorov_smirnov,
    psi,
    wasserstein,
)

MOST_DRAWS, INTERVAL_DRAWS, FINE_DRAWS = 1_000_000, 400, 500


@dataclass(frozen=True)
class ColumnDrift:
    """How far one column of a window is from the reference.

    Attributes:
        column: its name.
        kind: "number", "datetime", "text" or "category".
        psi: the population stability index over about ten bins and what is missing; this one decides.
        psi_low: the lower end of its 95 % interval.
        psi_high: the upper end of its 95 % interval.
        p_value: the chance of so large a PSI between two samples of these sizes from one distribution.
        corrected: that p-value after Holm's correction for all columns.
        distances: further distances by name, each with its own p-value, which do not decide: `jensen_shannon`, then
            `kolmogorov_smirnov` and `wasserstein` (in standard deviations of the reference) of numbers, or `chi_squared`.
        draws: by which the p-value was found.
        at_floor: whether none of them reached the PSI, so that more might make the p-value smaller.
    """

    column: str
    kind: str
    psi: float
    psi_low: float
    psi_high: float
    p_value: float
    corrected: float
    distances: Mapping[str, tuple[float, float]]
    draws: int
    at_floor: bool


def drift(
    profile: Profile,
    bins: Mapping[str, Bins],
    *,
    rate: float,
    seed: int,
    fine: bool = True,
    shares: tuple[float, float] = (1.0, 1.0),
) -> tuple[ColumnDrift, ...]:
    """Every watched column of a window against the reference; nothing where there are no rows.

    The chance is found by drawing: samples of the reference's and the window's numbers of rows, both from the reference's
    shares. That holds for any sizes, where tables of critical values do not.

    Args:
        profile: of the window.
        bins: of the reference.
        rate: the level at which columns are to be judged; the draws are enough to reach it, but for thousands of columns.
        seed: of the draws.
        fine: whether to find the further distances too.
        shares: of the reference's and of the window's rows that count as independent; chance is that of so many rows.
    """
    watched = [name for name in bins if name in profile.columns and bins[name].reference.rows > 0]
    if not profile.rows or not watched:
        return ()
    draws = draws_for(len(watched), rate, most=MOST_DRAWS)
    generators = np.random.default_rng(seed).spawn(len(watched))
    found = [
        _column(bins[name], profile.columns[name], draws, generator, fine, shares)
        for name, generator in zip(watched, generators, strict=True)
    ]
    corrected = holm(each.p_value for each in found)
    return tuple(
        ColumnDrift(**{**vars(each), "corrected": p}) for each, p in zip(found, corrected, strict=True)
    )


def drift_findings(
    drifts: tuple[ColumnDrift, ...], *, alarm_psi: float, rate: float, predicted: tuple[str, ...] = ()
) -> list[Finding]:
    """An alarm for each column that chance does not explain and that moved far enough to matter.

    Args:
        drifts: of the window's columns.
        alarm_psi: how far is far enough.
        rate: the chance of any alarm among all columns where nothing drifts.
        predicted: the columns that are predictions.
    """
    return [_finding(each, alarm_psi, rate, each.column in predicted) for each in drifts]


def _finding(each: ColumnDrift, alarm_psi: float, rate: float, predicted: bool) -> Finding:
    significant, large = each.corrected <= rate, each.psi >= alarm_psi
    judged = significant or not (large and each.at_floor)
    what = f"The predictions {each.column}" if predicted else f"The column {each.column}"
    moved = "moved" if significant and large else "did not move" if not significant else "moved a little"
    corrected = f"corrected p {each.corrected:.2g}, at most {rate:.2g} counts"
    reason = (
        f"{what} {moved if judged else 'cannot be judged'}: PSI {each.psi:.3f} ({each.psi_low:.3f} to {each.psi_high:.3f}), "
        f"{alarm_psi:g} is large; {corrected}" + ("." if judged else too_few(each.draws))
    )
    return Finding(
        "drift", each.column, significant and large, reason, each.psi, each.psi_low, each.psi_high, alarm_psi,
        each.corrected, judged=judged,
    )  # fmt: skip


def too_few(draws: int) -> str:
    """Why a test cannot fall below its level, and what to do."""
    return (
        f"; {draws:,} draws are the most and none reached it, which is too few for so many columns at so low a rate. Raise "
        "monitoring.false_alarm_rate, or watch fewer columns."
    )


def _column(
    bins: Bins,
    current: Counts,
    draws: int,
    generator: np.random.Generator,
    fine: bool,
    shares: tuple[float, float],
) -> ColumnDrift:
    then, now = bins.cells(bins.reference), bins.cells(current)
    value = float(psi(then, now))
    sizes = _sizes(then, now, shares)
    found = chance(psi, then, sizes, value, draws=draws, generator=generator)
    resampled = psi(
        generator.multinomial(sizes[0], _shares(then), INTERVAL_DRAWS),
        generator.multinomial(sizes[1], _shares(now), INTERVAL_DRAWS),
    )
    # The basic bootstrap: resampling adds as much to PSI, which is never below 0, as sampling did.
    low, high = 2 * value - np.quantile(resampled, [0.975, 0.025])
    distances = _distances(bins, current, then, now, generator, shares) if fine else {}
    return ColumnDrift(
        bins.name, bins.kind, value, max(0.0, float(low)), max(value, float(high)), found.p_value, 1.0, distances,
        found.draws, found.at_floor,
    )  # fmt: skip


def _distances(
    bins: Bins,
    current: Counts,
    then: Floats,
    now: Floats,
    generator: np.random.Generator,
    shares: tuple[float, float],
) -> dict[str, tuple[float, float]]:
    first, second = drawn(then, _sizes(then, now, shares), FINE_DRAWS, generator)
    distance = float(jensen_shannon(then, now))
    found = {"jensen_shannon": (distance, p_value(jensen_shannon(first, second), distance))}
    if bins.kind == "category":
        statistic = float(chi_squared(then, now))
        return found | {"chi_squared": (statistic, p_value(chi_squared(first, second), statistic))}
    known, counted, means = bins.reference.known, current.known, bins.reference.means
    if known.sum() and counted.sum():
        null = drawn(known, _sizes(known, counted, shares), FINE_DRAWS, generator)
        largest = float(kolmogorov_smirnov(known, counted))
        unit = _deviation(known, means)
        # Chance alone is judged with every row at its bin's reference mean: there a draw of counts is a draw of all.
        fixed = float(wasserstein(known, counted, means, means))
        moved = float(wasserstein(known, counted, means, current.means)) / unit
        found["kolmogorov_smirnov"] = (largest, p_value(kolmogorov_smirnov(*null), largest))
        found["wasserstein"] = (moved, p_value(wasserstein(*null, means, means), fixed))
    return found


def _sizes(then: Floats, now: Floats, shares: tuple[float, float]) -> tuple[int, int]:
    return max(1, round(then.sum() * shares[0])), max(1, round(now.sum() * shares[1]))


def _shares(counts: Floats) -> Floats:
    return np.asarray(counts / counts.sum())


def _deviation(counts: Floats, means: Floats) -> float:
    mean = np.average(means, weights=counts)
    return float(np.sqrt(np.average((means - mean) ** 2, weights=counts))) or 1.0
