"""A finding: one thing that was looked at in one window, with the number that decides and its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Literal

Kind = Literal[
    "volume", "freshness", "clock", "log", "contract", "missing", "categories", "skew", "staleness", "drift",
    "association", "labels", "calibration", "performance", "utility", "fairness", "experiment",
]  # fmt: skip
Severity = Literal["warning", "critical"]

SHARES = {
    "calibration": 0.5, "drift": 0.15, "association": 0.05, "performance": 0.1, "fairness": 0.05, "utility": 0.05, "experiment": 0.05,
    "missing": 0.03, "contract": 0.01, "categories": 0.01,
}  # fmt: skip
"""Kinds whose alarm rests on a test, and which share of a window's false-alarm rate each may use up (Bonferroni). What no
other check sees has half of it."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        kind: what was looked at.
        subject: the column, the metric, the group of people; "" where there is but one.
        alarm: whether it is as it should not be.
        reason: a sentence for a person, with the numbers.
        value: the number that decides; None where none could be had.
        low: the lower end of its interval, or None.
        high: the upper end of its interval, or None.
        limit: beyond which it alarms, or None.
        p_value: of its test after correction for all that were made beside it, or None.
        severity: of an alarm: "critical" where decisions are wrong now.
        judged: False where too little is known to say whether it alarms.
    """

    kind: Kind
    subject: str
    alarm: bool
    reason: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    p_value: float | None = None
    severity: Severity = "warning"
    judged: bool = True

    @property
    def key(self) -> str:
        """Names what was looked at, in every window alike."""
        return f"{self.kind} {self.subject}".strip()

    def to_json(self) -> dict[str, Any]:
        """Every attribute as a plain value; a number that is not finite is None."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def finding_of(told: Mapping[str, Any]) -> Finding:
    """The finding that :meth:`Finding.to_json` told of."""
    return Finding(**told)


def unjudged_kinds(findings: Iterable[Finding]) -> list[str]:
    """The kinds of tests, and skew, of which something could not be judged, each once."""
    tested = {*SHARES, "skew"}
    return list(dict.fromkeys(each.kind for each in findings if not each.judged and each.kind in tested))


def holm(p_values: Iterable[float]) -> list[float]:
    """The p-values corrected so that the chance of any false rejection among them is at most the level.

    Source: Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    given = list(p_values)
    order = sorted(range(len(given)), key=lambda index: given[index])
    corrected, highest = [0.0] * len(given), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(given) - rank) * given[index]))
        corrected[index] = highest
    return corrected


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value
