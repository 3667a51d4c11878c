"""Honest and truly spoiled models for the gates to judge; each is fitted once a session."""

import tomllib

import polars as pl
import pytest

from components.data import schema
from components.validation.gates import Limit
from tests.components.validation.checks.models import ROOT, Model
from tests.flows.spoiled import flipped, leaked, noise


@pytest.fixture(scope="session")
def limits() -> dict[str, Limit]:
    """The gates as they ship: switched on."""
    gates = tomllib.loads((ROOT / "config.toml").read_text(encoding="utf-8"))["gates"]
    return {code: Limit(**gate) for code, gate in gates.items()}


@pytest.fixture(scope="session")
def table() -> pl.DataFrame:
    sample = pl.read_parquet(ROOT / "data" / "acs_employment_ma_18_64.parquet").filter(pl.col("year") == 2015)
    return schema.conform(sample, schema.infer(sample))


@pytest.fixture(scope="session")
def honest(table: pl.DataFrame) -> Model:
    return Model(table)


@pytest.fixture(scope="session")
def leaky(table: pl.DataFrame) -> Model:
    """A column that is known only after the target is a feature."""
    return Model(leaked(table))


@pytest.fixture(scope="session")
def mislabelled(table: pl.DataFrame) -> Model:
    """The target of 35 of 100 rows is wrong."""
    return Model(flipped(table))


@pytest.fixture(scope="session")
def meaningless(table: pl.DataFrame) -> Model:
    """The target is shuffled: the features say nothing of it."""
    return Model(noise(table))


@pytest.fixture(scope="session")
def crude(table: pl.DataFrame) -> Model:
    """One stump: a model that has hardly learned."""
    return Model(table, params={"learning_rate": 0.1, "max_iter": 1, "max_leaf_nodes": 2})


@pytest.fixture(scope="session")
def leaning(table: pl.DataFrame) -> Model:
    """All but everything that the model knows comes from one column of labels."""
    labels = pl.when("payslip_on_file").then(pl.lit("yes")).otherwise(pl.lit("no"))
    labelled = leaked(table).with_columns(payslip_on_file=labels)
    return Model(labelled.select("age", "payslip_on_file", "employed"), excluded=())
