"""Cards and terminal lines, made from results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from metaflow import current
from metaflow.cards import BlankCard, Markdown, MetaflowCardComponent, ProgressBar, Table
from metaflow.plugins import CARDS

from components.monitoring.finding import unjudged_kinds
from components.reporting import cards
from components.reporting.formats import count, fixed, with_interval, words
from flows.orchestration import on_cluster

if TYPE_CHECKING:
    from components.data.intake import Intake
    from components.reporting.figure import Figure

REFRESHED_SECONDS = 10.0
"""How often a card is drawn anew while its step runs; drawing takes a process of its own."""


class StillCard(BlankCard):
    """A card of what a step found, drawn once at its end; a card that refreshes is drawn twice more.

    In a step: ``@card(type="still", id="choice")``.
    """

    type = "still"
    RUNTIME_UPDATABLE = False


CARDS.append(StillCard)


class Picture(MetaflowCardComponent):
    """A figure of the report on a card, with its finding below."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    def render(self) -> dict[str, str]:
        """What Metaflow's viewer of cards takes for an image."""
        return {
            "type": "image",
            "src": self.figure.image,
            "label": self.figure.title,
            "description": self.figure.finding,
        }


def show(*parts: Any) -> None:
    """Append components to the card of the step that runs."""
    for part in parts:
        current.card.append(part)


def table(content: cards.Table) -> Table:
    """A card's table."""
    return Table([list(row) for row in content.rows], headers=list(content.header))


def taken(intake: Intake) -> list[Any]:
    """The snapshot, and what was set aside."""
    rows = f"{count(intake.quarantined_rows)} of {count(intake.source_rows)} rows were set aside."
    reasons = [table(cards.violation_rows(intake.violations))] if intake.violations else []
    return [Markdown("# Data"), table(cards.snapshot_rows(intake.snapshot)), Markdown(rows), *reasons]


class Progress:
    """Says after each trial what it brought: a line in the terminal, a row and a bar on the card.

    Args:
        family: what is searched.
        trials: how many trials there are at most.
    """

    def __init__(self, family: str, trials: int) -> None:
        self.family, self.trials = family, trials
        self.done: list[Any] = []
        self.drawn = monotonic()
        self.bar = ProgressBar(max=trials, label=words(family))
        self.heading = Markdown(f"# Search: {words(family)}")
        show(self.heading, self.bar)

    def __call__(self, trial: Any, best: float) -> None:
        print(cards.trial_line(self.family, trial, best))
        self.done.append(trial)
        self.bar.update(trial.number + 1)
        current.card.clear()
        show(self.heading, self.bar, table(cards.trial_rows(self.done)))
        if monotonic() - self.drawn >= REFRESHED_SECONDS:
            current.card.refresh()
            self.drawn = monotonic()


def searched(
    results: Sequence[Any], winner: Any, metric: str, recalibration: Any, predictor: Any
) -> list[Any]:
    """The families side by side, and what was done to the winner."""
    from components.reporting import choices

    said = f"{words(winner.family).capitalize()} was chosen."
    if recalibration:
        calibration = "recalibrated" if recalibration.applied else "left as they were"
        said += f" Its scores were {calibration} (p = {fixed(recalibration.p_value, 3)})."
    if hasattr(predictor, "threshold"):
        said += f" It decides from {fixed(predictor.threshold, 3)} on."
    families = table(cards.search_rows(results, winner.family))
    return [
        Markdown("# Choice"),
        families,
        Markdown(said),
        Picture(choices.search(results, winner.family, metric)),
    ]


def evaluation(evaluation: Any) -> list[Any]:
    """Metrics with their intervals, the differences from the baselines, curves and calibration."""
    from components.reporting.report import of_the_task

    drawn = of_the_task(evaluation)
    differences = [
        *((f"{words(evaluation.metric)} minus {name}", each) for name, each in evaluation.baselines.items()),
        *((f"utility minus {name}", each) for name, each in evaluation.utility_constants.items()),
    ]
    paired = tuple((name, with_interval(each)) for name, each in differences)
    return [
        Markdown(f"# Evaluation on {count(evaluation.rows)} held-out rows"),
        table(cards.metric_rows(evaluation)),
        Markdown("## Against simpler rules, on the same rows"),
        table(cards.Table(("difference", "value (interval)"), paired)),
        *(Picture(figure) for section in ("curves", "decisions", "calibration") for figure in drawn[section]),
    ]


