"""What the prediction log no longer keeps: days that are over, and rows that somebody asks to erase; behind `make forget`.

An erasure takes the rows out of the log and their labels out of the store, and the ledger says that it was made, by whom and of how
many rows: not of whom.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from components.data.sources.files import separator
from components.errors import DataError, FlowprintError
from components.monitoring import erasure
from components.monitoring.erasure import Meant
from components.release.ledger import Ledger
from components.serving.prediction_log import Record
from components.store import Store

LABELS, PREDICTIONS = "labels", "predictions"


@dataclass(frozen=True)
class Erased:
    """What an erasure found and took out.

    Attributes:
        rows: of the log.
        labels: of the store.
        damaged: lines of the log that nobody could read.
    """

    rows: int
    labels: int
    damaged: int


def expire(log: Path, days: int, today: date, ledger: Ledger, *, by: str) -> list[str]:
    """The days that were removed from a log because they are over; the ledger is told, if there are any.

    Args:
        log: its folder.
        days: how many before today are kept; 0 keeps all.
        today: UTC.
        ledger: the project's.
        by: who removes them.
    """
    gone = erasure.expire(log, today - timedelta(days=days)) if days else []
    if gone:
        ledger.append(
            event="expired", run="", bundle_id="", by=by,
            why=f"{len(gone)} days of the prediction log, {gone[0]} to {gone[-1]}, are older than serving.log_days = {days}.",
            details={"days": gone, "log_days": days},
        )  # fmt: skip
    return gone


def erase_request(log: Path, store: Store, ledger: Ledger, name: str, *, by: str) -> Erased:
    """Take the rows of a request out of the log, and their labels out of the store.

    Args:
        log: its folder.
        store: where labels are kept.
        ledger: the project's, which is told how many rows there were.
        name: of the request, or of one row of it: `id` or `id:0`.
        by: who erases them.

    Raises:
        DataError: labels cannot be taken out of a file; nothing was erased.
        LogError: the log cannot be changed.
    """

    def meant(record: Record) -> set[int]:
        if record.request_id == name:
            return set(range(record.height))
        return {
            place for place, number in enumerate(record.numbers) if f"{record.request_id}:{number}" == name
        }

    rows_of = re.compile(re.escape(name) + r"(:\d+)?")
    return _erase(
        log, store, ledger, meant, "a request's id", by, lambda given: bool(rows_of.fullmatch(given))
    )


def erase_subject(log: Path, store: Store, ledger: Ledger, column: str, value: str, *, by: str) -> Erased:
    """Take every row out of the log whose column has the value, and their labels out of the store.

    Args:
        log: its folder.
        store: where labels are kept.
        ledger: the project's, which is told how many rows there were.
        column: an input that is logged.
        value: as a person writes it: 40 and 40.0 are the same number, `true` is a truth value.
        by: who erases them.

    Raises:
        DataError: no row has such a column, or labels cannot be taken out of a file.
        LogError: the log cannot be changed.
    """

    def meant(record: Record) -> set[int]:
        given = record.columns.get(column, ())
        return {place for place, each in enumerate(given) if _same(each, value)}

    return _erase(log, store, ledger, meant, f"a value of the column {column!r}", by, lambda _: False, column)


def _erase(
    log: Path,
    store: Store,
    ledger: Ledger,
    meant: Meant,
    asked: str,
    by: str,
    also: Callable[[str], bool],
    column: str = "",
) -> Erased:
    tables = [name for name in store.names(LABELS) if not name.lower().endswith((".parquet", ".csv"))]
    if tables:
        raise DataError(
            f"{tables[0]}: neither Parquet nor CSV, so that no label can be taken out; convert it."
        )
    found = erasure.forget(log, meant)
    ids = found.prediction_ids
    labels = sum(
        _without(store, name, lambda given: given in ids or also(given)) for name in store.names(LABELS)
    )
    erased = Erased(found.rows, labels, found.damaged)
    ledger.append(
        event="erased", run="", bundle_id="", by=by,
        why=f"{erased.rows} rows of the prediction log and {erased.labels} labels were erased by {asked}.",
        details=vars(erased),
    )  # fmt: skip
    if column and column not in found.columns:
        raise DataError(
            f"No row of {log} has the column {column!r}; logged are {', '.join(sorted(found.columns)) or 'none'}."
        )
    return erased


def _same(found: Any, asked: str) -> bool:
    if found is None or isinstance(found, bool):
        return found is not None and str(found).lower() == asked.lower()
    if isinstance(found, int | float):
        try:
            return float(asked) == found
        except ValueError:
            return False
    return str(found) == asked


def _without(store: Store, name: str, gone: Callable[[str], bool]) -> int:
    """How many labels were taken out of a table, which is replaced as a whole."""
    content = store.read(name)
    if name.lower().endswith(".csv"):
        changed, count = _of_csv(content, separator(name, io.BytesIO(content)), gone)
    else:
        changed, count = _of_parquet(content, gone)
    if count:
        store.write(name, changed)
    return count


def _of_csv(content: bytes, parted: str, gone: Callable[[str], bool]) -> tuple[bytes, int]:
    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=parted))
    if not lines or "prediction_id" not in lines[0]:
        return content, 0
    place = lines[0].index("prediction_id")
    kept = [line for line in lines[1:] if len(line) <= place or not gone(line[place])]
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=parted, lineterminator="\n").writerows([lines[0], *kept])
    return written.getvalue().encode(), len(lines) - 1 - len(kept)


def _of_parquet(content: bytes, gone: Callable[[str], bool]) -> tuple[bytes, int]:
    import polars as pl

    table = pl.read_parquet(io.BytesIO(content))
    if "prediction_id" not in table.columns:
        return content, 0
    ids = table["prediction_id"].cast(pl.String).to_list()
    kept = table.filter(pl.Series([each is None or not gone(each) for each in ids], dtype=pl.Boolean))
    written = io.BytesIO()
    kept.write_parquet(written)
    return written.getvalue(), table.height - kept.height


def main(arguments: Sequence[str] | None = None) -> int:
    """Erase what is named; without a name, remove the days that the log no longer keeps. 1 with one line if it cannot be done."""
    from components import config

    parser = argparse.ArgumentParser(
        prog="python -m components.monitoring.forgetting", description=main.__doc__
    )
    parser.add_argument("--id", default="", help="of a request, or of a row of one: id or id:0")
    parser.add_argument(
        "--column", default="", help="a logged input, of which --value names what is to be erased"
    )
    parser.add_argument("--value", default="", help="of the column")
    parser.add_argument("--log", default="", help="the folder of the log; by default the store's")
    parser.add_argument("--config", type=Path, default=Path("config.toml"), help="names the store")
    options = parser.parse_args(arguments)
    by = os.environ.get("METAFLOW_USER") or os.environ.get("USER", "")
    try:
        if bool(options.column) != bool(options.value) or (options.id and options.column):
            raise DataError("Name what is to be erased by ID=..., or by COLUMN=... and VALUE=....")
        settings = config.load(options.config)
        store = Store(settings.store.root)
        log, ledger = Path(options.log or store.url(PREDICTIONS)), Ledger(store)
        if options.id:
            said = _told(erase_request(log, store, ledger, options.id, by=by))
        elif options.column:
            said = _told(erase_subject(log, store, ledger, options.column, options.value, by=by))
        else:
            days = settings.serving.log_days
            gone = expire(log, days, datetime.now(UTC).date(), ledger, by=by)
            said = f"{len(gone)} days were removed; serving.log_days is {days}{'' if days else ', for ever'}."
    except FlowprintError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


def _told(erased: Erased) -> str:
    damaged = f" {erased.damaged} lines that nobody could read were removed too." if erased.damaged else ""
    return f"{erased.rows} rows of the log and {erased.labels} labels were erased.{damaged}"


if __name__ == "__main__":
    sys.exit(main())
