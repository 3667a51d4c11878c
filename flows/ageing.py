"""The back-test of a training run: its winner fitted again up to each of several moments, and scored on what came later."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.data.origins import origins
from components.data.rowhash import row_hashes
from components.validation.backtest import Backtest, backtest


def backtested(run: Any) -> Backtest:
    """How the primary metric of the run's winner ages; the holdout is left alone."""
    data, options, table = run.settings.data, run.settings.evaluation, run.table()
    group = list(data.group)
    found = origins(
        table[data.time] if data.time else None,
        run.split.part,
        run.used,
        groups=np.unique(row_hashes(table, group), return_inverse=True)[1] if group else None,
        temporal=run.rule.method == "temporal",
        most_rows=options.backtest_rows,
        seed=options.seed,
    )
    where = np.zeros(table.height, bool)
    where[found.rows] = True
    del table
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
