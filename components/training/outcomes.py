"""What the outcomes of a decision are worth."""

from dataclasses import dataclass
from math import inf, nextafter

ALWAYS, NEVER = 0.0, nextafter(1.0, inf)
"""Thresholds that every probability reaches, and that none does."""


@dataclass(frozen=True)
class OutcomeValues:
    """What each outcome of a decision is worth (a cost is negative), in `unit` a row."""

    true_positive: float
    false_positive: float
    true_negative: float
    false_negative: float
    unit: str

    @property
    def break_even(self) -> float:
        """The calibrated probability at which both decisions are worth the same (Elkan, 2001).

        ALWAYS or NEVER where a decision is at least as good as the other one whatever the truth.
        """
        if_positive = self.true_positive - self.false_negative
        if_negative = self.true_negative - self.false_positive
        if if_positive == if_negative == 0:
            return 0.5
        if if_positive <= 0 <= if_negative:
            return NEVER
        if if_negative <= 0 <= if_positive:
            return ALWAYS
        return if_negative / (if_positive + if_negative)
