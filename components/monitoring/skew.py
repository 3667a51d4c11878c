"""Whether serving does what training did: logged rows go through the bundle's own program once more."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
import polars as pl

from components.errors import FlowprintError
from components.monitoring.answers import Floats
from components.monitoring.finding import Finding
from components.release.parity import answers
from components.training.features import Columns, inputs

MOST_ROWS = 1_000


def skew_finding(
    logged: pl.DataFrame, files: Mapping[str, bytes], *, tolerance: float, classes: tuple[str, ...], seed: int
) -> Finding:
    """An alarm where a score differs from what the bundle's program makes of the very same row, in a clean process.

    Two links are looked at: the rows that the training flow recorded with its own scores (smoke.parquet), which the program
    must repeat, and rows that were served, whose logged scores it must repeat.

    Args:
        logged: rows of the prediction log that the bundle answered.
        files: the bundle, verified.
        tolerance: the largest distance between two scores that is rounding.
        classes: of several classes, their names.
        seed: of the sample, where there are more than `MOST_ROWS`.
    """
    kinds = json.loads(files["program.json"])["inputs"]
    if absent := [name for name in kinds if name not in logged.columns]:
        reason = f"Cannot be told: the log does not keep {', '.join(absent)} (serving.log_columns)."
        return Finding("skew", "", False, reason, judged=False)
    if not logged.height:
        return Finding("skew", "", False, "Cannot be told: nothing was served.", judged=False)
    recorded = pl.read_parquet(io.BytesIO(files["smoke.parquet"]))
    sample = logged.sample(min(MOST_ROWS, logged.height), seed=seed)
    try:
        X = pd.concat([model_input(recorded, kinds), model_input(sample, kinds)], ignore_index=True)
        found = answers(files, X)
    except (FlowprintError, pl.exceptions.PolarsError, ValueError, TypeError) as error:
        reason = f"The program cannot read what was logged: {error}"
        return Finding("skew", "", True, reason, severity="critical")
    told = np.concatenate([_scores(recorded, classes), _scores(sample, classes)])
    distance = np.abs(found - told).reshape(len(told), -1).max(axis=1)
    trained, served = distance[: recorded.height], distance[recorded.height :]
    differing = int((served > tolerance).sum())
    reason = (
        f"The program repeats training's {len(trained)} recorded scores to {trained.max():.2g}, and {len(served):,} logged ones to "
        f"{served.max():.2g} ({tolerance:g} is rounding): {differing:,} were served otherwise than training would have it."
    )
    largest = float(distance.max())
    return Finding(
        "skew", "", not largest <= tolerance, reason, largest, limit=tolerance, severity="critical"
    )


def model_input(rows: pl.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """The model's input of logged rows, by training's own definition; dates are logged as seconds since 1970."""
    dates = [
        (pl.col(name).cast(pl.Float64) * 1e6).cast(pl.Int64).cast(pl.Datetime("us"))
        for name, kind in kinds.items()
        if kind == "datetime" and rows[name].dtype.is_numeric()
    ]
    return inputs(rows.select(list(kinds)).with_columns(dates).to_pandas(), Columns.of_kinds(kinds))


def _scores(rows: pl.DataFrame, classes: tuple[str, ...]) -> Floats:
    names = [f"y_score_{name}" for name in classes] or ["y_score"]
    scores = rows.select(pl.col(names).cast(pl.Float64)).to_numpy()
    return scores if classes else scores[:, 0]
