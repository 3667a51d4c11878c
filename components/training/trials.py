"""Trials of a search, and the rules by which one is given up and a search ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance
from typing import Any, Literal

State = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Trial:
    """One configuration and how it did.

    Attributes:
        number: 0 for the family's default, then in order.
        params: the configuration.
        fold_scores: of the folds it was tried on; greater is better (losses are negated).
        state: complete; pruned, which is given up as hopeless; or failed.
        seconds: wall-clock time.
        error: why it failed.
    """

    number: int
    params: dict[str, Any]
    fold_scores: tuple[float, ...]
    state: State
    seconds: float
    error: str = ""

    @property
    def score(self) -> float:
        """The mean over the folds it was tried on."""
        return fmean(self.fold_scores)

    @property
    def standard_error(self) -> float:
        """Of the score: the folds' standard deviation over the square root of their number."""
        return stdev(self.fold_scores) / math.sqrt(len(self.fold_scores))


def best_of(history: Sequence[Trial]) -> Trial | None:
    """The complete trial with the highest score, the earliest of equals; None while none is complete."""
    complete = [trial for trial in history if trial.state == "complete"]
    return max(complete, key=lambda trial: trial.score, default=None)


def hopeless(scores: Sequence[float], history: Sequence[Trial]) -> bool:
    """Whether a trial with these scores on the first folds trails the best one beyond chance.

    Compared on the same folds, against one standard error of such a difference: how hard a fold is cancels out.
    """
    best = best_of(history)
    if best is None or not scores:
        return False
    trailing = fmean(best.fold_scores[: len(scores)]) - fmean(scores)
    return trailing > _noise(best, history) / math.sqrt(len(scores))


def settled(history: Sequence[Trial], patience: int) -> bool:
    """Whether the last `patience` trials raised the best score by no more than its standard error."""
    now, before = best_of(history), best_of(history[:-patience])
    return bool(now and before and now.score - before.score <= now.standard_error)


def _noise(best: Trial, history: Sequence[Trial]) -> float:
    """The standard deviation, over folds, of a complete trial's distance from the best, pooled over trials."""
    others = [trial for trial in history if trial.state == "complete" and trial is not best]
    if not others:
        return stdev(best.fold_scores)
    return math.sqrt(fmean(variance(_differences(best, trial)) for trial in others))


def _differences(best: Trial, trial: Trial) -> list[float]:
    return [high - low for high, low in zip(best.fold_scores, trial.fold_scores, strict=True)]
