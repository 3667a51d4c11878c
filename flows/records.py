"""What a training run leaves for others: documents, the report's inputs, the record in MLflow."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs
from metaflow import current

from components.data import schema
from components.data.sources.pin import Pin, compact
from components.data.split import PARTS
from components.release import bundle, documents
from components.release.bundle import Parts
from components.release.export import predictions
from components.release.reference import reference
from components.release.run_record import DataInput, RunRecord
from components.reporting.data_profile import profile
from components.reporting.report import ReportInputs
from components.serving.program import columns_of
from components.training import outcomes
from components.training.target import shares
from components.validation.metrics import Estimate
from components.validation.verdict import Evidence
from flows.terms import terms

SMOKE_ROWS = 50
SHOWN_FACTS = 8
SOFTWARE = ("metaflow", "scikit-learn", "pandas", "polars", "onnxruntime", "shap", "fairlearn")


def software() -> dict[str, str]:
    """Versions of what made the model."""
    return {"python": platform.python_version(), **{name: version(name) for name in SOFTWARE}}


def part_rows(run: Any) -> dict[str, int]:
    """Rows of train, validation and holdout."""
    return {name: int((run.split.part[run.used] == index).sum()) for index, name in enumerate(PARTS)}


def lineage(run: Any) -> dict[str, Any]:
    """What made this run, from the code's commit to the seeds."""
    return {
        "run": run.origin,
        "data_version": run.data_version,
        "source": run.taken.source,
        "pin": dict(run.taken.pin),
        "holdout_id": run.split.holdout_id,
        "split": vars(run.rule),
        "task": run.target.task,
        "classes": list(run.target.several),
        "threshold": np.asarray(run.evaluation.threshold).tolist(),
        "git_commit": run.git_commit,
        "lock_sha256": run.lock_sha256,
        "seeds": {"search": run.settings.search.seed, "evaluation": run.settings.evaluation.seed},
        "software": software(),
    }


def shown_pin(pin: Pin) -> dict[str, str] | str:
    """What a report shows of a pin: all of it, unless it tells of many objects."""
    return dict(pin) if len(pin) <= SHOWN_FACTS else compact(pin)


def evidence(run: Any) -> Evidence:
    """What the gates judge."""
    taken, program = run.taken, run.program
    return Evidence(
        source_rows=taken.source_rows,
        quarantined_rows=taken.quarantined_rows,
        used_rows=int(run.used.sum()),
        overlaps=run.overlaps,
        lookalikes=run.split.lookalikes,
        evaluation=run.evaluation,
        outcome_values=run.outcome_values,
        fairness=run.fairness,
        fairness_waived=run.settings.fairness.waived,
        additivity_error=run.explanation.additivity_error,
        explained_rows=len(run.explanation.values),
        parity_difference=program.parity.max_abs_difference,
        decisions_changed=program.parity.decisions_changed,
        latency_p99_milliseconds=Estimate(program.latency.p99_milliseconds, *program.latency.p99_bounds),
        program_bytes=program.size_bytes,
    )


def bundle_parts(run: Any) -> Parts:
    """What goes into the bundle."""
    holdout, table = run.part("holdout"), run.table()
    said = columns_of(predictions(run.predictor, holdout.X), run.program.classes)
    smoke = holdout.rows.head(SMOKE_ROWS).assign(
        **{name: values[:SMOKE_ROWS] for name, values in said.items()}
    )
    sensitive = [name for name in run.settings.fairness.features if name not in run.columns.names]
    data, watched = run.settings.data, [*run.columns.names, *sensitive]
    kept = [*data.group, *([data.weight] if data.weight else [])]
    labels = (cs.string() | cs.categorical() | cs.enum()) - cs.by_name(run.columns.texts)
    others = table.filter(run.where("train")).select(watched).select(labels).to_pandas()
    return Parts(
        name=run.settings.project.slug,
        program=run.program,
        smoke=smoke[[*run.columns.names, *said]],
        contract=schema.to_json(run.contract, run.columns.names, sensitive, kept),
        reference=reference(
            holdout.rows[watched],
            said,
            texts=run.columns.texts,
            others=others,
            groups=holdout.groups(data.group),
        ),
        decision=run.decision.to_json(),
        documents={"model_card.md": model_card(run, run.created), "datasheet.md": datasheet(run, table)},
        lineage={**lineage(run), "terms": terms(run.settings, run.target.negatives).to_json()},
        lock=run.lock,
        created=run.created,
    )


