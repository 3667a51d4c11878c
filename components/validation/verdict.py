"""The verdict: every gate on one body of evidence, in the order of their codes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.training.outcomes import Values
from components.validation.calibration import NumberCalibration
from components.validation.checks import (
    baselines,
    calibration,
    champion,
    data,
    explanation,
    fairness,
    leakage,
    parity,
    performance,
    robustness,
    serving,
    utility,
)
from components.validation.evaluation import Evaluation
from components.validation.fairness import FairnessReport
from components.validation.gates import Check, Limit
from components.validation.metrics import Estimate


@dataclass(frozen=True)
class Evidence:
    """What the gates judge.

    Attributes:
        source_rows: Rows that the source gave.
        quarantined_rows: Of these, the rows set aside.
        used_rows: Rows that the run used; fewer than the accepted ones in a fast run.
        overlaps: Identities and groups found in two parts, by kind.
        lookalikes: Holdout rows whose features equal some training row's.
        evaluation: The evaluation on the holdout.
        outcome_values: What each outcome of a decision is worth.
        fairness: The fairness report on the holdout.
        fairness_waived: Sensitive features whose failures are let pass, with the reason.
        additivity_error: Largest distance between contributions and output.
        explained_rows: Rows explained.
        parity_difference: Largest distance between served and evaluated scores.
        decisions_changed: Decisions that differ between served and evaluated.
        latency_p99_milliseconds: Of one row in the served program.
        program_bytes: Size of the served program.
    """

    source_rows: int
    quarantined_rows: int
    used_rows: int
    overlaps: Mapping[str, int]
    lookalikes: int
    evaluation: Evaluation
    outcome_values: Values
    fairness: FairnessReport
    additivity_error: float
    explained_rows: int
    parity_difference: float
    decisions_changed: int
    latency_p99_milliseconds: Estimate
    program_bytes: int
    fairness_waived: Mapping[str, str] = field(default_factory=dict)


def verdict(evidence: Evidence, limits: Mapping[str, Limit]) -> tuple[Check, ...]:
    """Every check, in the order of the codes; a code without a limit is judged by none, and says so."""
    given = _Limits(limits)
    evaluation = evidence.evaluation
    difference = evaluation.baselines
    accepted = evidence.source_rows - evidence.quarantined_rows
    return (
        data.rows_set_aside(evidence.quarantined_rows, evidence.source_rows, given["D01"]),
        data.enough_rows(evaluation.metric, evaluation.primary, evaluation.rows, given["D02"]),
        data.whole_table(evidence.used_rows, accepted),
        leakage.parts_are_apart(evidence.overlaps, evidence.lookalikes),
        leakage.single_feature(evaluation.single_feature, given["L02"], evaluation.target),
        baselines.beats_dummy(difference["dummy"], given["B01"]),
        baselines.not_worse_than_linear(difference["linear"], evaluation.family, given["B02"]),
        performance.primary_metric(evaluation.metric, evaluation.primary, given["P01"]),
        performance.worst_slice(evaluation.slices, given["P02"]),
        utility.worth_having(evaluation.utility_constants, evidence.outcome_values, given["U01"]),
        champion.not_worse_than_champion(evaluation.champion, given["C01"]),
        calibration.calibrated_in_the_large(evaluation.calibration, given["K01"]),
        calibration.calibration_error(evaluation.calibration, given["K02"]),
        *_coverage(evaluation, given["K03"]),
        *fairness.fairness_checks(evidence.fairness, evidence.fairness_waived, given),
        robustness.missing_values(evaluation.robustness, given["R01"]),
        robustness.noise_and_shift(evaluation.robustness, given["R02"]),
        explanation.additive(evidence.additivity_error, evidence.explained_rows, given["E01"]),
        serving.latency(evidence.latency_p99_milliseconds, given["S01"]),
        serving.size(evidence.program_bytes, given["S02"]),
        parity.parity(evidence.parity_difference, evidence.decisions_changed, evaluation.rows, given["T01"]),
    )


def _coverage(evaluation: Evaluation, limit: Limit) -> tuple[Check, ...]:
    """Only numbers have prediction intervals."""
    report = evaluation.calibration
    return (calibration.coverage(report, limit),) if isinstance(report, NumberCalibration) else ()


class _Limits(dict[str, Limit]):
    """Limits by code; no threshold where none is configured."""

    def __missing__(self, code: str) -> Limit:
        return Limit(None)
