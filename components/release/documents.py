"""Model card and datasheet: Markdown computed from a run; a field without evidence is an error, never a blank.

The model card follows Mitchell et al. (2019), Model Cards for Model Reporting; the datasheet follows
Gebru et al. (2021), Datasheets for Datasets.
"""

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from components.errors import BundleError, ConfigError, DataError, redacted

if TYPE_CHECKING:
    from components.validation.backtest import Backtest
    from components.validation.comparison import PairedDifference
    from components.validation.fairness import FairnessOfFeature
    from components.validation.gaps import GapsOfFeature
    from components.validation.gates import Check
    from components.validation.metrics import Estimate
    from components.validation.slices import Slice

_TEMPLATES = Path(__file__).parent / "templates"
_PLACEHOLDERS = frozenset({"", "...", "?", "tbd", "tba", "todo", "fixme", "unknown"})
_MAY_BE_EMPTY = {"may_be_empty": True}


@dataclass(frozen=True)
class CardEvidence:
    """What the model card says of one run's model.

    Attributes:
        name: The model's name.
        description: What it does, in a sentence.
        owner: Who answers for it.
        created: When it was trained, UTC in ISO 8601.
        run: Pathspec of the training run.
        git_commit: The code's commit; "" outside a repository.
        software: Versions of the libraries that made it.
        family: The family that won the search.
        parameters: Its hyperparameters.
        trials: How many settings were tried.
        seed: The search's seed.
        features: The columns that it sees.
        objective: The business objective.
        kpi: What measures the objective.
        intended_users: Who acts on the predictions, and how.
        out_of_scope: What it must not be used for.
        ethical_considerations: Who may be harmed or favoured, and what is done about it.
        prediction: What is predicted, and how it becomes a decision, in sentences.
        worth: What each outcome of a decision is worth.
        unit: Of these values.
        source: Where the data was read from.
        data_version: Version computed from the data's content.
        part_rows: Rows of train, validation and holdout.
        holdout_id: Names the held-out rows.
        holdout_uses: Decisions that used them before.
        metric: Name of the primary metric.
        metrics: Every metric with its interval, on the holdout.
        baselines: The advantage over each baseline in the primary metric; above 0 the model is better.
        utility: Value of one decision, with its interval.
        slices: The primary metric by slice; empty if no slice has enough rows.
        backtest: How the metric ages, or why that is not known.
        fairness: Statistics by sensitive feature; empty if none is named.
        sensitive_features_used: Sensitive columns that are features, with the reason.
        fairness_waived: Sensitive features whose failures are let pass, with the reason.
        outcome: The decision.
        checks: Every gate's verdict.
    """

    name: str
    description: str
    owner: str
    created: str
    run: str
    git_commit: str = field(metadata=_MAY_BE_EMPTY)
    software: Mapping[str, str]
    family: str
    parameters: Mapping[str, Any] = field(metadata=_MAY_BE_EMPTY)
    trials: int
    seed: int
    features: Sequence[str]
    objective: str
    kpi: str
    intended_users: str
    out_of_scope: str
    ethical_considerations: str
    prediction: str
    worth: Mapping[str, float]
    unit: str
    source: str
    data_version: str
    part_rows: Mapping[str, int]
    holdout_id: str
    holdout_uses: int
    metric: str
    metrics: "Mapping[str, Estimate]"
    baselines: "Mapping[str, PairedDifference]"
    utility: "Estimate"
    slices: "Sequence[Slice]" = field(metadata=_MAY_BE_EMPTY)
    backtest: "Backtest"
    fairness: "Sequence[FairnessOfFeature | GapsOfFeature]" = field(metadata=_MAY_BE_EMPTY)
    sensitive_features_used: Mapping[str, str] = field(metadata=_MAY_BE_EMPTY)
    fairness_waived: Mapping[str, str] = field(metadata=_MAY_BE_EMPTY)
    outcome: Literal["approved", "rejected"]
    checks: "Sequence[Check]"


@dataclass(frozen=True)
class DatasheetStatements:
    """What only people can say of a data set.

    Attributes:
        title: What people call it.
        motivation: Why it was made, and by whom.
        instances: What one row stands for, and how rows were chosen.
        collection: How, when and by whom the rows were collected, and whether those concerned agreed.
        labelling: How the target came about.
        uses: What it has been used for, and what it must not be used for.
        distribution: Its licence and whom to cite.
        maintenance: Who keeps it, and how errors are reported.
    """

    title: str
    motivation: str
    instances: str
    collection: str
    labelling: str
    uses: str
    distribution: str
    maintenance: str


_STATEMENTS = tuple(each.name for each in fields(DatasheetStatements))


@dataclass(frozen=True)
class ColumnSummary:
    """A column: its name, contract type, what is allowed as text, and how many values are missing."""

    name: str
    type: str
    allowed: str
    missing: int


