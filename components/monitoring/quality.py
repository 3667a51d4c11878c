"""Whether the rows of a window are sound: their number and freshness, the contract, missing values, new categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median
from typing import Any

import polars as pl

from components.monitoring.bins import Bins
from components.monitoring.finding import Finding
from components.monitoring.profile import Profile
from components.monitoring.scored import SetAside
from components.monitoring.spool import CLOCK_SECONDS
from components.monitoring.windows import Window
from components.training.features import MISSING
from components.validation.bounds import difference_bounds, exact, simultaneous_level, wilson

LEAST_HISTORY = 3


@dataclass(frozen=True)
class Violations:
    """How many rows of a window break a rule of the contract.

    Attributes:
        rows: by column and rule, those that any row breaks.
        rules: how many rules were looked at.
    """

    rows: Mapping[tuple[str, str], int]
    rules: int = 1

    def with_refused(self, refused: Sequence[SetAside]) -> Violations:
        """These, and those of the rows that batch scoring set aside."""
        counted = Counter(self.rows)
        for each in refused:
            counted.update(each.violations)
        return replace(self, rows=counted)


def violations(rows: pl.LazyFrame, contract: Mapping[str, Any]) -> Violations:
    """The rows that break the bundle's contract.json, by column and rule, in one pass.

    A server refuses such rows, and ScoreFlow sets them aside; they come from a log that another program wrote, or that
    was altered.

    Args:
        rows: with the columns of the prediction log.
        contract: of the bundle.
    """
    types = rows.collect_schema()
    counted = {
        (rule["name"], broken): expression
        for rule in (*contract["features"], *contract["optional"])
        if rule["name"] in types
        for broken, expression in _broken(rule, types[rule["name"]]).items()
    }
    if not counted:
        return Violations({}, 0)
    named = [expression.sum().alias(str(place)) for place, expression in enumerate(counted.values())]
    found = rows.select(named).collect(engine="streaming").row(0)
    return Violations({key: int(n) for key, n in zip(counted, found, strict=True) if n}, len(counted))


def _broken(rule: Mapping[str, Any], dtype: pl.DataType) -> dict[str, pl.Expr]:
    """By rule, which rows break it."""
    column, broken = pl.col(rule["name"]), {}
    if not rule["nullable"]:
        absent = column.is_null()
        broken["missing"] = absent | column.is_nan() if dtype.is_float() else absent
    if dtype.is_numeric() and rule["minimum"] is not None:
        broken["too small"] = column < rule["minimum"]
    if dtype.is_numeric() and rule["maximum"] is not None:
        broken["too large"] = (
            (column > rule["maximum"]) & ~column.is_nan() if dtype.is_float() else column > rule["maximum"]
        )
    if rule["categories"] is not None:
        text = column.cast(pl.String, strict=False)
        broken["unknown category"] = ~text.is_in([*rule["categories"], MISSING])
    return broken


def contract_findings(found: Violations, rows: int, *, rate: float, allowed: float) -> list[Finding]:
    """An alarm for each rule that more rows break than are allowed, even at the lower end of the interval.

    Args:
        found: of a window.
        rows: of the window, with those that were refused.
        rate: of false alarms among all rules.
        allowed: the share of rows that may break one.
    """
    findings = []
    for (column, rule), broken in found.rows.items():
        low, high = exact(broken, rows, level=1 - rate / max(found.rules, 1), one_sided=True)
        reason = f"{broken:,} of {rows:,} rows break the contract in {column} ({rule}); {allowed:.3g} of them are allowed."
        findings.append(
            Finding("contract", f"{column}: {rule}", low > allowed, reason, broken / rows, low, high, allowed, severity="critical")
        )  # fmt: skip
    return findings


def missing_findings(
    profile: Profile,
    bins: Mapping[str, Bins],
    *,
    rate: float,
    allowed: float,
    shares: tuple[float, float] = (1.0, 1.0),
) -> list[Finding]:
    """An alarm for each column of which more values are missing than in the reference, by more than is allowed.

    Args:
        profile: of the window.
        bins: of the reference.
        rate: of false alarms among all columns.
        allowed: how many more may be missing, as a share.
        shares: of the reference's and of the window's rows that count as independent.
    """
    watched = [name for name in profile.columns if bins[name].reference.rows]
    level = simultaneous_level(2 * rate, len(watched))
    found = (_missing(bins[name], profile, level, allowed, shares) for name in watched if profile.rows)
    return [each for each in found if each is not None]


def _missing(
    bins: Bins, profile: Profile, level: float, allowed: float, shares: tuple[float, float]
) -> Finding | None:
    then, now = bins.reference, profile.columns[bins.name]
    if not now.missing and not then.missing:
        return None
    before, after = then.missing / then.rows, now.missing / now.rows
    old, new = (
        wilson(share * each.missing, share * each.rows, level=level)
        for share, each in zip(shares, (then, now), strict=True)
    )
    low, high = difference_bounds(after, new, before, old)
    reason = (
        f"Of {bins.name}, {after:.1%} are missing, {before:.1%} in the reference: a difference of {after - before:+.3f} "
        f"({low:+.3f} to {high:+.3f}); {allowed:g} is allowed."
    )
    return Finding("missing", bins.name, low > allowed, reason, after - before, low, high, allowed)


def category_findings(
    profile: Profile, bins: Mapping[str, Bins], *, rate: float, allowed: float
) -> list[Finding]:
    """An alarm for each column with more labels that the reference never had than are allowed.

    Args:
        profile: of the window.
        bins: of the reference.
        rate: of false alarms among all columns of categories.
        allowed: the share of rows that may hold one.
    """
    findings = []
    named = [name for name in profile.columns if bins[name].kind == "category"]
    for name in named:
        counts = profile.columns[name]
        if not counts.strange:
            continue
        low, high = exact(counts.other, counts.rows, level=1 - rate / len(named), one_sided=True)
        labels = ", ".join(f"{label!r} ({rows:,})" for label, rows in counts.strange)
        reason = f"{name} holds what it never held before: {labels}; {counts.other:,} of {counts.rows:,} rows, {allowed:.3g} are allowed."
        findings.append(
            Finding("categories", name, low > allowed, reason, counts.other / counts.rows, low, high, allowed)
        )
    return findings


def volume_finding(rows: int, before: Sequence[int], *, least: int, factor: float) -> Finding:
    """An alarm for a window without rows, or with far more or fewer than the windows before.

    Args:
        rows: of the window.
        before: rows of earlier windows.
        least: rows below which a window is not judged.
        factor: how many times the median of the windows before is too many; its inverse is too few.
    """
    if rows == 0:
        reason = "The window is empty: nothing was predicted, or nothing was logged."
        return Finding("volume", "", True, reason, 0.0, limit=1.0, severity="critical")
    if len(before) < LEAST_HISTORY or not (usual := median(before)):
        few = rows < least
        reason = f"{rows:,} rows; " + (
            f"{least:,} are wanted to judge a window." if few else "too few windows came before to say what is usual."
        )  # fmt: skip
        return Finding("volume", "", False, reason, float(rows), judged=not few)
    ratio = rows / usual
    reason = f"{rows:,} rows, {ratio:.2f} times the usual {usual:,.0f}; up to {factor:g} times more or fewer is allowed."
    return Finding("volume", "", not 1 / factor <= ratio <= factor, reason, ratio, limit=factor)


def freshness_finding(newest: datetime | None, window: Window, *, silent_fraction: float) -> Finding:
    """An alarm where the window's end is silent: its last prediction lies further back than is allowed."""
    if newest is None:
        return Finding("freshness", "", False, "There is no prediction to be fresh.", judged=False)
    silent = (window.end - newest).total_seconds() / window.seconds
    reason = (
        f"The last prediction was made at {newest:%Y-%m-%d %H:%M} UTC, {silent:.1%} of the window before its end; "
        f"{silent_fraction:.0%} is allowed."
    )
    return Finding("freshness", "", silent > silent_fraction, reason, silent, limit=silent_fraction)


def log_findings(damaged: int, future: int, backwards: int) -> list[Finding]:
    """What is wrong with the log itself: damaged lines, and clocks that jumped.

    Args:
        damaged: lines that were passed over.
        future: predictions that say they are made after they were read; no window has them.
        backwards: lines that say they are older than the line before by more than `CLOCK_SECONDS`.
    """
    broken = (
        f"{damaged:,} lines or files of the log are damaged and were passed over; the others were read."
        if damaged
        else "No line of the log is damaged."
    )
    clock = (
        f"{future:,} predictions come from the future and are in no window; the clock went back {backwards:,} times by more "
        f"than {CLOCK_SECONDS:g} s. Each prediction counts in the window of its own time."
        if future or backwards
        else "The clocks of the log run forward."
    )
    return [
        Finding("log", "", damaged > 0, broken, float(damaged), limit=0.0),
        Finding("clock", "", future + backwards > 0, clock, float(future + backwards), limit=0.0),
    ]
