"""Large tables, grown from the sample: its rows repeated, with some of their values perturbed."""

from pathlib import Path

import numpy as np
import polars as pl

SAMPLE = Path(__file__).parents[1] / "data" / "acs_employment_ma_18_64.parquet"
KEPT = (
    "age", "education", "marital_status", "relationship", "citizenship", "mobility", "military", "race",
    "disability", "foreign_born", "employed",
)  # fmt: skip
ANOTHERS_FRACTION = 0.05


def sample() -> pl.DataFrame:
    """The sample's rows, in eleven of its columns."""
    return pl.read_parquet(SAMPLE, columns=list(KEPT)).with_columns(pl.col("age", "education").cast(pl.Int64))


def wide(rows: int, seed: int = 0) -> pl.DataFrame:
    """``rows`` rows of 14 columns in the contract's types: eleven of the sample, and three that hardly ever repeat."""
    rng, few = np.random.default_rng(seed), sample()
    table = few[rng.integers(0, few.height, rows)]
    return table.with_columns(
        person=pl.Series(rng.permutation(rows)),
        income=pl.Series(np.round(rng.lognormal(10, 1, rows), 2)),
        hours=pl.Series(table["age"].to_numpy() + rng.normal(0, 3, rows)),
    )


def people(rows: int, year: int = 2015, seed: int = 0) -> pl.DataFrame:
    """``rows`` rows of the sample's own columns, of one year.

    Each value is now and then another row's, and the target is always that of some row of the same age, education and
    disability: copies that shared it would be learned by heart.
    """
    rng, few = np.random.default_rng(seed), pl.read_parquet(SAMPLE).filter(pl.col("year") == year)
    few = few.sort("age", "education", "disability")
    drawn = rng.integers(0, few.height, rows)
    cells = few.select(pl.struct("age", "education", "disability").rle_id()).to_series().to_numpy()
    first, last = np.searchsorted(cells, cells[drawn]), np.searchsorted(cells, cells[drawn], side="right")
    columns = []
    for values in few:
        if values.name == "employed":
            taken = rng.integers(first, last)
        else:
            taken = np.where(rng.random(rows) < ANOTHERS_FRACTION, rng.integers(0, few.height, rows), drawn)
        columns.append(values.gather(taken))
    return pl.DataFrame(columns)
