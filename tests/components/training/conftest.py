"""Real rows of the sample, few enough to be quick, with the features of the shipped configuration."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from components.training.features import Columns, inputs, select

SAMPLE = Path(__file__).parents[3] / "data" / "acs_employment_ma_18_64.parquet"
EXCLUDED = ("year", "sex", "race", "disability")


@dataclass(frozen=True)
class Learning:
    """X and y to learn from, and the columns of X."""

    X: pd.DataFrame
    y: np.ndarray
    columns: Columns


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Models on few rows lose time when they share a busy processor among threads."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    """1,600 persons of 2015."""
    people = pd.read_parquet(SAMPLE)
    return people[people["year"] == 2015].sample(1600, random_state=0).reset_index(drop=True)


@pytest.fixture(scope="session")
def types(table) -> dict[str, str]:
    """The contract's types."""
    kinds = {"category": "category", "bool": "boolean"}
    return {name: kinds.get(str(dtype), "integer") for name, dtype in table.dtypes.items()}


@pytest.fixture(scope="session")
def people(table, types) -> Learning:
    columns = select(types, target="employed", excluded=EXCLUDED)
    return Learning(inputs(table, columns), table["employed"].to_numpy(np.int64), columns)