def fairness(report: Any, positive: str) -> list[Any]:
    """Disparities by sensitive feature, and the rates or means behind them."""
    from components.reporting.report import by_group

    if not report.compared:
        return [
            Markdown("# Fairness"),
            Markdown("No sensitive column is named: nothing is known about fairness."),
        ]
    rows = tuple(
        (
            " ".join([words(feature.feature), getattr(feature, "outcome", "")]).strip(),
            *(with_interval(each) if each else "not scored" for _, each in feature.judged.values()),
            ", ".join(feature.small_groups),
        )
        for feature in report.compared
    )
    header = ("by", *(name.lower() for name, _ in report.compared[0].judged.values()), "too small to score")
    pictures = [Picture(by_group(feature, positive)) for feature in report.compared if not feature.crossed]
    return [Markdown("# Fairness"), table(cards.Table(header, rows)), *pictures]


def explanation(explanation: Any) -> list[Any]:
    """Importance by SHAP and by permutation, and what each row's values did."""
    from components.reporting import explained

    ranked = sorted(explanation.importance.items(), key=lambda item: -item[1])
    permuted = explanation.permutation
    rows = tuple(
        (words(name), fixed(importance, 4), with_interval(permuted[name]) if name in permuted else "")
        for name, importance in ranked
    )
    header = ("feature", "mean |SHAP|", "loss when permuted")
    return [
        Markdown("# Explanation"),
        table(cards.Table(header, rows)),
        Picture(explained.beeswarm(explanation)),
    ]


def decision(decision: Any) -> list[Any]:
    """The decision, who must act, and every check."""
    return [Markdown(cards.decision_text(decision)), table(cards.decision_rows(decision))]


def last_words(run: Any) -> str:
    """The decision, why, and where to read more."""
    blocked = ", ".join(f"{check.code} ({check.title})" for check in run.decision.failed)
    verdict = f"REJECTED, blocked by {blocked}" if blocked else "APPROVED"
    version = f", version {run.model_version} in MLflow" if run.model_version else ""
    if on_cluster():
        bundle = (
            f"MLflow run {run.mlflow_run_id}" if version else "artifact 'bundle' of this run's step 'judge'"
        )
        return f"{verdict}{version}\nReport: MLflow run {run.mlflow_run_id}\nBundle: {bundle}"
    folder = Path("build") / "runs" / run.origin.partition("/")[2]
    return f"{verdict}{version}\nReport: {folder / 'report.html'}\nBundle: {folder / 'bundle'}"


def deployment(run: Any) -> list[Any]:
    """What was done with a bundle, and what was found on the way."""
    rows = tuple(tuple(line.split("\t")) for line in _deployed(run))
    return [Markdown("# Deployment"), table(cards.Table(("", ""), rows))]


def deployed(run: Any) -> list[str]:
    """The same for a terminal."""
    return [line.replace("\t", ": ") for line in _deployed(run)]


def _deployed(run: Any) -> list[str]:
    to, decision, done = run.target.environment, run.decision, run.event or "stood there already"
    told = [
        f"Environment\t{to}",
        f"Bundle\t{decision.bundle_id[:12]} of {decision.run}, {decision.event}",
        f"Done\t{'REFUSED' if run.refusal else done}",
    ]
    if run.refusal:
        told.append(f"Why not\t{run.refusal}")
    if run.repaired:
        told.append(f"Repaired\t{run.repaired}")
    if run.columns_changed:
        told.append(f"Contract\tanother than the champion's: {run.columns_changed}")
    if run.measured:
        parity, latency = run.measured.parity, run.measured.latency
        told += [
            f"Smoke test\t{parity.rows} rows, largest difference {parity.max_abs_difference:.1g}, "
            f"{parity.decisions_changed} decisions changed",
            f"One row over HTTP\t{latency.p50_milliseconds:.2f} ms (median), {latency.p99_milliseconds:.2f} ms (99th "
            f"percentile); ready after {run.measured.start_seconds:.2f} s",
        ]
    if run.cost:
        told.append(
            f"Cost\t{run.cost.core_seconds_per_1000:.3f} core-seconds for 1,000 predictions "
            f"({run.cost.batch_core_seconds_per_1000:.3f} in batches); {run.cost.replicas} replica"
            f"{'s' * (run.cost.replicas != 1)} of one core for {run.cost.requests_per_second:g} requests a second"
        )
    if run.check:
        told.append(f"Against the champion\t{run.check.status}: {run.check.reason}")
    return [*told, *([f"Files\t{_files(run)}"] if run.folder else [])]


