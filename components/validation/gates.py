"""Gates: named checks with stable codes, and the decision that follows from them."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["passed", "failed", "waived", "not_applicable"]
Direction = Literal["at most", "less than", "at least", "more than"]

OF_THE_MODEL = ("B01", "P01", "U01")
"""The gates of which at least one must pass: the others may all pass for a model that is good for nothing."""

ALWAYS = ("E01", "T01")
"""The gates without which the evidence itself is not to be trusted: without a threshold they fail."""


@dataclass(frozen=True)
class Limit:
    """The configured threshold of a gate, and the reason for which a failure is let pass, if any."""

    threshold: float | None
    waiver: str | None = None


@dataclass(frozen=True)
class Check:
    """The verdict of one gate.

    Attributes:
        code: Stable code; its letter names the concern (D data, L leakage, B baselines, P performance,
            U utility, C champion, K calibration, F fairness, R robustness, E explanation, S serving cost,
            T parity).
        title: What is judged.
        status: ``not_applicable`` says that there was nothing to judge, or no threshold to judge by.
        value: The quantity's point estimate.
        interval: Its interval; the end that counts against the model is the one that was judged.
        threshold: The limit.
        reason: A sentence: what was found, against what, and what to do when it failed.
    """

    code: str
    title: str
    status: Status
    value: float | None
    interval: tuple[float, float] | None
    threshold: float | None
    reason: str


@dataclass(frozen=True)
class Decision:
    """Whether a run's model may be deployed, and every check that led there."""

    outcome: Literal["approved", "rejected"]
    run: str
    data_version: str
    holdout_id: str
    holdout_uses: int
    bundle_id: str
    checks: tuple[Check, ...]

    def to_json(self) -> dict[str, Any]:
        """The decision as plain values, in the form of decision.json."""
        return {**asdict(self), "checks": [asdict(check) for check in self.checks]}

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that blocked."""
        return tuple(check for check in self.checks if check.status == "failed")


def outcome(checks: tuple[Check, ...]) -> Literal["approved", "rejected"]:
    """``approved`` if no check failed and at least one that judges the model passed, else ``rejected``."""
    blocked = any(check.status == "failed" for check in checks)
    shown = any(check.status == "passed" and check.code in OF_THE_MODEL for check in checks)
    return "approved" if shown and not blocked else "rejected"


def judge(
    code: str,
    title: str,
    *,
    limit: Limit,
    direction: Direction,
    bound: float,
    measured: str,
    remedy: str,
    value: float | None = None,
    interval: tuple[float, float] | None = None,
) -> Check:
    """The verdict on one quantity against its limit.

    Args:
        code: Stable code.
        title: What is judged.
        limit: The configured threshold and waiver. Without a threshold the check is not applicable, or, if it is
            one of :data:`ALWAYS`, failed.
        direction: How the bound must stand to the threshold.
        bound: The number that decides; a NaN never passes.
        measured: What the bound is, as the start of a sentence.
        remedy: What to do when it fails.
        value: The point estimate; the bound itself if left out.
        interval: The estimate's interval.
    """
    value = bound if value is None else value
    if limit.threshold is None:
        reason = (
            f"NOT JUDGED: {measured} is {bound:.4g}, but gates.{code}.threshold is not set; "
            "set it in config.toml."
        )
        status: Status = "failed" if code in ALWAYS else "not_applicable"
        return Check(code, title, status, value, interval, None, reason)
    if holds(bound, direction, limit.threshold):
        reason = f"{measured} is {bound:.4g}, {direction} {limit.threshold:g}, as it must be."
        return Check(code, title, "passed", value, interval, limit.threshold, reason)
    reason = f"{measured} is {bound:.4g}; it must be {direction} {limit.threshold:g}. {remedy}"
    if limit.waiver:
        return Check(
            code, title, "waived", value, interval, limit.threshold, f"{reason} Waived: {limit.waiver}"
        )
    return Check(code, title, "failed", value, interval, limit.threshold, reason)


def not_applicable(code: str, title: str, reason: str) -> Check:
    """The verdict where there is nothing to judge."""
    return Check(code, title, "not_applicable", None, None, None, reason)


def holds(bound: float, direction: Direction, threshold: float) -> bool:
    """Whether the bound stands to the threshold as it must; False for NaN."""
    if direction == "at most":
        return bound <= threshold
    if direction == "less than":
        return bound < threshold
    if direction == "at least":
        return bound >= threshold
    return bound > threshold