def ledger_entries(run: Any, by: str) -> list[dict[str, Any]]:
    """What the ledger is told: the decision, which binds every later attempt, and each waiver that it rests on."""
    decision = run.decision
    common = {"run": run.origin, "bundle_id": decision.bundle_id, "by": by}
    details = {
        "pathspec": f"{current.flow_name}/{current.run_id}",
        "data_version": decision.data_version,
        "holdout_id": decision.holdout_id,
        "mlflow_run_id": run.mlflow_run_id,
        "git_commit": run.git_commit,
        "failed": [check.code for check in decision.failed],
        **({"cause": run.cause} if run.cause else {}),
    }
    waived = [check for check in decision.checks if check.status == "waived"]
    verdict = {
        **common,
        "event": decision.outcome,
        "why": why(decision),
        "details": details,
        "once_key": run.origin,
    }
    waivers = (
        {
            **common,
            "event": "waived",
            "why": f"{check.code} {check.title}: {check.reason}",
            "once_key": f"{run.origin} {check.title}",
        }
        for check in waived
    )
    return [verdict, *waivers]


def write(run: Any, build: Path) -> Path:
    """Write decision, report, cases and bundle where people look, and point ``latest`` there; the run's folder."""
    folder: Path = build / "runs" / run.origin.partition("/")[2]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "decision.json").write_text(
        json.dumps(run.decision.to_json(), indent=1) + "\n", encoding="utf-8"
    )
    (folder / "report.html").write_text(run.report, encoding="utf-8")
    run.explanation.cases.to_parquet(folder / "cases.parquet")
    _put_away_unrecorded(folder / "bundle", run.decision.bundle_id)
    bundle.write(run.bundle, folder / "bundle")
    temporary = build / f".latest-{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(Path("runs") / folder.name)
    temporary.replace(build / "latest")
    return folder


def _put_away_unrecorded(folder: Path, bundle_id: str) -> None:
    """Remove the bundle of an attempt that died before it was recorded; a damaged one stays, to be looked at."""
    if folder.exists() and bundle.verify(folder).bundle_id != bundle_id:
        shutil.rmtree(folder)


def model_card(run: Any, created: str) -> str:
    """The model card, in Markdown."""
    settings, evaluation = run.settings, run.evaluation
    return documents.model_card(
        documents.CardEvidence(
            name=settings.project.name,
            description=settings.project.description,
            created=created,
            run=run.origin,
            git_commit=run.git_commit,
            software=software(),
            family=run.winner.family,
            parameters={
                name: "none" if value is None else value for name, value in run.winner.best.params.items()
            },
            trials=sum(len(result.trials) for result in run.results),
            seed=settings.search.seed,
            features=run.columns.described,
            objective=settings.objective.statement,
            kpi=settings.objective.kpi,
            prediction=prediction(run),
            worth=outcomes.spoken(run.outcome_values, run.target),
            unit=run.outcome_values.unit,
            source=run.taken.source,
            data_version=run.data_version,
            part_rows=part_rows(run),
            holdout_id=run.split.holdout_id,
            holdout_uses=run.decision.holdout_uses,
            metric=evaluation.metric,
            metrics=evaluation.metrics,
            baselines=evaluation.baselines,
            utility=evaluation.utility,
            slices=evaluation.slices.slices,
            backtest=run.backtest,
            fairness=run.fairness.compared,
            sensitive_features_used=settings.features.allow_sensitive,
            fairness_waived=settings.fairness.waived,
            outcome=run.decision.outcome,
            checks=run.decision.checks,
            **settings.documents.model_dump(),
        )
    )


def datasheet(run: Any, table: pl.DataFrame) -> str:
    """The datasheet of the run's data, in Markdown."""
    data, taken = run.settings.data, run.taken
    return documents.datasheet(
        documents.DatasheetEvidence(
            statements=documents.parse_statements(run.datasheet_text),
            version=run.data_version,
            source=run.taken.source,
            taken=taken.snapshot.created,
            rows=taken.snapshot.rows,
            size_bytes=taken.snapshot.size_bytes,
            period=period(table, data.time),
            columns=[
                documents.ColumnSummary(rule.name, rule.type, rule.allowed, table[rule.name].null_count())
                for rule in run.contract.columns
            ],
            target=data.target,
            target_summary=target_summary(run, table),
            sensitive=run.settings.fairness.features,
            quarantined={
                f"{violation.column}: {violation.rule}": violation.rows for violation in taken.violations
            },
            split=f"{run.rule.method}, salted, {run.rule.train:g}/{run.rule.validation:g}/{run.rule.holdout:g}",
            part_rows=part_rows(run),
        )
    )


def prediction(run: Any) -> str:
    """What is predicted, and how it becomes a decision."""
    target, evaluation = run.target, run.evaluation
    if target.task == "binary":
        return (
            f"It predicts whether `{target.column}` is `{target.classes[0]}`. A score of {evaluation.threshold:.4g} or more is "
            "decided positive."
        )
    if target.task == "multiclass":
        return (
            f"It predicts which of {len(target.classes)} classes `{target.column}` is: {', '.join(target.classes)}. The class "
            "whose choice is worth most in expectation is decided."
        )
    return (
        f"It predicts the number `{target.column}`, with an interval that holds {evaluation.calibration.level:.0%} of what "
        f"comes true. {_acted(run.predictor)}"
    )


