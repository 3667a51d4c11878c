"""Spoiled copies of the sample, each made to be blocked by one gate; also a command, for the demonstration."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from components.data import schema

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "acs_employment_ma_18_64.parquet"


def leaked(table: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """A column that is known only after the target: right in 99 of 100 rows."""
    wrong = np.random.default_rng(seed).random(table.height) < 0.01
    return table.with_columns(payslip_on_file=pl.col("employed") ^ pl.Series(wrong))


def flipped(table: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """The target of 35 of 100 rows is wrong."""
    wrong = np.random.default_rng(seed).random(table.height) < 0.35
    return table.with_columns(pl.col("employed") ^ pl.Series(wrong))


def truncated(table: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """Two thousand rows are left, of each year as many as its share."""
    return table.sample(fraction=2000 / table.height, seed=seed)


def noise(table: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """The features say nothing of the target: it is shuffled."""
    return table.with_columns(pl.col("employed").shuffle(seed=seed))


SPOILED: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "leaked": leaked,
    "flipped": flipped,
    "truncated": truncated,
    "noise": noise,
}


def write(kind: str, folder: Path, config_text: str, **changes: str) -> Path:
    """Write the spoiled table, its contract and the configuration; the configuration's path."""
    folder.mkdir(parents=True, exist_ok=True)
    table = SPOILED[kind](pl.read_parquet(SAMPLE))
    table.write_parquet(folder / "table.parquet")
    schema.save(schema.infer(table), folder / "schema.yaml")
    for key, value in {"source": f'"{(folder / "table.parquet").as_posix()}"', **changes}.items():
        config_text, count = re.subn(
            rf"^{key} = .*$", f"{key} = {value}", config_text, count=1, flags=re.MULTILINE
        )
        if not count:
            raise KeyError(key)
    path = folder / "config.toml"
    path.write_text(config_text, encoding="utf-8")
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=sorted(SPOILED))
    parser.add_argument("--into", type=Path, default=ROOT / "build" / "spoiled")
    arguments = parser.parse_args()
    shipped = (ROOT / "config.toml").read_text(encoding="utf-8")
    print(write(arguments.kind, arguments.into / arguments.kind, shipped, trials="2"))
