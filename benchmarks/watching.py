"""What one phase of monitoring takes, told by a process of its own; :mod:`benchmarks.drift` starts them.

python -m benchmarks.watching table PATH ROWS SEED             # a table of 14 columns, in batches
python -m benchmarks.watching drift REFERENCE CURRENT          # all four statistics of every column
python -m benchmarks.watching log FOLDER ROWS                  # a day's prediction log
python -m benchmarks.watching monitor FOLDER                   # the account of that day
python -m benchmarks.watching duckdb FOLDER                    # the same log read by DuckDB, every value parsed

Each prints the seconds that its work took, imports left out.
"""

import importlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import numpy as np
import polars as pl

DAY = datetime(2026, 1, 5, tzinfo=UTC)
BATCH_ROWS, REQUEST_ROWS = 250_000, 10
LABELS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
NUMBERS, KINDS = [f"number_{n}" for n in range(8)], [f"kind_{n}" for n in range(6)]
BUNDLE = "b" * 64


def batch(seed: int, rows: int) -> pl.DataFrame:
    """Rows of 14 columns: 4 numbers of many values, 4 of few, 6 categories."""
    generator = np.random.default_rng(seed)
    numbers = {name: generator.normal(size=rows) for name in NUMBERS[:2]}
    numbers |= {name: generator.lognormal(size=rows).round(2) for name in NUMBERS[2:4]}
    numbers |= {name: generator.integers(0, 60, rows) for name in NUMBERS[4:]}
    return pl.DataFrame(
        {**numbers, **{name: np.array(LABELS)[generator.integers(0, 8, rows)] for name in KINDS}}
    )


def batches(rows: int, seed: int) -> Iterator[pl.DataFrame]:
    """The rows, some at a time."""
    for start in range(0, rows, BATCH_ROWS):
        yield batch(seed * 1_000_003 + start, min(BATCH_ROWS, rows - start))


def table(path: Path, rows: int, seed: int) -> None:
    """Write the rows to a Parquet file."""
    import pyarrow.parquet as pq

    writer = None
    for made in batches(rows, seed):
        arrow = made.to_arrow()
        writer = writer or pq.ParquetWriter(path, arrow.schema)
        writer.write_table(arrow)
    if writer:
        writer.close()


def drift(reference: Path, current: Path) -> float:
    """The seconds of a drift report: the reference counted, the current rows counted, every statistic with its chance."""
    import pandas as pd

    from components.monitoring import drift as drifts
    from components.monitoring.profile import profile
    from components.monitoring.reference import reference_of

    # What pandas imports as it is first used is not measured, as it is not of the peer.
    importlib.import_module("pyarrow")
    pl.DataFrame({"warm": [1, 2], "up": ["a", "b"]}).to_pandas().pipe(pd.DataFrame.value_counts)
    started = perf_counter()
    bins = reference_of(pl.scan_parquet(reference), threads=2)
    found = drifts.drift(profile(pl.scan_parquet(current), bins, threads=2), bins, rate=0.01, seed=1)
    drifts.drift_findings(found, alarm_psi=0.1, rate=0.01)
    seconds = perf_counter() - started
    if len(found) != len(NUMBERS) + len(KINDS):
        raise SystemExit(f"{len(found)} columns were measured")
    return seconds


def log(folder: Path, rows: int) -> None:
    """Write a day of predictions, ten a request."""
    from components.serving.prediction_log import PredictionLog, Record

    log, requests = PredictionLog(folder / "log", worker="w", mode="strict"), rows // REQUEST_ROWS
    number = 0
    for made in batches(rows, 7):
        scores = np.random.default_rng(number).random(made.height)
        columns = {name: made[name].to_list() for name in made.columns}
        for start in range(0, made.height, REQUEST_ROWS):
            part = slice(start, start + REQUEST_ROWS)
            at = DAY + timedelta(days=1) * number / requests
            score = scores[part].tolist()
            said = {"y_score": score, "y_pred": [int(each > 0.5) for each in score]}
            asked = {name: values[part] for name, values in columns.items()}
            log.append(
                Record(f"{number:032x}", at.timestamp(), "champion", BUNDLE, "TrainFlow/1", asked, said)
            )
            number += 1
    log.close()


def monitor(folder: Path) -> float:
    """The seconds of reading a day and counting, checking and comparing every column of it."""
    from components.monitoring.drift import drift, drift_findings
    from components.monitoring.predictions import predictions
    from components.monitoring.profile import profile
    from components.monitoring.quality import category_findings, missing_findings, violations
    from components.monitoring.reference import reference_of

    with_scores = batch(1, 20_000).with_columns(
        y_score=pl.Series(np.random.default_rng(3).random(20_000)), y_pred=pl.lit(1)
    )
    rules = [
        {"name": name, "nullable": False, "minimum": None, "maximum": None, "categories": LABELS if name in KINDS else None}
        for name in (*NUMBERS, *KINDS)
    ]  # fmt: skip
    bins = reference_of(with_scores.lazy())
    started = perf_counter()
    with predictions(folder / "log", DAY, DAY + timedelta(days=1), datetime.now(UTC)) as found:
        rows = found.within(DAY, DAY + timedelta(days=1), BUNDLE)
        counted = profile(rows, bins, threads=2)
        violations(rows, {"features": rules, "optional": []})
        missing_findings(counted, bins, rate=0.01, allowed=0.02)
        category_findings(counted, bins, rate=0.0005, allowed=0.001)
        drift_findings(drift(counted, bins, rate=0.01, seed=1), alarm_psi=0.1, rate=0.01)
    sys.stderr.write(f"{counted.rows} rows\n")
    return perf_counter() - started


def duckdb(folder: Path) -> float:
    """The seconds in which DuckDB reads the log: every line parsed, every value of every column taken out and counted."""
    import duckdb as library

    columns = dict.fromkeys(NUMBERS, "DOUBLE[]") | dict.fromkeys(KINDS, "VARCHAR[]")
    form = f"{{{', '.join(f'{name}: {kind!r}' for name, kind in columns.items())}}}".replace("'", '"')
    form = form.replace("{", '{"').replace(": ", '": ').replace(", ", ', "')
    said = '{"y_score": "DOUBLE[]", "y_pred": "DOUBLE[]"}'
    values = [*(f"unnest(asked.{name}) AS {name}" for name in columns), "unnest(said.y_score) AS y_score"]
    aggregates = [f"count({name}), min({name}), max({name})" for name in (*columns, "y_score")]
    query = f"""
        WITH lines AS (SELECT line[10:] AS record FROM read_csv('{folder}/log/*/*.jsonl', columns={{'line': 'VARCHAR'}},
            delim='\\x01', quote='', escape='', header=false, auto_detect=false, max_line_size=67108864)),
        records AS (SELECT from_json(record->5, '{form}') AS asked, from_json(record->6, '{said}') AS said FROM lines),
        rows AS (SELECT {", ".join(values)} FROM records)
        SELECT {", ".join(aggregates)} FROM rows"""
    started = perf_counter()
    found = library.connect(config={"threads": 2}).execute(query).fetchone()
    sys.stderr.write(f"{found[0] if found else 0} rows\n")
    return perf_counter() - started


if __name__ == "__main__":
    what, paths, numbers = sys.argv[1], *([each for each in sys.argv[2:] if not each.isdigit()], [int(each) for each in sys.argv[2:] if each.isdigit()])  # fmt: skip
    print(globals()[what](*map(Path, paths), *numbers))