@dataclass(frozen=True)
class DatasheetEvidence:
    """What the datasheet says of the data that one run read.

    Attributes:
        statements: What only people can say.
        version: Version computed from the content.
        source: Where it was read from.
        taken: When the snapshot was taken, UTC in ISO 8601.
        rows: Rows that were accepted.
        size_bytes: Size of the snapshot.
        period: The time that the rows cover, as text.
        columns: Every column.
        target: The predicted column.
        target_summary: What values it takes, as text.
        sensitive: Columns that describe protected characteristics; empty if none is named.
        quarantined: Rows set aside for each reason; empty if there were none.
        split: How rows are assigned to parts, as a sentence.
        part_rows: Rows of train, validation and holdout.
    """

    statements: DatasheetStatements
    version: str
    source: str
    taken: str
    rows: int
    size_bytes: int
    period: str
    columns: Sequence[ColumnSummary]
    target: str
    target_summary: str
    sensitive: Sequence[str] = field(metadata=_MAY_BE_EMPTY)
    quarantined: Mapping[str, int] = field(metadata=_MAY_BE_EMPTY)
    split: str
    part_rows: Mapping[str, int]


def parse_statements(text: str, name: str = "datasheet.toml") -> DatasheetStatements:
    """What people said of a data set, from the text of a TOML file with a key for each field of DatasheetStatements.

    Raises:
        DataError: The text is no TOML, or its keys are not exactly the fields.
    """
    wanted = _STATEMENTS
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{name}: not valid TOML: {error}; mend the line it names.") from None
    if odd := sorted(set(found) ^ set(wanted)):
        raise DataError(f"{name}: missing or unknown: {', '.join(odd)}; the keys are {', '.join(wanted)}.")
    statements = DatasheetStatements(**{key: str(found[key]) for key in wanted})
    if unsaid := list(_gaps(name, statements)):
        raise DataError(f"{', '.join(unsaid)}: nothing is said there; write a sentence.")
    return statements


def require_said(texts: Mapping[str, str]) -> None:
    """Pass if each text says something.

    Args:
        texts: By their keys in config.toml.

    Raises:
        ConfigError: It names those that are empty or a placeholder.
    """
    if unsaid := [key for key, text in texts.items() if list(_gaps(key, text))]:
        raise ConfigError(
            f"config.toml: {', '.join(unsaid)}: nothing is said there, and the model card needs it; write a sentence."
        )


def model_card(evidence: CardEvidence) -> str:
    """The model card as Markdown; a BundleError names each field that has no evidence."""
    return _render("model card", "model_card.md.j2", evidence)


def datasheet(evidence: DatasheetEvidence) -> str:
    """The datasheet as Markdown; a BundleError names each field that has no evidence."""
    return _render("datasheet", "datasheet.md.j2", evidence)


def missing(evidence: CardEvidence | DatasheetEvidence) -> tuple[str, ...]:
    """The names of the fields that have no evidence: empty, a placeholder such as "TODO", or not a number."""
    return tuple(
        path
        for each in fields(evidence)
        if not (each.metadata.get("may_be_empty") and not getattr(evidence, each.name))
        for path in _gaps(each.name, getattr(evidence, each.name))
    )


def _render(document: str, template: str, evidence: CardEvidence | DatasheetEvidence) -> str:
    import jinja2

    if gaps := missing(evidence):
        raise BundleError(
            f"{document}: no evidence for {', '.join(gaps)}; fill what people must say, or run the step that "
            "computes it."
        )
    environment = jinja2.Environment(  # noqa: S701 (Markdown, not HTML; cells are escaped by a filter)
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(cell=_cell, number=_number, span=_span, redacted=redacted)
    values = {each.name: getattr(evidence, each.name) for each in fields(evidence)}
    try:
        return environment.get_template(template).render(values)
    except jinja2.UndefinedError as error:
        raise BundleError(f"{document}: no evidence: {error.message}; pass what {template} names.") from None


def _gaps(path: str, value: Any) -> Iterator[str]:
    """Where, in a value and what it holds, there is nothing."""
    if isinstance(value, str):
        yield from [path] if value.strip().lower().strip(" .") in _PLACEHOLDERS else []
    elif isinstance(value, float):
        yield from [path] if math.isnan(value) else []
    elif isinstance(value, Mapping):
        yield from [path] if not value else []
        for key, item in value.items():
            yield from _gaps(f"{path}.{key}", item)
    elif isinstance(value, DatasheetStatements):
        for each in fields(value):
            yield from _gaps(f"{path}.{each.name}", getattr(value, each.name))
    elif isinstance(value, Sequence):
        yield from [path] if not value else []
    elif value is None:
        yield path


def _cell(value: Any) -> str:
    """Text that stays in its cell of a Markdown table and is no HTML."""
    text = " ".join(str(value).split())
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def _number(value: float | None) -> str:
    """Four significant digits; whole numbers in full."""
    if value is None:
        return "–"
    if not math.isfinite(float(value)):
        return "undefined"
    return f"{value:,}" if isinstance(value, int) or abs(value) >= 10_000 else f"{value:.4g}"


def _span(estimate: Any) -> str:
    """A value with its interval."""
    if estimate is None:
        return "not measured"
    return f"{_number(estimate.value)} ({_number(estimate.low)} to {_number(estimate.high)})"
