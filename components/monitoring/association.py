"""Whether columns still go together as in the reference: a swap that leaves every column's own distribution shows here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from components.monitoring.drift import drawn, p_value
from components.monitoring.finding import Finding, holm
from components.monitoring.statistics import psi
from components.release.joints import codes_of, together

if TYPE_CHECKING:
    import pandas as pd

FEWEST_DRAWS, MOST_DRAWS, INTERVAL_DRAWS = 500, 20_000, 200


@dataclass(frozen=True)
class Parted:
    """How far a column has come away from the columns that it went with.

    Attributes:
        column: its name.
        partners: the columns that it went with.
        psi: of the counts together with the partner from which it has come away least.
        low: the lower end of its 95 % interval.
        high: the upper end of its 95 % interval.
        p_value: the largest chance among the partners of so large a PSI.
    """

    column: str
    partners: tuple[str, ...]
    psi: float
    low: float
    high: float
    p_value: float


def parted(rows: pd.DataFrame, reference: Mapping[str, Any], *, rate: float, seed: int) -> tuple[Parted, ...]:
    """Every column that had partners in the reference, and is in the rows with all of them.

    A column is measured by the partner that tells least: where one of two columns is broken, the other still goes with its
    own further partner, and is not blamed (an intersection-union test; Berger, 1982).

    Args:
        rows: of a window, some thousands.
        reference: reference.json of the bundle.
        rate: the level at which columns are to be judged.
        seed: of the draws.
    """
    features, joint = reference["features"], reference.get("joints", {})
    watched = {name: told for name, told in joint.items() if {name, *told} <= set(rows.columns)}
    names = {*watched, *(partner for told in watched.values() for partner in told)}
    codes = {name: codes_of(rows[name], features[name]) for name in sorted(names)}
    draws = min(MOST_DRAWS, max(FEWEST_DRAWS, ceil(3 * len(watched) / rate)))
    generators = np.random.default_rng(seed).spawn(len(watched))
    found = []
    for (name, told), generator in zip(watched.items(), generators, strict=True):
        pairs = []
        for partner, counts in told.items():
            now = together(*codes[name], *codes[partner]).ravel().astype(np.float64)
            pairs.append(_apart(np.array(counts, dtype=np.float64), now, draws, generator))
        least = min(pairs)
        found.append(Parted(name, tuple(told), *least[:3], max(pair[3] for pair in pairs)))
    return tuple(found)


def association_findings(found: tuple[Parted, ...], *, alarm_psi: float, rate: float) -> list[Finding]:
    """An alarm for each column that no longer goes with its partners, by more than chance and far enough to matter."""
    corrected = holm(each.p_value for each in found)
    return [_finding(each, p, alarm_psi, rate) for each, p in zip(found, corrected, strict=True)]


def _finding(each: Parted, corrected: float, alarm_psi: float, rate: float) -> Finding:
    alarm = each.psi >= alarm_psi and corrected <= rate
    said = "no longer goes" if alarm else "goes"
    reason = (
        f"{each.column} {said} with {' and '.join(each.partners)} as in the reference: PSI of both together {each.psi:.3f} "
        f"({each.low:.3f} to {each.high:.3f}), {alarm_psi:g} is large; corrected p {corrected:.2g}, at most {rate:.2g} counts."
    )
    return Finding(
        "association", each.column, alarm, reason, each.psi, each.low, each.high, alarm_psi, corrected
    )


def _apart(
    then: np.ndarray[Any, np.dtype[np.float64]],
    now: np.ndarray[Any, np.dtype[np.float64]],
    draws: int,
    generator: np.random.Generator,
) -> tuple[float, float, float, float]:
    """PSI, the ends of its interval, and its chance, over the pairs of bins that occur."""
    there = (then + now) > 0
    then, now = then[there], now[there]
    value = float(psi(then, now))
    sizes = (int(then.sum()), int(now.sum()))
    null = psi(*drawn(then, sizes, draws, generator))
    again = psi(
        generator.multinomial(sizes[0], then / then.sum(), INTERVAL_DRAWS),
        generator.multinomial(sizes[1], now / now.sum(), INTERVAL_DRAWS),
    )
    low, high = 2 * value - np.quantile(again, [0.975, 0.025])
    return value, max(0.0, float(low)), max(value, float(high)), p_value(null, value)
