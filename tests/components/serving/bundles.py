"""Bundles for the tests of the server: small models of the sample's people, packed as the flow packs its own."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd
import polars as pl

from components.data import schema
from components.release.bundle import Parts, contents, write
from components.release.export import predictions, program
from components.release.manifest import verify_files
from components.release.reference import reference
from components.training.candidates import FAMILIES, build
from components.training.features import Columns, inputs
from components.training.predictor import Predictor

ROOT = Path(__file__).parents[3]
COLUMNS = Columns(("age", "education", "foreign_born"), ("marital_status", "relationship"))
ROW = {
    "age": 40,
    "education": 16,
    "foreign_born": False,
    "marital_status": "married",
    "relationship": "spouse",
}


@dataclass(frozen=True)
class Bundle:
    """A bundle's files, not yet written anywhere."""

    bundle_id: str
    files: dict[str, bytes]

    def write(self, deployment: Path) -> Path:
        """Lay the bundle into a deployment's folder."""
        folder = deployment / "bundles" / self.bundle_id
        write(self.files, folder)
        return folder


@cache
def people() -> pl.DataFrame:
    return pl.read_parquet(ROOT / "data" / "acs_employment_ma_18_64.parquet").sample(1500, seed=4)


@cache
def bundle(
    run: str = "TrainFlow/1", *, C: float = 1.0, outcome: str = "approved", columns: Columns = COLUMNS
) -> Bundle:
    """The bundle of a linear model, which differs by its regularisation or its columns."""
    table: pd.DataFrame = people().to_pandas()
    X, y = inputs(table, columns), table.employed.to_numpy(int)
    predictor = Predictor(build(FAMILIES["linear"], {"C": C}, columns, 0)).fit(X, y)
    said = predictions(predictor, X)
    files = contents(
        Parts(
            name="job_coaching",
            program=program(predictor, columns, X.head(300)),
            smoke=table[list(columns.names)].assign(**said).head(40),
            contract=schema.to_json(schema.infer(people()), columns.names, ["sex"]),
            reference=reference(X, said),
            decision={"outcome": outcome, "run": run, "data_version": "d0", "checks": []},
            documents={"model_card.md": "# Model card\n", "datasheet.md": "# Datasheet\n"},
            lineage={"run": run, "seeds": [1]},
            lock=(ROOT / "requirements.lock").read_text(),
            created="2026-01-02T03:04:05+00:00",
        )
    )
    return Bundle(verify_files(files).bundle_id, files)


def deploy(folder: Path, champion: str, **said: object) -> None:
    """Point a deployment's folder to bundles that lie in it, as a deployment does: all at once."""
    draft = folder / ".deployment.json.partial"
    draft.write_text(
        json.dumps({"version": 1, "environment": "test", "champion": champion, **said}), encoding="utf-8"
    )
    draft.replace(folder / "deployment.json")
