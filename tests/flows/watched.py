"""A trained project whose model is the champion, with a log of what it answered and labels that came later."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from components.release.ledger import Entry, Ledger
from components.serving.prediction_log import PredictionLog, Record
from components.serving.program import Program
from components.store import Store
from tests.flows.project import SAMPLE, TARGET, Project
from tests.flows.runs import copied

BATCH = 50


def watched(trained: Project, root: Path, at: datetime | None = None) -> Project:
    """A copy of a trained project whose bundle was promoted, now or at a time."""
    project = copied(trained, root)
    decided = project.ledger[0]
    entry = Ledger(project.store).append(
        event="promoted", run=decided.run, bundle_id=decided.bundle_id, by="tester", why="to be watched",
        details=decided.details | {"environment": "production", "once_key": "promotion"},
    )  # fmt: skip
    if at:
        backdated(project.store, entry, at)
    return project


def backdated(store: Store, newest: Entry, at: datetime) -> Entry:
    """The newest entry of a ledger, which now says that it was made at another time."""
    moved = replace(newest, at=at.isoformat(timespec="seconds"))
    moved = replace(moved, hash=moved.digest())
    store.write(f"ledger/{moved.number:08d}.json", moved.to_bytes())
    return moved


def people(year: int, count: int = 2000) -> pl.DataFrame:
    return pl.read_parquet(SAMPLE).filter(pl.col("year") == year).sample(count, seed=year)


def serve(project: Project, rows: pl.DataFrame, year: int, entry: Entry | None = None) -> list[str]:
    """Log what the newest bundle answers to the rows, evenly over a year; the ids of the predictions.

    Args:
        project: with a bundle.
        rows: of people.
        year: in which they are answered.
        entry: the ledger's, of the bundle; by default of the first one.
    """
    program = Program.load(project.build / "bundle")
    entry = entry or project.ledger[0]
    log = PredictionLog(project.root / "store" / "predictions", worker=f"y{year}", mode="strict")
    names = [*program.inputs, *(name for name in ("sex", "race") if name not in program.inputs)]
    start, step = datetime(year, 1, 1, tzinfo=UTC), timedelta(days=365) * BATCH / rows.height
    ids = []
    for number, part in enumerate(rows.select(names).iter_slices(BATCH)):
        columns = {name: part[name].cast(pl.String).to_list() if part[name].dtype == pl.Categorical else part[name].to_list() for name in names}  # fmt: skip
        said = program.predict({name: part[name].cast(pl.String).to_numpy() if part[name].dtype == pl.Categorical else part[name].to_numpy() for name in program.inputs})  # fmt: skip
        at = (start + number * step).timestamp()
        log.append(Record(f"{year}-{number}", at, "champion", entry.bundle_id, entry.run, columns, {name: values.tolist() for name, values in said.items()}))  # fmt: skip
        ids += [f"{year}-{number}:{row}" for row in range(part.height)]
    assert log.close()
    return ids


def label(project: Project, rows: pl.DataFrame, ids: list[str], year: int) -> None:
    """Deliver the labels of predictions, each in the middle of the next January."""
    folder = project.root / "store" / "labels"
    folder.mkdir(parents=True, exist_ok=True)
    observed_at = datetime(year + 1, 1, 15, tzinfo=UTC)
    table = pl.DataFrame({"prediction_id": ids, "y_true": rows[TARGET]}).with_columns(
        observed_at=pl.lit(observed_at)
    )
    table.write_parquet(folder / f"{year}.parquet")
