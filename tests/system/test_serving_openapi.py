"""Thousands of requests, made from the server's own description, none of which makes it fail or hang."""

import re

import polars as pl
import pytest

from components.release.bundle import pack
from tests.components.serving.conftest import ROOT, ROW, deployed, parts_of, serving
from tests.components.serving.test_openapi import schemathesis

pytestmark = pytest.mark.system


@pytest.mark.parametrize("bad_rows", ["refuse", "set_aside"])
def test_schemathesis_finds_no_failure_in_thousands_of_cases(tmp_path, bad_rows):
    table = pl.read_parquet(ROOT / "data" / "acs_employment_ma_18_64.parquet").sample(1500, seed=4)
    pack(tmp_path / "bundle", parts_of(table))
    words = deployed(tmp_path / "bundle", tmp_path / "deployment", bad_rows=bad_rows, max_rows=50)
    with serving(words, tmp_path) as served:
        done = schemathesis(
            served.port, tmp_path, "--phases", "coverage,fuzzing,stateful", "--max-examples", "200"
        )
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
        assert served.post({"instances": [ROW]})[0] == 200
        generated = re.search(r"([\d,]+) generated", done.stdout)
        assert generated
        assert int(generated[1].replace(",", "")) >= 2000, done.stdout[-2000:]
