"""Whether columns still go together as in the reference: a swap that leaves every column's own distribution shows here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.monitoring.chance import Chance, chance, draws_for
from components.monitoring.drift import too_few
from components.monitoring.finding import Finding, holm
from components.monitoring.statistics import psi
from components.release.joints import codes_of, together

if TYPE_CHECKING:
    import pandas as pd

MOST_DRAWS, INTERVAL_DRAWS = 200_000, 200


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
        draws: by which that chance was found.
        at_floor: whether none of them reached the PSI, so that more might make it smaller.
    """

    column: str
    partners: tuple[str, ...]
    psi: float
    low: float
    high: float
    p_value: float
    draws: int
    at_floor: bool


def parted(
    rows: pd.DataFrame,
    reference: Mapping[str, Any],
    *,
    rate: float,
    seed: int,
    shares: tuple[float, float] = (1.0, 1.0),
) -> tuple[Parted, ...]:
    """Every column that had partners in the reference, and is in the rows with all of them.

    A column is measured by the partner that tells least: where one of two columns is broken, the other still goes with its
    own further partner, and is not blamed (an intersection-union test; Berger, 1982).

    Args:
        rows: of a window, some thousands.
        reference: reference.json of the bundle.
        rate: the level at which columns are to be judged.
        seed: of the draws.
        shares: of the reference's and of these rows that count as independent; chance is that of so many rows.
    """
    features, joint = reference["features"], reference.get("joints", {})
    watched = {name: told for name, told in joint.items() if {name, *told} <= set(rows.columns)}
    names = {*watched, *(partner for told in watched.values() for partner in told)}
    codes = {name: codes_of(rows[name], features[name]) for name in sorted(names)}
    draws = draws_for(len(watched), rate, most=MOST_DRAWS)
    generators = np.random.default_rng(seed).spawn(len(watched))
    found = []
    for (name, told), generator in zip(watched.items(), generators, strict=True):
        pairs = []
        for partner, counts in told.items():
            now = together(*codes[name], *codes[partner]).ravel().astype(np.float64)
            pairs.append(_apart(np.array(counts, dtype=np.float64), now, shares, draws, generator))
        value, low, high, _ = min(pairs, key=lambda pair: pair[0])
        likely = max((pair[3] for pair in pairs), key=lambda each: each.p_value)
        found.append(
            Parted(name, tuple(told), value, low, high, likely.p_value, likely.draws, likely.at_floor)
        )
    return tuple(found)


def association_findings(found: tuple[Parted, ...], *, alarm_psi: float, rate: float) -> list[Finding]:
    """An alarm for each column that no longer goes with its partners, by more than chance and far enough to matter."""
    corrected = holm(each.p_value for each in found)
    return [_finding(each, p, alarm_psi, rate) for each, p in zip(found, corrected, strict=True)]


def _finding(each: Parted, corrected: float, alarm_psi: float, rate: float) -> Finding:
    large, significant = each.psi >= alarm_psi, corrected <= rate
    alarm, judged = large and significant, significant or not (large and each.at_floor)
    said = "no longer goes" if alarm else "goes" if judged else "may no longer go"
    reason = (
        f"{each.column} {said} with {' and '.join(each.partners)} as in the reference: PSI of both together {each.psi:.3f} "
        f"({each.low:.3f} to {each.high:.3f}), {alarm_psi:g} is large; corrected p {corrected:.2g}, at most {rate:.2g} counts"
        + ("." if judged else too_few(each.draws))
    )
    return Finding(
        "association",
        each.column,
        alarm,
        reason,
        each.psi,
        each.low,
        each.high,
        alarm_psi,
        corrected,
        judged=judged,
    )


def _apart(
    then: np.ndarray[Any, np.dtype[np.float64]],
    now: np.ndarray[Any, np.dtype[np.float64]],
    shares: tuple[float, float],
    draws: int,
    generator: np.random.Generator,
) -> tuple[float, float, float, Chance]:
    """PSI, the ends of its interval, and its chance, over the pairs of bins that occur."""
    there = (then + now) > 0
    then, now = then[there], now[there]
    value = float(psi(then, now))
    sizes = (max(1, round(then.sum() * shares[0])), max(1, round(now.sum() * shares[1])))
    found = chance(psi, then, sizes, value, draws=draws, generator=generator)
    again = psi(
        generator.multinomial(sizes[0], then / then.sum(), INTERVAL_DRAWS),
        generator.multinomial(sizes[1], now / now.sum(), INTERVAL_DRAWS),
    )
    low, high = 2 * value - np.quantile(again, [0.975, 0.025])
    return value, max(0.0, float(low)), max(value, float(high)), found
