"""What is looked at in one window: what was served, as soon as it has ended; what came true, once labels are due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import polars as pl

from components.monitoring.accounts import Account, Stage, window_id
from components.monitoring.answers import Answers, answers, expected
from components.monitoring.arrivals import Independence, design_of, independence, unjudged
from components.monitoring.association import association_findings, parted
from components.monitoring.calibration import calibration, calibration_findings
from components.monitoring.drift import ColumnDrift, drift, drift_findings
from components.monitoring.estimation import MOVED, conditions, estimated
from components.monitoring.fairness import disparities, fairness_findings
from components.monitoring.finding import Finding, Kind
from components.monitoring.formers import Former, compared
from components.monitoring.labels import Joined, labels_finding
from components.monitoring.performance import approved_with, performance, performance_findings
from components.monitoring.predictions import Predictions
from components.monitoring.profile import Profile, profile
from components.monitoring.quality import (
    category_findings,
    contract_findings,
    freshness_finding,
    log_findings,
    missing_findings,
    violations,
    volume_finding,
)
from components.monitoring.scored import SetAside
from components.monitoring.skew import skew_finding
from components.monitoring.staleness import age_days, staleness_finding
from components.monitoring.trial import Numbers, trial_findings
from components.monitoring.untested import few_rows, not_logged, sensitive_not_logged
from components.monitoring.watched import Limits, Watched
from components.monitoring.windows import Window

ESTIMATED_ROWS, SKEW_ROWS = 20_000, 1_000
AFTER_LABELS = ("calibration", "performance", "utility", "fairness")
GROUPED = "rows of one group (data.group) tell the same more than once, and an interval that is read again and again wants rows by themselves"


def served(
    found: Predictions,
    window: Window,
    model: Watched,
    environment: str,
    limits: Limits,
    before: Sequence[int],
) -> Account:
    """What was served in a window: quality, drift, skew, and what the scores promise; no label is looked at.

    Args:
        found: the predictions, of this window and perhaps others.
        window: which one.
        model: that answered.
        environment: where it is served.
        limits: of what is allowed.
        before: the rows of earlier windows.
    """
    rows = found.within(window.start, window.end, model.bundle_id)
    refused = found.refused(window.start, window.end, model.bundle_id)
    counted = profile(rows, model.bins, threads=limits.threads)
    findings = [
        volume_finding(counted.rows, before, least=limits.min_rows, factor=limits.volume_factor),
        *log_findings(*found.faults.within(window.start, window.end)),
        staleness_finding(age_days(model.created, window), most_days=limits.model_age_days),
    ]
    details: dict[str, Any] = {
        "age_days": age_days(model.created, window),
        "refused": sum(each.rows for each in refused),
    }
    if counted.rows:
        came = independence(rows, model.group, model.independent_share)
        findings += _quality(rows, counted, refused, window, model, limits, came)
        sample = _sample(rows, max(ESTIMATED_ROWS, SKEW_ROWS), counted.rows, limits.seed)
        shares = (came.then, came.now)
        drifts = drift(counted, model.bins, rate=limits.rate("drift"), seed=limits.seed, shares=shares)
        if counted.rows >= limits.min_rows:
            moved = drift_findings(
                drifts, alarm_psi=limits.alarm_psi, rate=limits.rate("drift"), predicted=model.predicted
            )
            moved += _associations(sample, model, limits, came)
            findings += unjudged(moved, ("drift", "association"), came.unknown)
        findings += few_rows(MOVED, counted.rows, limits.min_rows)
        unwatched = sorted(set(model.bins) - set(counted.columns))
        findings += not_logged(unwatched, model)
        findings.append(
            skew_finding(
                sample,
                model.files,
                tolerance=limits.tolerance,
                classes=model.target.several,
                seed=limits.seed,
            )
        )
        if counted.rows >= limits.min_rows:
            details["estimate"] = _estimate(sample, model, limits, findings)
        details["drift"] = [_told(each) for each in drifts]
        details["unwatched"] = unwatched
    return _account("served", window, model, environment, counted.rows, findings, details)


def labelled(
    found: Joined,
    window: Window,
    model: Watched,
    environment: str,
    limits: Limits,
    *,
    trials: Mapping[str, Numbers],
    before: Sequence[Mapping[str, Numbers]],
    formers: Sequence[Former] = (),
) -> Account:
    """What came true of a window's predictions: calibration, performance, utility, fairness.

    Args:
        found: the window's predictions with their labels.
        window: which one.
        model: that answered.
        environment: where it is served.
        limits: of what is allowed.
        trials: what was kept of this window's trials beside the champion.
        before: what was kept of them in earlier windows.
        formers: the champions before, which are asked what they would have scored.
    """
    told = answers(found.rows, model.target, labelled=True) if found.rows.height else None
    found = replace(found, unreadable=told.unreadable if told else 0)
    allowed = {"allowed_missing": limits.alarm_unlabelled, "allowed_unknown": limits.alarm_unknown}
    findings = [labels_finding(found, **allowed, expected=expected(model.target))] if found.predicted else []
    tried = trial_findings(trials, before, alpha=limits.rate("experiment"), value=model.value)
    findings += unjudged(tried, ("experiment",), GROUPED if model.group else "")
    details: dict[str, Any] = {
        "predicted": found.predicted,
        "missing_fraction": found.missing_fraction,
        "contradictory": found.settled.contradictory,
        "twice": found.settled.twice,
        "revised": found.settled.revised,
        "unknown": found.observed.unknown,
        "elsewhere": found.observed.elsewhere,
        "unreadable": found.unreadable,
        "age_days": age_days(model.created, window),
        "trials": trials,
    }
    rows = len(told.truth) if told else 0
    if told and rows >= limits.min_rows:
        more, numbers = _after_labels(told, model, limits)
        findings, details = [*findings, *more], {**details, **numbers}
        details["formers"] = compared(told, formers, model, seed=limits.seed)
    elif found.predicted:
        wanted = _tested_after_labels(model, limits)
        findings += few_rows(wanted, rows, limits.min_rows, what="rows with labels")
    return _account("labelled", window, model, environment, rows, findings, details)


def _quality(
    rows: pl.LazyFrame,
    counted: Profile,
    refused: Sequence[SetAside],
    window: Window,
    model: Watched,
    limits: Limits,
    came: Independence,
) -> list[Finding]:
    newest, kinds = (
        rows.select(pl.col("served_at").max(), pl.col("variant").unique().implode())
        .collect(engine="streaming")
        .row(0)
    )
    fresh = freshness_finding(newest, window, silent_fraction=limits.alarm_silent)
    if list(kinds) == ["batch"]:
        fresh = Finding("freshness", "", False, "Scored in batches, not by a server.", judged=False)
    broken = violations(rows, model.contract).with_refused(refused)
    looked_at = counted.rows + sum(each.rows for each in refused)
    missing = missing_findings(
        counted,
        model.bins,
        rate=limits.rate("missing"),
        allowed=limits.alarm_missing,
        shares=(came.then, came.now),
    )
    return [
        fresh,
        *contract_findings(broken, looked_at, rate=limits.rate("contract"), allowed=limits.alarm_rows),
        *unjudged(missing, ("missing",), came.unknown),
        *category_findings(counted, model.bins, rate=limits.rate("categories"), allowed=limits.alarm_rows),
    ]


def _associations(sample: pl.DataFrame, model: Watched, limits: Limits, came: Independence) -> list[Finding]:
    rate = limits.rate("association")
    # Of a sample of the window's rows at least as large a part is independent as of them all.
    found = parted(
        sample.to_pandas(), model.reference, rate=rate, seed=limits.seed, shares=(came.then, came.now)
    )
    return association_findings(found, alarm_psi=limits.alarm_psi, rate=rate)


def _estimate(
    sample: pl.DataFrame, model: Watched, limits: Limits, findings: Sequence[Finding]
) -> dict[str, Any]:
    found = estimated(
        answers(sample, model.target, labelled=False),
        metric=model.metric,
        threshold=model.threshold,
        value=model.value,
        conditions=conditions(findings, model.decision),
        seed=limits.seed,
    )
    return {**asdict(found), "believed": found.believed}


def _after_labels(told: Answers, model: Watched, limits: Limits) -> tuple[list[Finding], dict[str, Any]]:
    design, unknown = design_of(told.rows, model.group, model.weight)
    options: dict[str, Any] = {"replicates": limits.replicates, "seed": limits.seed, "design": design}
    calibrated = calibration(
        told.truth,
        told.y_score,
        then=approved_with(model.decision, "K01"),
        rate=limits.rate("calibration"),
        classes=model.target.several,
        numbers=model.target.task == "regression",
        design=design,
    )
    performed = performance(
        told,
        metric=model.metric,
        threshold=model.threshold,
        value=model.value,
        rate=limits.rate("performance"),
        utility_rate=limits.rate("utility"),
        **options,
    )
    fair = disparities(
        told, model.target, sensitive=limits.sensitive, bands=limits.bands, min_rows=limits.min_group_rows,
        level=1 - limits.rate("fairness") / max(2 * len(limits.sensitive) ** 2, 1), **options,
    )  # fmt: skip
    findings = [
        *calibration_findings(calibrated, alarm=limits.alarm_calibration, alarm_decile=limits.alarm_decile),
        *performance_findings(performed, approved_with(model.decision, "P01"), alarm_drop=limits.alarm_drop),
        *fairness_findings(fair, limits.fairness, limits.waived),
        *sensitive_not_logged(limits.sensitive, told.rows.columns),
    ]
    numbers = {
        "calibration": asdict(calibrated),
        "metric": asdict(performed.metric) if performed.metric else None,
        "utility": asdict(performed.utility) if performed.utility else None,
    }
    return unjudged(findings, AFTER_LABELS, unknown), numbers


def _tested_after_labels(model: Watched, limits: Limits) -> list[Kind]:
    """The kinds that labels let be judged of this model."""
    kinds: list[Kind] = ["calibration", "performance"]
    kinds += ["utility"] if model.target.task == "binary" else []
    return kinds + (["fairness"] if limits.sensitive else [])


def _account(
    stage: Stage,
    window: Window,
    model: Watched,
    environment: str,
    rows: int,
    findings: Sequence[Finding],
    details: Mapping[str, Any],
) -> Account:
    named = window_id(environment, window, model.bundle_id, stage)
    span = (window.start.isoformat(), window.end.isoformat())
    return Account(
        named, stage, window.label, *span, environment, model.bundle_id, rows, tuple(findings), details
    )


def _sample(rows: pl.LazyFrame, most: int, height: int, seed: int) -> pl.DataFrame:
    """Some of the rows, all of them where they are few: each with a chance that its id decides, by no clock."""
    if height <= most:
        return rows.collect()
    share = int(most / height * 2**32)
    chosen = pl.col("prediction_id").hash(seed) % 2**32 < share
    return rows.filter(chosen).collect()


def _told(each: ColumnDrift) -> dict[str, Any]:
    return {**vars(each), "distances": {name: list(pair) for name, pair in each.distances.items()}}
