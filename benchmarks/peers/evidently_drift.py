"""Evidently's drift of every column by four methods, in its own environment: REFERENCE.parquet CURRENT.parquet."""

import sys
import time

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

NUMBERS = {"psi": "psi", "distance": "jensenshannon", "test": "ks", "moved": "wasserstein"}
CATEGORIES = {"psi": "psi", "distance": "jensenshannon", "test": "chisquare"}


def main(reference: str, current: str) -> None:
    started = time.perf_counter()
    tables = [pd.read_parquet(path) for path in (reference, current)]
    numbers = [name for name in tables[0] if name.startswith("number")]
    categories = [name for name in tables[0] if name.startswith("kind")]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    then, now = (Dataset.from_pandas(table, data_definition=definition) for table in tables)
    presets = [DataDriftPreset(columns=numbers, num_method=method) for method in NUMBERS.values()]
    presets += [DataDriftPreset(columns=categories, cat_method=method) for method in CATEGORIES.values()]
    found = Report(presets).run(now, then).dict()
    print(time.perf_counter() - started)
    print(len(found["metrics"]), file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
