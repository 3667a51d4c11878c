"""The holdout is untouched until the evaluation: noise poured into its rows changes nothing that is made before."""

import pickle

import joblib
import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_limits

from components.data import split
from components.data.split import SplitRule
from components.training import examples, features, fitting, search
from components.training.candidates import FAMILIES
from components.training.features import Columns
from components.training.predictor import OutcomeValues
from components.training.target import Target
from tests.flows.project import COLUMNS, TARGET, Project, changed, rows
from tests.flows.test_resume import timeless

KEYED = changed(data={"key": ["person"]})
RULE = SplitRule("hash", "small", 0.6, 0.2, 0.2, key=("person",))
FEATURES = Columns(("age", "education"), ("marital_status", "relationship"))
VALUE = OutcomeValues(0.0, 0.0, 1.0, -1.0, "hundred dollars")


def keyed(count):
    return rows(count).with_row_index("person").cast({"person": pl.Int64})


def poured(table):
    """The table with other people's answers, and random ones to the target, in the rows of the holdout."""
    noise = np.random.default_rng(0)
    held = split.assign(table, RULE).part == split.HOLDOUT
    other = table.select(
        pl.col(*COLUMNS).shuffle(seed=1), pl.Series(TARGET, noise.random(table.height) < 0.5)
    )
    mask = pl.Series(held)
    return table.with_columns(
        pl.when(mask).then(other[name]).otherwise(pl.col(name)).alias(name) for name in (*COLUMNS, TARGET)
    )


def made(table):
    """What the training flow makes of a table before it evaluates; on one thread, as there."""
    with threadpool_limits(1):
        return _made(table)


def _made(table):
    divided = split.assign(table, RULE)

    def part(name):
        where = divided.part == split.PARTS.index(name)
        return examples.examples(table, where, columns=FEATURES, target=Target(TARGET, "binary", ("true",)))

    options = {"columns": FEATURES, "seed": 1}
    found = [
        search.search(
            **examples.learning(part("train"), (), max_rows=0, seed=1),
            family=family, metric="roc_auc", trials=2, folds=2, patience=2, **options,
        )
        for family in list(FAMILIES.values())[:2]
    ]  # fmt: skip
    winner = search.choose(found)
    fitted = fitting.fit(
        winner.family,
        winner.best.params,
        part("train"),
        part("validation"),
        value=VALUE,
        alpha=0.01,
        **options,
    )
    return {
        "parts": divided.part.tolist(),
        "holdout": divided.holdout_id,
        "search": [timeless(result) for result in found],
        "winner": timeless(winner),
        "predictor": pickle.dumps(fitted.predictor),
        "recalibration": fitted.recalibration,
        "baselines": pickle.dumps(fitting.baselines(part("train"), **options)),
    }


@pytest.fixture(scope="module")
def before_and_after():
    table = keyed(1000)
    return made(table), made(poured(table))


@pytest.mark.parametrize(
    "result", ["parts", "holdout", "search", "winner", "predictor", "recalibration", "baselines"]
)
def test_noise_in_the_holdout_leaves_what_was_made_before_as_it_was(before_and_after, result):
    before, after = before_and_after
    assert before[result] == after[result]


def test_noise_in_the_training_part_does_not(before_and_after):
    table = keyed(1000)
    learned = split.assign(table, RULE).part == split.TRAIN
    flipped = table.with_columns(pl.col(TARGET) ^ pl.Series(learned & (np.arange(1000) % 3 == 0)))
    assert made(flipped)["predictor"] != before_and_after[0]["predictor"]


@pytest.mark.system
def test_noise_in_the_holdout_changes_nothing_that_the_flow_made_before_the_evaluation(tmp_path):
    table = keyed(4000)
    left = {}
    for name, each in {"clean": table, "noisy": poured(table)}.items():
        project = Project.make(tmp_path / name, each, KEYED)
        output = project.train().output
        assert "Done!" in output, output
        artifacts = {
            key: project.artifact(key, "evaluate") for key in ("split", "results", "predictor", "baselines")
        }
        left[name] = {
            "part": artifacts["split"].part.tolist(),
            "holdout": artifacts["split"].holdout_id,
            "results": [timeless(result) for result in artifacts["results"]],
            # Pickles of equal objects differ where two texts are one object in one of them; these hashes do not.
            "predictor": joblib.hash(artifacts["predictor"]),
            "baselines": joblib.hash(artifacts["baselines"]),
        }
    assert left["clean"] == left["noisy"]


def test_features_are_chosen_by_the_contract_alone():
    kinds = {"age": "integer", "sex": "category", TARGET: "boolean"}
    assert features.select(kinds, target=TARGET, excluded=[TARGET, "sex"]) == Columns(("age",), ())
