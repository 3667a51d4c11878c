"""The smoke test: a bundle's server answers the recorded rows as the flow did, tells of itself, and is fast enough."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.errors import BundleError, RefusalError
from components.release.parity import Latency, Parity, compare, quantile_bounds
from components.release.trial_server import Trial, served

if TYPE_CHECKING:
    import polars as pl

TOLERANCE = 1e-9
PROBES = ("/ping", "/health", "/v2/health/ready")
WARM_UP, SINGLES, ROUNDS, BATCHES, BATCH_ROWS = 20, 300, 3, 10, 1000
MAX_BODY_BYTES = 16_777_216
"""The longest body that a server takes which is told no other."""

Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Smoke:
    """What a trial of the server found.

    Attributes:
        parity: of its answers, against the flow's predictions.
        latency: of one-row requests over HTTP and one connection: the best round's quantiles of what a client waits.
        core_seconds_per_1000: the processor's time of the server for 1,000 predictions, one row a request.
        batch_core_seconds_per_1000: the same with many rows a request.
        start_seconds: from the process's start until it was ready.
    """

    parity: Parity
    latency: Latency
    core_seconds_per_1000: float
    batch_core_seconds_per_1000: float
    start_seconds: float


def smoke(files: Mapping[str, bytes], settings: Mapping[str, Any]) -> Smoke:
    """What a bundle's own server does in a clean environment.

    Args:
        files: the bundle, verified.
        settings: the server's, as `deployment.json` has them.

    Raises:
        BundleError: it does not start, or does not answer as a server of a bundle does.
    """
    inputs, expected = recorded(files)
    with served(files, settings) as trial:
        for path in PROBES:
            _wanted(trial, "GET", path)
        most = _most_rows(inputs, settings)
        parity = compare(_predicted(trial, inputs, expected, most), expected)
        rows = [_body(inputs, [row]) for row in range(len(expected["y_pred"]))]
        rounds, core_seconds = _singles(trial, rows)
        batch = _body(inputs, range(most))
        batch_seconds, batch_core_seconds, batched = _batches(trial, batch)
        _counted(trial, WARM_UP + ROUNDS * SINGLES + BATCHES + 1)
    best = min(rounds, key=lambda seconds: float(np.quantile(seconds, 0.99)))
    p50, p99 = np.quantile(best, [0.5, 0.99]) * 1e3
    bounds = quantile_bounds(best * 1e3, 0.99)
    return Smoke(
        parity,
        Latency(float(p50), float(p99), batched / batch_seconds, bounds),
        1000 * core_seconds / (ROUNDS * SINGLES),
        1000 * batch_core_seconds / batched,
        trial.start_seconds,
    )


def require_passed(found: Smoke, *, latency_milliseconds: float) -> None:
    """Pass if the server answered as the flow did, within the budget.

    Raises:
        RefusalError: it says what was found and what was wanted.
    """
    parity, p99 = found.parity, found.latency.p99_milliseconds
    if parity.decisions_changed or not parity.max_abs_difference <= TOLERANCE:
        raise RefusalError(
            f"The bundle's server answers otherwise than the flow: of {parity.rows} recorded rows {parity.decisions_changed} "
            f"are decided otherwise, and scores differ by up to {parity.max_abs_difference:.3g} (at most {TOLERANCE:g})."
        )
    if p99 > latency_milliseconds:
        raise RefusalError(
            f"The bundle's server takes {p99:.1f} ms for one row (99th percentile, the best of {ROUNDS} rounds); "
            f"deploy.latency_milliseconds allows {latency_milliseconds:g}."
        )


def recorded(files: Mapping[str, bytes]) -> tuple[dict[str, list[Any]], dict[str, NDArray[Any]]]:
    """The recorded rows by column as JSON has them, and the flow's predictions of them by name."""
    import polars as pl

    table = pl.read_parquet(io.BytesIO(files["smoke.parquet"]))
    names = [name for name in json.loads(files["program.json"])["inputs"] if name in table.columns]
    said = [name for name in table.columns if name not in names]
    return {name: _plain(table[name]) for name in names}, {name: table[name].to_numpy() for name in said}


