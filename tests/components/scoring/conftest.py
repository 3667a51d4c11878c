"""A bundle and a table that it scores."""

import polars as pl
import pytest

from components.data.source import Taken
from components.store import Store
from tests.components.serving import bundles
from tests.components.serving.bundles import Bundle


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """Of a linear model of the sample's people."""
    return bundles.bundle()


@pytest.fixture(scope="session")
def people() -> pl.DataFrame:
    """1,500 rows of the sample, all of which hold to the bundle's contract."""
    return bundles.people()


@pytest.fixture
def store(tmp_path) -> Store:
    """An empty store."""
    return Store(str(tmp_path / "store"))


@pytest.fixture(scope="session")
def taken():
    """What a source gives of a table."""
    return lambda table: Taken(table.lazy())
