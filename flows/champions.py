"""The champion's own answers on a run's holdout."""

import json
import tempfile
from pathlib import Path
from typing import Any, cast

import pandas as pd

from components.data import split
from components.data.split import SplitRule
from components.release import bundle
from components.release.ledger import Ledger
from components.serving.program import Program
from components.training.examples import Examples
from components.training.features import Columns, inputs
from components.validation.evaluation import ChampionScores
from flows.orchestration import judged


def scores(run: Any, holdout: Examples) -> ChampionScores | None:
    """What the standing champion says of the holdout's rows, and which of them it has never seen; None if none stands.

    Raises:
        BundleError: the champion's bundle is not the one that the ledger names.
    """
    entry = Ledger(run.durable).champion()
    if entry is None:
        return None
    files = judged(entry.details.get("pathspec") or entry.run, "bundle")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "bundle"
        bundle.write(files, folder)
        bundle.verify(folder, entry.bundle_id)
        program = Program.load(folder)
        y_score, _ = program.predict(answerable(holdout.rows, program.inputs))
        lineage = json.loads((folder / "lineage.json").read_text(encoding="utf-8"))
    rule = SplitRule(
        **cast(Any, {key: tuple(v) if isinstance(v, list) else v for key, v in lineage["split"].items()})
    )
    untouched = split.untouched(run.table(), run.rule, rule)[run.where("holdout")]
    return ChampionScores(entry.bundle_id, y_score, float(lineage["threshold"]), untouched)


def answerable(rows: pd.DataFrame, kinds: dict[str, str]) -> dict[str, Any]:
    """A table's rows as a program reads them: one array of shape (n,) a column."""
    numeric = tuple(name for name, kind in kinds.items() if kind == "double")
    categorical = tuple(name for name, kind in kinds.items() if kind != "double")
    X = inputs(rows, Columns(numeric, categorical))
    return {name: X[name].to_numpy() for name in X.columns}
