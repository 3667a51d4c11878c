"""The back-test of a training run: its winner fitted again up to each of several moments, and scored on what came later."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from metaflow.cards import Markdown
from numpy.typing import NDArray

from components.data import snapshot
from components.data.origins import origins
from components.data.rowhash import row_hashes
from components.reporting.ageing import ageing
from components.validation.backtest import Backtest, backtest
from flows.presentation import Picture


def backtested(run: Any) -> Backtest:
    """How the primary metric of the run's winner ages; the holdout is left alone."""
    data, options = run.settings.data, run.settings.evaluation
    times, groups = _times(run)
    found = origins(
        times,
        run.split.part,
        run.used,
        groups=groups,
        temporal=run.rule.method == "temporal",
        most_rows=options.backtest_rows,
        seed=options.seed,
    )
    where = np.zeros(len(run.used), bool)
    where[found.rows] = True
    return backtest(
        found,
        None if found.reason else run.examples(where),
        family=run.winner.family,
        params=run.winner.best.params,
        columns=run.columns,
        target=run.target,
        metric=run.settings.objective.metric,
        threshold=run.predictor.rule,
        group=data.group,
        seed=run.settings.search.seed,
    )


def _times(run: Any) -> tuple[pl.Series | None, NDArray[np.int64] | None]:
    """When each row of the snapshot was observed, and a code for rows that come together; None where no column says it."""
    time, group = run.settings.data.time, list(run.settings.data.group)
    if not time:
        return None, None
    with snapshot.scanned(run.data_version, run.durable) as rows:
        table = rows.select(list(dict.fromkeys([time, *group]))).collect()
    if not group:
        return table[time], None
    return table[time], np.unique(row_hashes(table, group), return_inverse=True)[1].astype(np.int64)


def shown(found: Backtest) -> list[Any]:
    """The curves for a card, or why there are none."""
    return [Markdown("# Ageing"), Markdown(found.reason), *map(Picture, ageing(found))]
