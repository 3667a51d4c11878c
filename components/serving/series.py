"""What workers have counted, read from their files and added up: as text for Prometheus, or kept for those that ended.

A file begins with doubles; behind them stand lines that name each series and say where its doubles are.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CELLS = 16_384
"""Doubles of a worker; series beyond them are not counted."""

NAMES_BYTES = 1 << 20
"""What the lines that name the series may take; series beyond them are not counted either."""

Kind = Literal["counter", "gauge", "histogram"]
Over = Literal["all", "running", "most"]
"""Over which workers a series is added up: all that ever were, or those that run; or the greatest of those that run."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Metric:
    """A name that Prometheus knows: what it is, and how workers are put together."""

    name: str
    kind: Kind
    help: str
    over: Over = "all"


METRICS = (
    Metric("serving_requests_total", "counter", "Requests that were answered, by route and status."),
    Metric(
        "serving_request_seconds", "histogram", "From the last byte of a request to its answer, in seconds."
    ),
    Metric("serving_requests_in_flight", "gauge", "Requests that are being answered.", "running"),
    Metric("serving_requests_rejected_total", "counter", "Requests beyond a limit, by the limit."),
    Metric("serving_rows_total", "counter", "Rows that were answered, by variant."),
    Metric("serving_rows_bad_total", "counter", "Rows that break one or more rules of the contract."),
    Metric(
        "serving_rows_refused_total", "counter", "Rows that break a rule of the contract, by column and rule."
    ),
    Metric("serving_predictions_total", "counter", "Predictions, by variant and decision."),
    Metric("serving_score", "histogram", "The scores of predictions, by variant and version."),
    Metric("serving_model_info", "gauge", "1 for each model in service.", "most"),
    Metric("serving_model_created_timestamp_seconds", "gauge", "When the model in service was made.", "most"),
    Metric("serving_model_refused", "gauge", "1 while a newer deployment is refused.", "most"),
    Metric("serving_model_swaps_total", "counter", "How often another deployment took over.", "most"),
    Metric("serving_log_failing", "gauge", "1 while predictions cannot be logged.", "most"),
    Metric("serving_log_lost_total", "counter", "Predictions that were not logged."),
    Metric("serving_log_bytes_total", "counter", "What was written to the prediction log, in bytes."),
    Metric("serving_shadow_disagreements_total", "counter", "Rows on which the shadow decided otherwise."),
    Metric("serving_shadow_skipped_total", "counter", "Requests that the shadow did not score."),
    Metric("serving_ready", "gauge", "1 while requests are wanted.", "most"),
    Metric("serving_worker_restarts_total", "counter", "Workers that died, and were replaced."),
    Metric("serving_workers", "gauge", "Processes that answer.", "running"),
    Metric("process_resident_memory_bytes", "gauge", "Memory of each worker, in bytes.", "running"),
)

_BY_NAME = {metric.name: metric for metric in METRICS}


@dataclass(frozen=True)
class _Series:
    """A series of one worker."""

    name: str
    labels: Labels
    bounds: tuple[float, ...]
    cells: tuple[float, ...]


_ENDED = "ended.json"
"""What the workers counted that ended; their own files are gone."""


@contextmanager
def _turn(folder: Path, how: int) -> Iterator[None]:
    """While files are read none is folded."""
    with (folder / ".lock").open("ab") as lock:
        fcntl.flock(lock, how)
        yield


def fold(folder: Path, process: int = 0, restarts: int = 0) -> None:
    """Add what an ended worker counted to what those before it did, and remove its file.

    Args:
        folder: what the workers of one server share.
        process: of the worker; it must have ended. 0 is nobody's.
        restarts: how many workers are replaced by that.
    """
    with _turn(folder, fcntl.LOCK_EX):
        found = [_Series("serving_worker_restarts_total", (), (), (float(restarts),)), *_ended(folder)]
        gone = list(folder.glob(f"*-{process}.values"))
        found += [series for path in gone for series in _series(path)]
        values, bounds = _added((series, False) for series in found)
        said = [[name, labels, bounds[name, labels], cells] for (name, labels), cells in values.items()]
        draft = folder / f".{_ENDED}.partial"
        draft.write_text(json.dumps(said), encoding="utf-8")
        draft.replace(folder / _ENDED)
        for path in gone:
            path.unlink()


