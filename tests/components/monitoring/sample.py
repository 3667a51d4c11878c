"""A model of the sample's 2015, and what it would have logged of the years after."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from components.data import schema
from components.monitoring.watched import Limits, Watched
from components.monitoring.windows import Window, window_of
from components.release.bundle import Parts, contents
from components.release.export import predictions, program
from components.release.manifest import verify_files
from components.release.reference import reference
from components.training import fitting
from components.training.candidates import FAMILIES
from components.training.examples import examples
from components.training.features import Columns, select
from components.training.outcomes import OutcomeValues
from components.training.predictor import Predictor
from components.training.target import Target
from components.validation.metrics import bootstrap

ROOT = Path(__file__).parents[3]
CREATED = "2016-01-01T00:00:00+00:00"
VALUE = OutcomeValues(0.0, 0.0, 1.0, -1.0, "hundred dollars")
TARGET = Target("employed", "binary", ("true",), ("false",))
SENSITIVE = ("sex", "race")
LIMITS = Limits(
    fairness={"F01": 0.2, "F02": 0.3}, sensitive=SENSITIVE, model_age_days=2000, replicates=200, seed=7
)


@cache
def table() -> pl.DataFrame:
    return pl.read_parquet(ROOT / "data" / "acs_employment_ma_18_64.parquet")


def model() -> Watched:
    return _made()[0]


@cache
def _made() -> tuple[Watched, Predictor, Columns]:
    """A gradient boosting of 60 % of 2015, recalibrated on 20 % if need be, with the reference of the last 20 %."""
    year = table().filter(pl.col("year") == 2015)
    contract = schema.infer(table())
    columns = select(contract.types, target="employed", excluded=["year", *SENSITIVE])
    part = np.random.default_rng(5).choice(3, year.height, p=[0.6, 0.2, 0.2])
    train, validation, holdout = (
        examples(year, part == place, columns=columns, target=TARGET) for place in range(3)
    )
    family = FAMILIES["gradient_boosting"]
    predictor = fitting.fit(
        family.name, family.default, train, validation, columns=columns, value=VALUE, alpha=0.01, seed=1
    ).predictor
    said = predictions(predictor, holdout.X)
    primary = bootstrap(
        "roc_auc", holdout.y, said["y_score"], threshold=predictor.threshold, replicates=200, seed=1
    )
    checks = [
        {"code": "P01", "value": primary.value, "interval": [primary.low, primary.high], "status": "passed"},
        {"code": "K01", "value": 0.0, "interval": [-0.01, 0.01], "status": "passed"},
        {"code": "K02", "value": 0.01, "interval": [0.0, 0.03], "status": "passed"},
    ]
    files = contents(
        Parts(
            name="job_coaching",
            program=program(predictor, columns, holdout.X.head(300)),
            smoke=holdout.rows[list(columns.names)].assign(**said).head(40),
            contract=schema.to_json(contract, columns.names, list(SENSITIVE)),
            reference=reference(holdout.rows[[*columns.names, *SENSITIVE]], said),
            decision={"outcome": "approved", "run": "TrainFlow/1", "data_version": "d0", "checks": checks},
            documents={"model_card.md": "# Model card\n", "datasheet.md": "# Datasheet\n"},
            lineage={"run": "TrainFlow/1", "threshold": predictor.threshold, "task": "binary", "classes": []},
            lock=(ROOT / "requirements.lock").read_text(),
            created=CREATED,
        )
    )
    watched = Watched(verify_files(files).bundle_id, files, TARGET, "roc_auc", VALUE)
    return watched, predictor, columns


def window(year: int) -> Window:
    return window_of("year", datetime(year, 6, 1, tzinfo=UTC))


def logged(rows: pl.DataFrame, year: int) -> pl.DataFrame:
    """The rows as the server's log would have them, evenly over the year."""
    watched, predictor, columns = _made()
    said = predictions(predictor, examples(rows, columns=columns, target=TARGET).X)
    start, step = datetime(year, 1, 1, tzinfo=UTC), timedelta(days=365) / max(rows.height, 1)
    names = [*json.loads(watched.files["program.json"])["inputs"], *SENSITIVE]
    return rows.select(names).select(
        pl.Series("prediction_id", [f"{year}-{number}:0" for number in range(rows.height)]),
        pl.Series("served_at", [start + number * step for number in range(rows.height)]),
        pl.lit("TrainFlow/1").alias("model_version"),
        pl.lit(watched.bundle_id).alias("bundle_id"),
        pl.lit("champion").alias("variant"),
        pl.all(),
        pl.Series("y_score", said["y_score"]),
        pl.Series("y_pred", said["y_pred"]),
    )


@cache
def log(year: int) -> pl.DataFrame:
    return logged(table().filter(pl.col("year") == year), year)


@cache
def labels(year: int) -> pl.DataFrame:
    """The labels of a year, each a week after its prediction."""
    return log(year).select(
        "prediction_id",
        table().filter(pl.col("year") == year)["employed"].alias("y_true"),
        (pl.col("served_at") + timedelta(days=7)).alias("observed_at"),
    )