def _files(run: Any) -> str:
    """Where the deployable files are; a pod's own disk ends with it."""
    if not on_cluster():
        return str(run.folder)
    return f"to be written in a clone of the project and rolled out: make deploy ENV={run.target.environment}"


def monitored(run: Any, figures: Mapping[str, Sequence[Figure]]) -> list[Any]:
    """What a monitor found, with the report's figures."""
    rows = tuple(tuple(line.split(": ", 1)) for line in _monitored(run))
    drawn = [Picture(figure) for section in figures.values() for figure in section]
    return [Markdown("# Monitoring"), table(cards.Table(("", ""), rows)), *drawn]


def last_monitored(run: Any) -> list[str]:
    """What a monitor found, for a terminal."""
    return _monitored(run)


def _monitored(run: Any) -> list[str]:
    known = {account.window_id: account for account in run.accounts}
    told = [f"Model: {run.promotion.bundle_id[:12]}, champion of {run.environment_}"]
    for account in (*(known[name] for name in (*run.served, *run.labelled)), *run.before):
        loud = [finding.key for finding in account.findings if finding.alarm]
        said = f"ALARM, {', '.join(loud)}" if loud else "quiet"
        if unjudged := unjudged_kinds(account.findings):
            said += f"; not judged, or not in full: {', '.join(unjudged)}"
        former = (
            ""
            if account.bundle_id == run.promotion.bundle_id
            else f" of {account.bundle_id[:12]}, a champion before"
        )
        told.append(f"{account.label} {account.stage}{former}: {count(account.rows)} rows, {said}")
    told += [f"Passed over: the champion before {each}" for each in run.passed_over]
    if not run.served:
        told.append("Windows: none has ended in which this model was the champion, or predicted anything")
    if run.future:
        told.append(
            f"Clock: {count(run.future)} predictions say that they come from the future, and are in no window yet"
        )
    told.append(f"Alerts: {len(run.alerts)}, {run.new} new in the ledger; {run.sent}")
    if run.asked:
        told.append(f"Another training is asked for: {run.asked} new in the ledger; make retrain answers")
    if run.answered:
        told.append(f"Retraining: {run.answered}")
    return [*told, f"Report: {run.page}", f"Metrics: {run.metrics}"]


def scored(run: Any) -> list[Any]:
    """Where a table's scores are, and what was set aside."""
    done = run.scored
    reasons = [
        [each["column"], each["rule"], count(each["rows"]), each["example"]] for each in done.violations
    ]
    told = [
        ["scores", run.scored.score_id],
        ["rows", count(done.rows)],
        ["set aside", count(done.refused_rows)],
        ["data version", done.data_version],
        ["bundle", done.bundle_id],
        ["run of the model", done.model_version],
    ]
    violations = [Table(reasons, headers=["column", "rule", "rows", "example"])] if reasons else []
    return [Markdown("# Scores"), Table(told, headers=["what", "value"]), *violations]


def last_scored(run: Any) -> list[str]:
    """The same in lines of the terminal."""
    done, place = run.scored, f"{run.settings.store.root}/scores/{run.scored.score_id}/"
    before = "These rows were scored by this bundle before; nothing was written anew. " if run.again else ""
    lines = [
        f"{before}{count(done.rows)} rows (data version {done.data_version}) are scored by the bundle {done.bundle_id[:12]} of "
        f"run {done.model_version}: {place}"
    ]
    if done.refused_rows:
        lines.append(
            f"{count(done.refused_rows)} rows break its contract and were set aside there, in refused-*.parquet:"
        )
    return lines + [
        f"  {each['column']}: {each['rule']} in {count(each['rows'])} rows, such as {each['example']}"
        for each in done.violations
    ]