def _ended(folder: Path) -> list[_Series]:
    try:
        said = json.loads((folder / _ENDED).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [
        _Series(name, tuple((key, value) for key, value in labels), tuple(bounds), tuple(cells))
        for name, labels, bounds, cells in said
    ]


_Values = dict[tuple[str, Labels], list[float]]
_Bounds = dict[tuple[str, Labels], tuple[float, ...]]


def _added(found: Iterable[tuple[_Series, bool]]) -> tuple[_Values, _Bounds]:
    """Every series over all workers, each with whether its worker runs."""
    values: _Values = {}
    bounds: _Bounds = {}
    for series, alive in found:
        metric, key = _BY_NAME[series.name], (series.name, series.labels)
        if not alive and metric.over != "all":
            continue
        if key not in values or bounds[key] != series.bounds:
            values[key], bounds[key] = list(series.cells), series.bounds
        elif metric.over == "most":
            values[key] = [max(pair) for pair in zip(values[key], series.cells, strict=True)]
        else:
            values[key] = [sum(pair) for pair in zip(values[key], series.cells, strict=True)]
    return values, bounds


def rendered(folder: Path) -> str:
    """The text of all workers that shared a folder."""
    with _turn(folder, fcntl.LOCK_SH):
        found = [(series, False) for series in _ended(folder)]
        running = 0
        for path in sorted(folder.glob("*.values")):
            alive = _alive(path)
            running += alive
            found += [(series, alive) for series in [*_series(path), *(_memory(path) if alive else ())]]
    values, bounds = _added(found)
    values["serving_workers", ()], bounds["serving_workers", ()] = [float(running)], ()
    return "".join(_lines(values, bounds))


def _lines(
    values: Mapping[tuple[str, Labels], Sequence[float]], bounds: Mapping[tuple[str, Labels], Sequence[float]]
) -> Iterable[str]:
    by_name: dict[str, list[Labels]] = defaultdict(list)
    for name, labels in values:
        by_name[name].append(labels)
    for metric in METRICS:
        if metric.name not in by_name:
            continue
        yield f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n"
        for labels in by_name[metric.name]:
            key = (metric.name, labels)
            if metric.kind == "histogram":
                yield from _histogram_lines(metric.name, labels, bounds[key], values[key])
            elif metric.name != "serving_model_info" or values[key][0]:
                yield f"{metric.name}{_labels(labels)} {_number(values[key][0])}\n"


def _histogram_lines(
    name: str, labels: Labels, bounds: Sequence[float], cells: Sequence[float]
) -> Iterable[str]:
    total = 0.0
    for bound, count in zip((*bounds, float("inf")), cells, strict=False):
        total += count
        le = "+Inf" if bound == float("inf") else _number(bound)
        yield f"{name}_bucket{_labels((*labels, ('le', le)))} {_number(total)}\n"
    yield f"{name}_sum{_labels(labels)} {_number(cells[-1])}\n"
    yield f"{name}_count{_labels(labels)} {_number(total)}\n"


def _series(path: Path) -> Iterable[_Series]:
    content = path.read_bytes()
    if len(content) <= 8 * CELLS:
        return  # the worker is beginning it just now, or was killed when it did
    cells = memoryview(content)[: 8 * CELLS].cast("d")
    for line in content[8 * CELLS :].partition(b"\0")[0].splitlines():
        try:
            name, labels, first, bounds = json.loads(line)
        except ValueError:
            continue  # the worker is writing it just now, or was killed when it did
        width = len(bounds) + 2 if bounds else 1
        yield _Series(
            name,
            tuple((key, value) for key, value in labels),
            tuple(bounds),
            tuple(cells[first : first + width]),
        )


def _memory(path: Path) -> Iterable[_Series]:
    number, pid = path.stem.split("-")
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return
    size = float(pages * os.sysconf("SC_PAGE_SIZE"))
    yield _Series("process_resident_memory_bytes", (("worker", number),), (), (size,))


def _alive(path: Path) -> bool:
    """Whether the worker still holds its lock."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
