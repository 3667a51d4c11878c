import json

import pytest

from components.data.sources.extra import library
from components.errors import ConfigError


def test_a_library_that_is_there_is_given() -> None:
    assert library("json", "none", "A test") is json


def test_a_library_that_is_not_there_is_named_with_what_installs_it() -> None:
    with pytest.raises(
        ConfigError, match=r"A Delta table needs nolib, .* `make sources`, .*'delta'.*\.\[delta\]"
    ):
        library("nolib.dbapi", "delta", "A Delta table")
