"""The model that is watched, as its bundle tells of it, and what of it is allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from components.monitoring.bins import NOT_PREDICTED, Bins, of_reference
from components.monitoring.finding import SHARES, Kind
from components.training.outcomes import Values
from components.training.target import Target
from components.validation.metrics import Rule


@dataclass(frozen=True)
class Watched:
    """A bundle, and what its predictions mean.

    Attributes:
        bundle_id: names it.
        files: its content, verified.
        target: what is predicted.
        metric: the primary metric's name.
        value: what each outcome is worth.
        instead: columns that are compared with another reference than the bundle's.
        group: columns whose equal values hold rows together.
        weight: the column of sample weights, or "".
    """

    bundle_id: str
    files: Mapping[str, bytes]
    target: Target
    metric: str
    value: Values
    instead: Mapping[str, Bins] = field(default_factory=dict)
    group: tuple[str, ...] = ()
    weight: str = ""

    @cached_property
    def bins(self) -> dict[str, Bins]:
        """How its features and predictions were counted at training, or in the reference that stands instead."""
        return {**of_reference(self.reference), **self.instead}

    @cached_property
    def reference(self) -> dict[str, Any]:
        """The counts of the rows on which it was approved."""
        return self._json("reference.json")

    @property
    def independent_share(self) -> float | None:
        """The share of the reference's rows that count as independent, if rows come in groups; None in older bundles."""
        units = self.reference.get("units")
        return None if units is None else float(units / self.reference["rows"])

    @cached_property
    def predicted(self) -> tuple[str, ...]:
        """The names of its predictions."""
        return tuple(name for name in self.reference if name not in NOT_PREDICTED)

    @cached_property
    def contract(self) -> dict[str, Any]:
        """What a row may hold."""
        return self._json("contract.json")

    @cached_property
    def decision(self) -> dict[str, Any]:
        """What was decided about it, with every check."""
        return self._json("decision.json")

    @cached_property
    def created(self) -> str:
        """When it was made, UTC in ISO 8601."""
        return str(self._json("lineage.json")["created"])

    @cached_property
    def threshold(self) -> Rule:
        """What turns its scores into decisions."""
        rule = np.asarray(self._json("lineage.json")["threshold"], dtype=np.float64)
        return rule if rule.ndim else float(rule)

    def _json(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.files[name])
        return told


@dataclass(frozen=True)
class Limits:
    """What is allowed before an alarm is raised; the keys of `[monitoring]`, and some of the gates.

    Attributes:
        false_alarm_rate: the chance of any alarm of a test in a window in which nothing is wrong.
        alarm_psi: the PSI of a column from which on a shift matters.
        alarm_calibration: how far actual minus predicted may be from 0.
        alarm_decile: the same of a tenth of the rows.
        alarm_drop: how far the primary metric may fall.
        alarm_missing: how many more values of a column may be missing, as a share.
        alarm_rows: the share of rows that may break the contract, or hold a new category.
        alarm_unlabelled: the share of labels that may be missing when they are due.
        alarm_unknown: the share of labels that may be for predictions which no log has.
        alarm_silent: the share of a window before its end that may pass without a prediction.
        volume_factor: how many times more or fewer rows than usual are allowed.
        min_rows: below which a window is not judged.
        model_age_days: how old a model may be.
        tolerance: the distance between two scores that is rounding.
        fairness: the thresholds of F01 and F02.
        waived: disparities that are reported only, with the reason.
        bands: of sensitive numbers.
        sensitive: the sensitive features.
        min_group_rows: smaller groups are named, not scored.
        replicates: of bootstraps.
        seed: of everything that is drawn.
        threads: how many columns are counted side by side.
    """

    false_alarm_rate: float = 0.05
    alarm_psi: float = 0.1
    alarm_calibration: float = 0.003
    alarm_decile: float = 0.05
    alarm_drop: float = 0.02
    alarm_missing: float = 0.02
    alarm_rows: float = 0.001
    alarm_unlabelled: float = 0.5
    alarm_unknown: float = 0.01
    alarm_silent: float = 0.5
    volume_factor: float = 3.0
    min_rows: int = 200
    model_age_days: float = 180.0
    tolerance: float = 1e-9
    fairness: Mapping[str, float | None] = field(default_factory=dict)
    waived: Mapping[str, str] = field(default_factory=dict)
    bands: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    sensitive: tuple[str, ...] = ()
    min_group_rows: int = 200
    replicates: int = 1000
    seed: int = 0
    threads: int = 1

    def rate(self, kind: Kind) -> float:
        """The part of the false-alarm rate that a tested kind may use up."""
        return self.false_alarm_rate * SHARES[kind]
