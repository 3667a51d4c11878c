"""A report on a real model of a sample of the real data, small enough to be made once a session."""

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from components.data import schema, snapshot, split
from components.data.origins import origins
from components.release.parity import Latency, Parity
from components.reporting.data_profile import profile
from components.reporting.report import ReportInputs
from components.store import Store
from components.training import candidates, features, fitting
from components.training.examples import examples, learning
from components.training.predictor import OutcomeValues
from components.training.search import choose, search
from components.training.target import Target
from components.validation.audit import audit, sensitive_features
from components.validation.backtest import Backtest, backtest
from components.validation.evaluation import evaluate
from components.validation.explanation import explain
from components.validation.gates import Decision, Limit, outcome
from components.validation.metrics import Estimate
from components.validation.verdict import Evidence, verdict

SOURCE = "data/acs_employment_ma_18_64.parquet"
SENSITIVE = ("sex", "race", "disability")
VALUE = OutcomeValues(0.0, 0.0, 1.0, -1.0, "hundred dollars")
RULE = split.SplitRule("hash", "s", 0.5, 0.2, 0.3, (), (), "", "", "")
LIMITS = {
    "D01": 0.01, "D02": 0.05, "L02": 0.95, "B01": 0.0, "B02": -0.05, "P01": 0.65, "P02": 0.3, "U01": -0.05,
    "C01": 0.01, "K01": 0.1, "F01": 0.4, "F02": 0.6, "F03": 0.2, "R01": 0.2, "R02": 0.2, "E01": 1e-6,
    "S01": 20.0, "S02": 50.0, "T01": 1e-9,
}  # fmt: skip
WAIVED = {"disability": "being out of work is related to disability in the data itself"}


@cache
def inputs(folder: str, rows: int = 6000) -> ReportInputs:
    """The inputs of a report, with a store in the folder."""
    with threadpool_limits(1):  # threads of several test workers would wait for one another
        return _inputs(folder, rows)


def _inputs(folder: str, rows: int) -> ReportInputs:
    table = pl.read_parquet(SOURCE).filter(pl.col("year") == 2015).sample(rows, seed=7)
    taken = snapshot.take(table, source=SOURCE, store=Store(folder))
    parts = split.assign(table, RULE)
    columns = features.select(schema.infer(table).types, target="employed", excluded=["year", *SENSITIVE])
    train, validation, holdout = (
        examples(table, parts.part == part, columns=columns, target=Target("employed", "binary", ("true",)))
        for part in range(3)
    )
    searches = [
        search(
            **learning(train, (), max_rows=1000, seed=1),
            family=candidates.FAMILIES[name],
            columns=columns,
            metric="roc_auc",
            trials=2,
            folds=2,
            patience=3,
            seed=1,
        )
        for name in ("linear", "gradient_boosting")
    ]
    chosen = choose(searches)
    fitted = fitting.fit(
        chosen.family,
        chosen.best.params,
        train,
        validation,
        columns=columns,
        value=VALUE,
        alpha=0.01,
        seed=1,
    )
    evaluation = evaluate(
        fitted.predictor,
        holdout,
        validation,
        target=Target("employed", "binary", ("true",)),
        family=chosen.family,
        baselines=fitting.baselines(train, columns=columns, seed=1),
        columns=columns,
        metric="roc_auc",
        value=VALUE,
        replicates=200,
        min_slice_rows=150,
        seed=1,
    )
    fairness = audit(
        fitted.predictor,
        validation,
        holdout,
        sensitive=("sex",),  # groups large enough for a trade-off
        reported=SENSITIVE,
        bands={},
        min_rows=60,
        value=VALUE,
        replicates=200,
        seed=1,
    )
    explanation = explain(
        fitted.predictor,
        holdout.X,
        holdout.y,
        sensitive_features=sensitive_features(holdout.rows, SENSITIVE, {}),
        rows=600,
        cases=6,
        seed=1,
    )
    parity, latency = Parity(evaluation.rows, 2.2e-16, 0), Latency(0.03, 0.09, 150_000.0, (0.08, 0.11))
    evidence = Evidence(
        source_rows=rows,
        quarantined_rows=0,
        used_rows=rows,
        overlaps=split.overlaps(parts, table, RULE),
        lookalikes=parts.lookalikes,
        evaluation=evaluation,
        outcome_values=VALUE,
        fairness=fairness,
        additivity_error=explanation.additivity_error,
        explained_rows=len(explanation.X),
        parity_difference=parity.max_abs_difference,
        decisions_changed=parity.decisions_changed,
        latency_p99_milliseconds=Estimate(latency.p99_milliseconds, *latency.p99_bounds),
        program_bytes=412_345,
        fairness_waived=WAIVED,
    )
    checks = verdict(evidence, {code: Limit(threshold) for code, threshold in LIMITS.items()})
    decision = Decision(
        outcome(checks), "TrainFlow/1", taken.version, parts.holdout_id, 2, "9f2c" * 16, checks
    )
    return ReportInputs(
        project="Flowprint sample",
        description="Predicts who is in work",
        statement="Offer job coaching to people who are out of work",
        kpi="value of the coaching offered, per person seen",
        class_names=("out of work", "in work"),
        outcome_values=VALUE,
        decision=decision,
        evaluation=evaluation,
        fairness=fairness,
        backtest=aged(rows),
        explanation=explanation,
        searches=searches,
        recalibration=fitted.recalibration,
        snapshot=taken,
        source_rows=rows,
        quarantined_rows=0,
        violations=(),
        parts={name: int((parts.part == part).sum()) for part, name in enumerate(split.PARTS)},
        columns=profile(
            table, {"employed": "target", "year": "time", **dict.fromkeys(SENSITIVE, "sensitive")}
        ),
        runtime="onnx",
        program_bytes=412_345,
        latency=latency,
        parity=parity,
        requests_per_second=50.0,
        lineage={"git commit": "0f3c2d9", "seeds": "1"},
        created="2025-11-23T05:10:00+00:00",
    )


@cache
def aged(rows: int = 6000) -> Backtest:
    """How a linear model of some rows of all years ages."""
    table = pl.read_parquet(SOURCE).sample(rows, seed=7)
    target = Target("employed", "binary", ("true",))
    columns = features.select(schema.infer(table).types, target="employed", excluded=["year", *SENSITIVE])
    found = origins(table["year"], split.assign(table, RULE).part, np.ones(rows, bool))
    return backtest(
        found, examples(table[found.rows], columns=columns, target=target), family="linear", params={"C": 1.0},
        columns=columns, target=target, metric="roc_auc", threshold=0.5, seed=1,
    )  # fmt: skip


def rejected(given: ReportInputs) -> ReportInputs:
    """The same inputs with a limit of the primary metric that no model reaches."""
    checks = tuple(
        replace(check, status="failed", threshold=0.99, reason="It is lower; it must be at least 0.99.")
        if check.code == "P01"
        else check
        for check in given.decision.checks
    )
    return replace(given, decision=replace(given.decision, outcome="rejected", checks=checks))
