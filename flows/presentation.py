"""Cards and terminal lines, made from results."""

from collections.abc import Sequence
from typing import Any

from metaflow import current
from metaflow.cards import Markdown, ProgressBar, Table

from components.data.intake import Intake


def show(*parts: Any) -> None:
    """Append components to the card of the step that runs."""
    for part in parts:
        current.card.append(part)


def taken(intake: Intake) -> list[Any]:
    """The snapshot, and what was set aside."""
    snapshot = intake.snapshot
    facts = [
        ["Data version", snapshot.version],
        ["Rows accepted", f"{snapshot.rows:,}"],
        ["Rows set aside", f"{intake.quarantined_rows:,} of {intake.source_rows:,}"],
        ["Columns", str(len(snapshot.columns))],
        ["Source", snapshot.source],
    ]
    rows = [[v.column, v.rule, f"{v.rows:,}", v.example] for v in intake.violations]
    reasons = [Markdown("## Set aside"), table(["column", "rule", "rows", "example"], rows)] if rows else []
    return [Markdown("# Data"), table(["", ""], facts), *reasons]


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A card's table."""
    return Table([list(row) for row in rows], headers=list(headers))


class Progress:
    """Says after each trial what it brought: a line in the terminal, a row and a bar on the card.

    Args:
        family: what is searched.
        trials: how many trials there are at most.
    """

    def __init__(self, family: str, trials: int) -> None:
        self.family, self.trials = family, trials
        self.rows: list[list[str]] = []
        self.bar = ProgressBar(max=trials, label=family)
        self.heading = Markdown(f"# Search: {family}")
        show(self.heading, self.bar)

    def __call__(self, trial: Any, best: float) -> None:
        score = "-" if trial.score != trial.score else f"{trial.score:.4f}"
        print(
            f"{self.family} trial {trial.number + 1}/{self.trials}: {score} ({trial.state}), best {best:.4f}"
        )
        self.rows.append(
            [str(trial.number + 1), score, trial.state, f"{trial.seconds:.1f} s", str(trial.params)]
        )
        self.bar.update(trial.number + 1)
        current.card.clear()
        show(self.heading, self.bar, table(["trial", "score", "state", "time", "configuration"], self.rows))
        current.card.refresh()


def span(estimate: Any) -> str:
    """A value with its interval."""
    return f"{estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})"


def evaluation(evaluation: Any) -> list[Any]:
    """Metrics with their intervals, and the differences from the baselines."""
    metrics = [[name, span(estimate)] for name, estimate in evaluation.metrics.items()]
    against = [[f"minus {name}", span(difference)] for name, difference in evaluation.baselines.items()]
    worth = [[f"utility minus {name}", span(each)] for name, each in evaluation.utility_constants.items()]
    return [
        Markdown(f"# Evaluation on {evaluation.rows:,} held-out rows"),
        table(["metric", "value (95 % interval)"], [*metrics, *against, *worth]),
    ]


def fairness(report: Any) -> list[Any]:
    """Disparities by sensitive feature."""
    rows = [
        [
            feature.feature,
            *(
                span(each) if each else "not scored"
                for each in (feature.demographic_parity_difference, feature.equalized_odds_difference)
            ),
            ", ".join(feature.small_groups),
        ]
        for feature in report.features
    ]
    heads = ["by", "demographic parity difference", "equalized odds difference", "too small to score"]
    return [Markdown("# Fairness"), table(heads, rows)]


def explanation(explanation: Any) -> list[Any]:
    """Importance by SHAP and by permutation."""
    ranked = sorted(explanation.importance.items(), key=lambda item: -item[1])
    rows = [
        [
            name,
            f"{importance:.4f}",
            span(explanation.permutation[name]) if name in explanation.permutation else "",
        ]
        for name, importance in ranked
    ]
    return [Markdown("# Explanation"), table(["feature", "mean |SHAP|", "loss when permuted"], rows)]


def decision(decision: Any) -> list[Any]:
    """The checks."""
    rows = [[check.code, check.title, check.status, check.reason] for check in decision.checks]
    return [
        Markdown(f"# {decision.outcome.capitalize()}"),
        table(["code", "title", "status", "reason"], rows),
    ]