def _acted(predictor: Any) -> str:
    if predictor.shift is None:
        return "What is expected is acted on."
    return (
        f"Between {min(predictor.shift):.4g} and {max(predictor.shift):.4g} is added to what is expected, by its size, before "
        "it is acted on."
    )


def target_summary(run: Any, table: pl.DataFrame) -> str:
    """What values the target takes."""
    values = run.target.encoded(table[run.target.column].to_pandas())
    if run.target.task == "binary":
        return f"positive when `{run.target.classes[0]}`: {values.mean():.1%} of the rows"
    if run.target.task == "multiclass":
        of_class = zip(run.target.classes, shares(values, len(run.target.classes)), strict=True)
        return ", ".join(f"{name} {share:.1%}" for name, share in of_class)
    return f"{values.min():.4g} to {values.max():.4g}, mean {values.mean():.4g}, standard deviation {values.std():.4g}"


def period(table: pl.DataFrame, time: str) -> str:
    """The time that the rows cover, as text."""
    return f"{time} {table[time].min()!s} to {table[time].max()!s}" if time else "not dated"


def roles(run: Any) -> dict[str, str]:
    """What each column that is no plain feature is to the model."""
    data = run.settings.data
    sensitive = dict.fromkeys(run.settings.fairness.features, "sensitive")
    allowed = dict.fromkeys(run.settings.features.allow_sensitive, "feature, sensitive")
    named = dict.fromkeys(data.key, "key") | dict.fromkeys(data.group, "group")
    excluded = dict.fromkeys(run.settings.features.exclude, "left out")
    special = {data.time: "time", data.weight: "weight", data.target: "target"}
    return {**sensitive, **allowed, **named, **excluded, **special}


def report_inputs(run: Any) -> ReportInputs:
    """Everything that the report shows."""
    settings, program = run.settings, run.program
    return ReportInputs(
        project=settings.project.name,
        description=settings.project.description,
        statement=settings.objective.statement,
        kpi=settings.objective.kpi,
        class_names=settings.objective.class_names if run.target.task == "binary" else run.target.classes,
        outcome_values=run.outcome_values,
        decision=run.decision,
        evaluation=run.evaluation,
        fairness=run.fairness,
        backtest=run.backtest,
        explanation=run.explanation,
        searches=run.results,
        recalibration=run.recalibration,
        snapshot=run.taken.snapshot,
        source_rows=run.taken.source_rows,
        quarantined_rows=run.taken.quarantined_rows,
        violations=run.taken.violations,
        parts=part_rows(run),
        columns=profile(run.table(), roles(run)),
        runtime=program.runtime,
        program_bytes=program.size_bytes,
        latency=program.latency,
        parity=program.parity,
        requests_per_second=settings.serving.requests_per_second,
        lineage=flat({"bundle_id": run.decision.bundle_id, **lineage(run), "pin": shown_pin(run.taken.pin)}),
        created=run.created,
    )


def run_record(run: Any, pathspec: str, by: str) -> RunRecord:
    """What MLflow is told."""
    return RunRecord(
        origin_run=run.origin,
        pathspec=pathspec,
        by=by,
        outcome=run.decision.outcome,
        bundle_id=run.decision.bundle_id,
        holdout_id=run.split.holdout_id,
        git_commit=run.git_commit,
        data=DataInput(
            run.settings.project.slug,
            run.data_version,
            run.taken.source,
            run.taken.snapshot.rows,
            {rule.name: rule.type for rule in run.contract.columns},
            pin=compact(run.taken.pin),
        ),
        params={"family": run.winner.family, **run.winner.best.params, **decided_by(run)},
        metrics={**run.evaluation.metrics, "expected_utility": run.evaluation.utility},
        searches=run.results,
        summary=f"{run.decision.outcome}: {why(run.decision)}",
    )


def decided_by(run: Any) -> dict[str, float]:
    """The number that turns scores into decisions, where it is one."""
    return {"threshold": run.evaluation.threshold} if run.target.task == "binary" else {}


def why(decision: Any) -> str:
    """The decision's reason in one sentence."""
    if decision.failed:
        return "; ".join(f"{check.code} {check.title}: {check.reason}" for check in decision.failed)
    judged = sum(check.status == "passed" for check in decision.checks)
    waived = sum(check.status == "waived" for check in decision.checks)
    unjudged = sum(check.status == "not_applicable" for check in decision.checks)
    return f"{judged} checks passed, {waived} waived, {unjudged} not judged, none failed"


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested values as one line each."""
    lines: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            lines |= flat(value, f"{prefix}{name} ")
        elif value not in ("", None, ()):
            lines[f"{prefix}{name}".replace("_", " ")] = str(value)
    return lines
