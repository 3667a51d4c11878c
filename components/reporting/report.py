"""The report of one training run: a single self-contained page, for those who decide and those who model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.reporting import (
    ageing,
    cases,
    choices,
    curves,
    data_profile,
    explained,
    formats,
    intervals,
    matrix,
    numbers,
    summary,
)
from components.reporting.bullet import bullet
from components.reporting.cost import serving_cost
from components.reporting.cuts import cuts
from components.reporting.dependence import dependence
from components.reporting.figure import Figure, slug
from components.reporting.pages import environment
from components.training.outcomes import OutcomeValues
from components.validation.calibration import ClassCalibration, NumberCalibration
from components.validation.gaps import GapsOfFeature

if TYPE_CHECKING:
    from jinja2 import Environment

    from components.data.schema import Violation
    from components.data.snapshot import Snapshot
    from components.release.parity import Latency, Parity
    from components.training.outcomes import Values
    from components.training.recalibration import Recalibration
    from components.training.search import SearchResult
    from components.validation.backtest import Backtest
    from components.validation.evaluation import Evaluation
    from components.validation.explanation import Explanation
    from components.validation.fairness import FairnessOfFeature, FairnessReport
    from components.validation.gates import Decision

FILTERS = (
    formats.number,
    formats.fixed,
    formats.signed,
    formats.percent,
    formats.count,
    formats.size,
    formats.words,
    formats.limit,
    formats.sentence,
    formats.moment,
    summary.by_concern,
)
DEPENDENCE_FEATURES, MOST_COLUMNS = 4, 200
MOST_OUTCOMES, MOST_SWARMED = 6, 3
SECTIONS = (
    ("summary", "Decision"),
    ("checks", "Checks"),
    ("performance", "Performance"),
    ("calibration", "Calibration"),
    ("slices", "Slices"),
    ("robustness", "Robustness"),
    ("ageing", "Ageing"),
    ("fairness", "Fairness"),
    ("explanation", "Explanation"),
    ("errors", "Errors"),
    ("search", "Search"),
    ("data", "Data"),
    ("lineage", "Lineage"),
)


@dataclass(frozen=True)
class ReportInputs:
    """What a report is made of: results and a few words of the configuration.

    Attributes:
        project: The project's name.
        description: What the model does, in a sentence.
        statement: The business objective.
        kpi: What the objective is measured by.
        class_names: How the classes are called, by their codes, such as ``out of work``, ``employed``; none for numbers.
        outcome_values: What each outcome of a decision is worth.
        decision: The decision with its checks.
        evaluation: The evaluation on the holdout.
        fairness: By sensitive feature.
        backtest: How the metric ages.
        explanation: Contributions on sampled rows.
        searches: One a family.
        recalibration: The test of the calibration on the validation part, and whether it was mended; None for numbers.
        snapshot: The data version.
        source_rows: Rows that the source gave.
        quarantined_rows: Of these, the rows set aside.
        violations: Why they were set aside.
        parts: Rows in train, validation and holdout.
        columns: The data's profile, as ``data_profile.profile`` gives it.
        runtime: What serves the program, ``onnx`` or ``skops``.
        program_bytes: Size of the served program.
        latency: Measured on the served program.
        parity: Served against evaluated scores.
        requests_per_second: The configured rate of requests of one row each.
        lineage: What made this run: names and values in the order in which they are shown.
        created: When, as an ISO time.
    """

    project: str
    description: str
    statement: str
    kpi: str
    class_names: tuple[str, ...]
    outcome_values: Values
    decision: Decision
    evaluation: Evaluation
    fairness: FairnessReport
    backtest: Backtest
    explanation: Explanation
    searches: Sequence[SearchResult]
    recalibration: Recalibration | None
    snapshot: Snapshot
    source_rows: int
    quarantined_rows: int
    violations: Sequence[Violation]
    parts: Mapping[str, int]
    columns: Sequence[data_profile.ColumnProfile]
    runtime: str
    program_bytes: int
    latency: Latency
    parity: Parity
    requests_per_second: float
    lineage: Mapping[str, str]
    created: str


def html(inputs: ReportInputs) -> str:
    """The report as one HTML page that needs no network, no script and no other file."""
    page: str = (
        _environment()
        .get_template("report.html")
        .render(
            r=inputs,
            decision=inputs.decision,
            evaluation=inputs.evaluation,
            figures=figures(inputs),
            summary=summary,
            cost=serving_cost(inputs.latency, inputs.requests_per_second),
            cases=cases.groups(inputs.explanation, inputs.class_names, _booleans(inputs)),
            columns=inputs.columns[:MOST_COLUMNS],
            sections=SECTIONS,
            lineage=list(inputs.lineage.items()),
        )
    )
    return page


def figures(inputs: ReportInputs) -> dict[str, list[Figure]]:
    """The figures of the report by section, in the order in which they stand there."""
    evaluation, explanation = inputs.evaluation, inputs.explanation
    limits = {check.code: check.threshold for check in inputs.decision.checks}
    trade_off, positive = inputs.fairness.trade_off, inputs.class_names[-1] if inputs.class_names else ""
    return {
        **of_the_task(evaluation),
        **_of_two_classes(inputs),
        "baselines": [intervals.baselines(evaluation.baselines, summary.NAMES)],
        "slices": [
            intervals.slices(evaluation.slices, limits.get("P02"), evaluation.primary, _booleans(inputs))
        ],
        "robustness": [intervals.robustness(evaluation.robustness, [limits.get("R01"), limits.get("R02")])],
        "ageing": ageing.ageing(inputs.backtest),
        "fairness": [by_group(f, positive) for f in inputs.fairness.compared if not f.crossed],
        "intersections": [by_group(f, positive) for f in inputs.fairness.compared if f.crossed],
        "trade_off": [choices.trade_off(trade_off)] if trade_off and len(trade_off.points) > 1 else [],
        "explanation": [explained.importance(explanation), *map(explained.beeswarm, by_outcome(explanation))],
        "dependence": [
            dependence(explanation, name)
            for name in [name for name in explanation.top if name not in explanation.texts][
                :DEPENDENCE_FEATURES
            ]
        ],
        "by_group": [explained.by_group(explanation, feature) for feature in explanation.by_group],
        "permutation": [
            intervals.permutation(
                explanation.permutation, explanation.useless, explanation.permutation_metric
            )
        ],
        "search": [choices.search(inputs.searches, evaluation.family, evaluation.metric)],
    }


def of_the_task(evaluation: Evaluation) -> dict[str, list[Figure]]:
    """What is drawn of two classes, of several, or of numbers."""
    calibration = evaluation.calibration
    if isinstance(calibration, NumberCalibration):
        return {
            "curves": [numbers.actual_against_predicted(evaluation), numbers.errors(evaluation)],
            "decisions": [],
            "calibration": [numbers.binned(calibration)],
        }
    if isinstance(calibration, ClassCalibration):
        named = list(enumerate(evaluation.target.classes))[:MOST_OUTCOMES]
        return {
            "curves": [],
            "decisions": [matrix.confusion(evaluation), matrix.by_class(evaluation)],
            "calibration": [
                curves.reliability(calibration.classes[name], evaluation.y_score[:, code], name)
                for code, name in named
            ],
        }
    cut = cuts(evaluation)
    return {
        "curves": [curves.roc(cut, evaluation), curves.precision_recall(cut, evaluation)],
        "decisions": [],
        "calibration": [curves.reliability(calibration, evaluation.y_score)],
    }


def _of_two_classes(inputs: ReportInputs) -> dict[str, list[Figure]]:
    """What outcomes are worth where there are four of them."""
    evaluation, value = inputs.evaluation, inputs.outcome_values
    if not isinstance(value, OutcomeValues):
        return {"thousand": [], "utility": []}
    names = (inputs.class_names[0], inputs.class_names[1])
    return {
        "thousand": [*choices.thousand(evaluation, value, names)],
        "utility": [curves.utility(cuts(evaluation), value, evaluation.least_positive, names)],
    }


def by_outcome(explanation: Explanation) -> list[Explanation]:
    """The explanation of each of the leading classes; itself where there are not several."""
    sizes = {name: float(abs(values).sum()) for name, (_, values) in explanation.outcomes.items()}
    leading = sorted(sizes, key=lambda name: -sizes[name])[:MOST_SWARMED]
    return [explanation.of(name) for name in leading] or [explanation]


def by_group(feature: FairnessOfFeature | GapsOfFeature, positive: str) -> Figure:
    """Decisions or numbers by group of a sensitive feature."""
    if isinstance(feature, GapsOfFeature):
        return numbers.gaps(feature)
    return intervals.fairness(feature, feature.outcome or positive)


def _booleans(inputs: ReportInputs) -> set[str]:
    return {column.name for column in inputs.columns if column.type == "boolean"}


def _environment() -> Environment:
    return environment(
        FILTERS,
        bullet=bullet,
        bars=data_profile.bars,
        interval=formats.interval,
        with_interval=formats.with_interval,
        slug=slug,
    )
