"""Labels whose predictions are not among those that were looked at: of another log, too late, or of none."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from components.serving.prediction_log import SUFFIX, request_ids
from components.store import Store

DONE = "done.json"


def unknown(strangers: pl.DataFrame, logs: Iterable[str]) -> pl.DataFrame:
    """Those of the labels that are for predictions which none of the logs ever had.

    A label belongs to a log if that has its request, or to a scoring that is there: the rows themselves are not read, so
    that a long log costs little. Nothing is read where there is no such label, and no further than until all are found.

    Args:
        strangers: with `prediction_id`.
        logs: folders, or addresses, of the server's logs and of batch scores; those that are not there are passed over.
    """
    found = strangers.with_columns(
        pl.col("prediction_id").str.replace(r":[^:]*$", "").alias("request"),
        pl.col("prediction_id").str.replace(r":.*$", "").alias("scoring"),
    )
    for log in dict.fromkeys(logs):
        if found.is_empty():
            break
        found = _without_those_of(log, found)
    return found.drop("request", "scoring")


def _without_those_of(log: str, found: pl.DataFrame) -> pl.DataFrame:
    store = Store(log)
    names = store.names("")
    scorings = [f"{store.root}/{name}".split("/")[-2] for name in names if name.rpartition("/")[2] == DONE]
    found = found.filter(~pl.col("scoring").is_in(scorings))
    for name in (name for name in reversed(names) if name.endswith(SUFFIX)):
        if found.is_empty():
            break
        asked = set(found["request"])
        with store.file(name) as segment:
            there = [each for each in request_ids(segment) if each in asked]
        if there:
            found = found.filter(~pl.col("request").is_in(there))
    return found
