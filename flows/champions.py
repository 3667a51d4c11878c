"""The champion's own answers on a run's holdout."""

import json
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from metaflow.exception import MetaflowException

from components.data import split
from components.data.split import SplitRule
from components.errors import ConfigError, DataError
from components.release.ledger import Entry, Ledger
from components.release.parity import answers
from components.training.examples import Examples
from components.training.features import Columns, inputs
from components.validation.evaluation import ChampionScores
from components.validation.metrics import Rule
from flows.orchestration import bundle_of


def scores(run: Any, holdout: Examples) -> ChampionScores | None:
    """What the standing champion says of the holdout's rows, and which of them it has never seen; None if none stands.

    A champion that cannot be asked is not passed over: the answer says why.

    Raises:
        BundleError: the champion's bundle is not the one that the ledger names.
    """
    entry = Ledger(run.durable).champion(run.settings.deploy.live)
    return None if entry is None else scores_of(entry, run, holdout)


def scores_of(entry: Entry, run: Any, holdout: Examples) -> ChampionScores:
    """What a champion says of the holdout's rows.

    Args:
        entry: its promotion.
        run: the run whose holdout it is.
        holdout: its examples.

    Raises:
        BundleError: the champion's bundle is not the one that the ledger names.
    """
    try:
        return _asked(run, holdout, entry)
    except (DataError, ConfigError) as error:
        why = f"The champion {entry.bundle_id[:12]} cannot score this table: {error}"
    except MetaflowException as error:
        why = f"The bundle of the champion {entry.bundle_id[:12]} is not in this Metaflow datastore: {error}"
    return ChampionScores.unanswered(entry.bundle_id, len(holdout.y), why)


def threshold_of(lineage: Mapping[str, Any]) -> Rule:
    """What turns a bundle's scores into decisions."""
    rule = np.asarray(lineage["threshold"], dtype=np.float64)
    return rule if rule.ndim else float(rule)


def _asked(run: Any, holdout: Examples, entry: Entry) -> ChampionScores:
    files = bundle_of(entry)
    lineage = json.loads(files["lineage.json"])
    recorded = {key: tuple(v) if isinstance(v, list) else v for key, v in lineage["split"].items()}
    known = SplitRule(**cast(Any, recorded))
    untouched = split.untouched(run.table(), run.rule, known)[run.where("holdout")]
    columns = Columns.of_kinds(json.loads(files["program.json"])["inputs"])
    if (
        tuple(lineage.get("classes", ())) != run.target.several
        or lineage.get("task", "binary") != run.target.task
    ):
        raise ConfigError("it predicts another target, or other classes.")
    # Its own code answers, as it was packed, and not what stands in components/ today.
    y_score = answers(files, inputs(holdout.rows, columns))
    return ChampionScores(entry.bundle_id, y_score, threshold_of(lineage), untouched)
