from pathlib import Path

import polars as pl
import pytest
from hypothesis import settings

from components.data.contract import Contract
from components.data.inference import infer

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None, max_examples=60)
settings.load_profile("repeatable")

SAMPLE = Path(__file__).parents[3] / "data" / "acs_employment_ma_18_64.parquet"


@pytest.fixture(scope="session")
def sample() -> pl.DataFrame:
    """Every fiftieth row of the sample: 3,478 rows of all years."""
    return pl.read_parquet(SAMPLE).gather_every(50)


@pytest.fixture(scope="session")
def contract(sample: pl.DataFrame) -> Contract:
    return infer(pl.read_parquet(SAMPLE))