def _plain(values: pl.Series) -> list[Any]:
    if values.dtype.is_temporal():
        return [None if value is None else value.isoformat() for value in values.to_list()]
    return [None if isinstance(v, float) and not math.isfinite(v) else v for v in values.to_list()]


def _body(inputs: Columns, rows: Sequence[int]) -> bytes:
    """The rows, begun anew at the end of what was recorded, as MLflow's `dataframe_split`."""
    data = [list(row) for row in zip(*inputs.values(), strict=True)]
    chosen = [data[row % len(data)] for row in rows]
    return json.dumps({"dataframe_split": {"columns": list(inputs), "data": chosen}}).encode()


def _bodies(inputs: Columns, most: int) -> list[bytes]:
    """All recorded rows, no more than so many of them a request."""
    recorded = range(len(next(iter(inputs.values()))))
    return [_body(inputs, recorded[first : first + most]) for first in range(0, len(recorded), most)]


def _most_rows(inputs: Columns, settings: Mapping[str, Any]) -> int:
    """How many rows a request has; fewer where they are so wide or so long that the server would not take their body."""
    longest = int(settings.get("max_body_bytes", MAX_BODY_BYTES))
    most = min(BATCH_ROWS, int(settings.get("max_rows", BATCH_ROWS)))
    while most > 1 and max(map(len, (_body(inputs, range(most)), *_bodies(inputs, most)))) > longest:
        most //= 2
    return most


def _predicted(
    trial: Trial, inputs: Columns, expected: Mapping[str, NDArray[Any]], most: int
) -> dict[str, NDArray[Any]]:
    """What the server says of all recorded rows, no more than so many of them a request."""
    bodies = _bodies(inputs, most)
    answers = [json.loads(_wanted(trial, "POST", "/invocations", body)) for body in bodies]
    try:
        rows = [row for answer in answers for row in answer["predictions"]]
        return {
            name: np.array([row[name] for row in rows], dtype=values.dtype)
            for name, values in expected.items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"The bundle's server answers in another form than was recorded: {error!r}."
        ) from error


def _singles(trial: Trial, rows: Sequence[bytes]) -> tuple[list[NDArray[np.float64]], float]:
    """Seconds that a client waits for one row, by rounds, and the processor's time of them all."""
    for row in islice(cycle(rows), WARM_UP):
        _wanted(trial, "POST", "/invocations", row)
    before = trial.core_seconds()
    rounds = [np.array([_seconds(trial, row) for row in islice(cycle(rows), SINGLES)]) for _ in range(ROUNDS)]
    return rounds, trial.core_seconds() - before


def _batches(trial: Trial, body: bytes) -> tuple[float, float, int]:
    """Seconds waited, the processor's time, and the rows, of requests with many rows each."""
    before, rows = trial.core_seconds(), BATCHES * len(json.loads(body)["dataframe_split"]["data"])
    return sum(_seconds(trial, body) for _ in range(BATCHES)), trial.core_seconds() - before, rows


def _seconds(trial: Trial, body: bytes) -> float:
    begin = perf_counter()
    _wanted(trial, "POST", "/invocations", body)
    return perf_counter() - begin


def _counted(trial: Trial, requests: int) -> None:
    """Pass if `/metrics` has counted what was asked."""
    text = _wanted(trial, "GET", "/metrics").decode()
    counts = [line for line in text.splitlines() if line.startswith("serving_requests_total")]
    counted = sum(float(line.rpartition(" ")[2]) for line in counts if "invocations" in line)
    if counted < requests:
        raise BundleError(
            f"The bundle's /metrics tells of {counted:.0f} requests for predictions; {requests} were sent."
        )


def _wanted(trial: Trial, method: str, path: str, body: bytes | None = None) -> bytes:
    status, answer = trial.ask(method, path, body)
    if status != 200:
        said = answer[:200].decode(errors="replace")
        raise BundleError(f"The bundle's server answers {method} {path} with {status}: {said}")
    return answer
