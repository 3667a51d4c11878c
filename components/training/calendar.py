"""The parts of a moment in the civil calendar, in arithmetic that every runtime repeats to the last digit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Choice = Callable[[Any, Any, Any], Any]

DAY = 86_400.0
PERIODS = {"month": 12, "day_of_week": 7, "hour": 24}
"""How many values the parts have that come round again."""

PLAIN = ("year", "month", "day", "day_of_week", "hour", "days")
CYCLIC = (
    "year", "month_sin", "month_cos", "day", "day_of_week_sin", "day_of_week_cos", "hour_sin", "hour_cos", "days",
)  # fmt: skip


def parts(seconds: Any, floor: Callable[[Any], Any] = np.floor, choose: Choice = np.where) -> dict[str, Any]:
    """The plain parts of moments, each of their shape.

    Whole numbers throughout, but for ``days``: Monday is day 0 of the week, and ``days`` counts from 1970 with the
    fraction of the day. Quotients of whole numbers below 2**53 are never rounded up to the next whole number, so that
    floors of doubles are exact.

    Args:
        seconds: since 1970 in UTC, finite, of any sign and shape; or what stands for them in a program that is written.
        floor: the greatest whole number that is not above a value.
        choose: the second or the third of its arguments, where the first is true or false.

    Source: Neri and Schneider (2023), Euclidean affine functions and their application to calendar algorithms, for the
    years that begin in March.
    """
    whole = floor(seconds)
    day_number = floor(whole / DAY)
    since_march = day_number + 719_468.0  # days since 1 March of the year 0
    era = floor(since_march / 146_097.0)
    of_era = since_march - era * 146_097.0
    leapless = of_era - floor(of_era / 1_460.0) + floor(of_era / 36_524.0) - floor(of_era / 146_096.0)
    year_of_era = floor(leapless / 365.0)
    of_year = of_era - (year_of_era * 365.0 + floor(year_of_era / 4.0) - floor(year_of_era / 100.0))
    month_from_march = floor((of_year * 5.0 + 2.0) / 153.0)
    month = choose(month_from_march < 10.0, month_from_march + 3.0, month_from_march - 9.0)
    from_monday = day_number + 3.0
    return {
        "year": year_of_era + era * 400.0 + choose(month < 3.0, 1.0, 0.0),
        "month": month,
        "day": of_year - floor((month_from_march * 153.0 + 2.0) / 5.0) + 1.0,
        "day_of_week": from_monday - floor(from_monday / 7.0) * 7.0,
        "hour": floor((whole - day_number * DAY) / 3_600.0),
        "days": seconds / DAY,
    }


def circle(part: str) -> Array:
    """The cyclic part's value for each position on its circle, from 0: ``month_sin``, ``hour_cos`` and the like."""
    name, _, function = part.rpartition("_")
    turn: Callable[[Array], Array] = {"sin": np.sin, "cos": np.cos}[function]
    period = PERIODS[name]
    return turn(2 * np.pi * np.arange(period) / period)


def position(part: str, plain: dict[str, Any]) -> Any:
    """Where on its circle a cyclic part stands, from 0."""
    name = part.rpartition("_")[0]
    return plain[name] - 1.0 if name == "month" else plain[name]
