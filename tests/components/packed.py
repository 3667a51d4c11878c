"""A bundle of a small linear model of the sample, packed in seconds, and a deployment's folder that serves it."""

from functools import cache
from pathlib import Path

import polars as pl

from components.data import schema
from components.release import deployment
from components.release.bundle import Parts, contents
from components.release.deployable.files import Facts, deployables, python_of
from components.release.export import program
from components.release.manifest import verify_files
from components.release.reference import reference
from components.serving.settings import ServingSettings
from components.training.candidates import FAMILIES, build
from components.training.features import Columns, inputs
from components.training.predictor import Predictor

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = Columns(("age", "education"), ("marital_status", "relationship"))
CREATED = "2026-01-02T03:04:05+00:00"


@cache
def bundle() -> dict[str, bytes]:
    """The files of an approved bundle."""
    table = pl.read_parquet(ROOT / "data" / "acs_employment_ma_18_64.parquet").sample(1500, seed=4)
    people = table.to_pandas()
    X, y = inputs(people, COLUMNS), people.employed.to_numpy(int)
    predictor = Predictor(build(FAMILIES["linear"], {"C": 1.0}, COLUMNS, 0), slope=0.9, threshold=0.6).fit(
        X, y
    )
    said = {"y_score": predictor.score_positive(X), "y_pred": predictor.predict(X)}
    decision = {
        "outcome": "approved",
        "run": "TrainFlow/12",
        "data_version": "d0",
        "bundle_id": "",
        "checks": [],
    }
    return contents(
        Parts(
            name="job_coaching",
            program=program(predictor, COLUMNS, X),
            smoke=people[list(COLUMNS.names)].assign(**said).head(50),
            contract=schema.to_json(schema.infer(table), COLUMNS.names),
            reference=reference(X, said),
            decision=decision,
            documents={"model_card.md": "# Model card\n"},
            lineage={"run": "TrainFlow/12", "seeds": [1], "name": "job_coaching", "created": CREATED},
            lock=(ROOT / "requirements.lock").read_text(encoding="utf-8"),
            created=CREATED,
        )
    )


def deployed(folder: Path, settings: ServingSettings | None = None, *, latency_seconds: float = 0.05) -> str:
    """The bundle that the folder, whose name is its environment's, now serves, with all deployable files."""
    files, settings = bundle(), settings or ServingSettings()
    bundle_id = verify_files(files).bundle_id
    facts = Facts(
        name="job-coaching", environment=folder.name, image="", bundle_id=bundle_id, python=python_of(files),
        serving=vars(settings), latency_seconds=latency_seconds, model_age_days=180.0, digest="", cores=1,
    )  # fmt: skip
    pointer = deployment.Pointer(folder.name, bundle_id, vars(settings))
    deployment.write(folder, pointer, {bundle_id: files}, deployables(facts))
    return bundle_id
