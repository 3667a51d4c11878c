"""Whether the served program repeats the flow's predictions, and what its calls cost."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.errors import BundleError

if TYPE_CHECKING:
    import pandas as pd

Predictions = Mapping[str, NDArray[Any]]

_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
_LIBRARIES = ("numpy", "onnxruntime", "pandas", "sklearn", "skops")
_TIMEOUT_SECONDS = 900

PROGRAM_FILES = frozenset(
    (
        *("program.json", "program.pyz", "program.onnx", "model.skops"),
        *("texts.json", "texts.npz", "trees.npz", "after.onnx"),
    )
)
"""All that a server may load of a bundle."""


@dataclass(frozen=True)
class Parity:
    """The program's predictions against the flow's.

    Attributes:
        rows: how many were compared.
        max_abs_difference: largest distance between two scores, 0 to 1, or between two numbers as a share of their
            standard deviation; infinite where one is no number.
        decisions_changed: rows that the program decides otherwise.
    """

    rows: int
    max_abs_difference: float
    decisions_changed: int


@dataclass(frozen=True)
class Latency:
    """What the program's calls cost in its own process, on one thread, in time of the processor.

    On a machine with nothing else to do that is what a caller waits, but for a program that itself waits for others.

    Attributes:
        p50_milliseconds: median of calls with one row each, 300 to 1,000 of them.
        p99_milliseconds: their 99th percentile.
        rows_per_second: in batches of 1,000 rows.
        p99_bounds: the 95 % interval of the 99th percentile, between two of the calls.
    """

    p50_milliseconds: float
    p99_milliseconds: float
    rows_per_second: float
    p99_bounds: tuple[float, float]


@dataclass(frozen=True)
class CleanRun:
    """A program's run over recorded rows in a process that knows nothing but the program's own files.

    Attributes:
        parity: against the flow's predictions.
        latency: of its calls.
        modules: the top-level modules that it had imported at the end.
    """

    parity: Parity
    latency: Latency
    modules: tuple[str, ...]


def clean_run(files: Mapping[str, bytes], X: pd.DataFrame, expected: Predictions) -> CleanRun:
    """The program's parity and cost, measured in a clean process.

    The process gets an empty folder with the program's files and the rows. It starts without site packages, the
    environment's paths and the current folder; only the folders of the libraries that serve are added.

    Args:
        files: the program's files, such as program.json, program.pyz and program.onnx or model.skops; others are no
            hindrance.
        X: the rows, in the form of `features.inputs`; at least one. Categories are never missing there.
        expected: the flow's predictions, by the names that the program has for them.

    Raises:
        BundleError: the program does not run on its own.
    """
    found = _scored(files, X)
    return CleanRun(
        parity=compare(found, expected),
        latency=_latency(found["single_seconds"], found["batch_seconds"], len(X)),
        modules=tuple(found["modules"].tolist()),
    )


def answers(files: Mapping[str, bytes], X: pd.DataFrame) -> NDArray[np.float64]:
    """The program's scores of each row, by its own code in a clean process.

    Arguments and errors as for :func:`clean_run`.
    """
    scores: NDArray[np.float64] = _scored(files, X)["y_score"]
    return scores


def compare(found: Predictions, expected: Predictions) -> Parity:
    """How far two sets of predictions for the same rows are apart; of `found`, only what is expected counts.

    Raises:
        BundleError: they are not as many.
    """
    rows = len(expected["y_pred"])
    if wrong := [name for name, values in expected.items() if found[name].shape != values.shape]:
        raise BundleError(f"The program answered {found[wrong[0]].shape} for {wrong[0]} of {rows} rows.")
    numbers = expected["y_pred"].dtype.kind == "f"
    unit = float(np.std(expected["y_score"])) if numbers else 1.0
    distances = [
        np.abs(found[name] - values) / (unit or 1.0)
        for name, values in expected.items()
        if values.dtype.kind == "f"
    ]
    largest = max(float(each.max()) if np.isfinite(each).all() else float("inf") for each in distances)
    changed = 0 if numbers else int((found["y_pred"] != expected["y_pred"]).sum())
    return Parity(rows, largest, changed)


def _scored(files: Mapping[str, bytes], X: pd.DataFrame) -> dict[str, NDArray[Any]]:
    if not len(X):
        raise BundleError("The program cannot be run on no rows; enlarge the holdout.")
    with tempfile.TemporaryDirectory(prefix="flowprint-") as name:
        folder = Path(name)
        for file in PROGRAM_FILES & files.keys():
            (folder / file).write_bytes(files[file])
        np.savez(folder / "rows.npz", **_arrays(X, json.loads(files["program.json"])["inputs"]))
        _start(folder)
        with np.load(folder / "scored.npz", allow_pickle=False) as scored:
            return {key: scored[key] for key in scored.files}


def _arrays(X: pd.DataFrame, inputs: Mapping[str, str]) -> dict[str, Any]:
    """The columns without objects: categories and texts as codes into their distinct labels.

    The labels are one run of UTF-8 and where each of them ends in it: arrays of text have no zero at the end of one,
    and make each as long as the longest.
    """
    import pandas as pd

    arrays: dict[str, Any] = {}
    for position, (name, kind) in enumerate(inputs.items()):
        if kind in ("double", "datetime"):
            arrays[f"numbers_{position}"] = X[name].to_numpy(np.float64)
        else:
            codes, labels = pd.factorize(X[name])
            encoded = [str(label).encode("utf-8", "surrogatepass") for label in labels]
            arrays[f"codes_{position}"] = codes
            arrays[f"labels_{position}"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
            arrays[f"ends_{position}"] = np.cumsum([len(label) for label in encoded], dtype=np.int64)
    return arrays


def _start(folder: Path) -> None:
    script = Path(__file__).with_name("clean_room.py")
    # -S keeps out site packages, and with them an editable install of this very project.
    command = [sys.executable, "-I", "-S", "-B", str(script), str(folder), *_library_folders()]
    try:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **_ONE_THREAD}, capture_output=True, text=True,
            timeout=_TIMEOUT_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise BundleError(f"The program did not score the rows within {_TIMEOUT_SECONDS} s.") from error
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"])[-1]
        raise BundleError(
            f"The program does not run on its own: {reason}. Feature code may import components.training and the "
            "serving libraries, nothing else."
        )


def _library_folders() -> list[str]:
    specs = [importlib.util.find_spec(name) for name in _LIBRARIES]
    folders = [str(Path(spec.origin).parents[1]) for spec in specs if spec and spec.origin]
    return list(dict.fromkeys(folders))


def _latency(single: NDArray[np.float64], batch: NDArray[np.float64], rows: int) -> Latency:
    p50, p99 = np.quantile(single, [0.5, 0.99]) * 1e3
    return Latency(float(p50), float(p99), float(rows / batch.sum()), quantile_bounds(single * 1e3, 0.99))


def quantile_bounds(values: NDArray[np.float64], quantile: float) -> tuple[float, float]:
    """The 95 % interval of a quantile by order statistics, whatever the distribution.

    Source: David and Nagaraja (2003), Order Statistics, 7.1.
    """
    from scipy.stats import binom

    count, ordered = len(values), np.sort(values)
    low, high = binom.ppf([0.025, 0.975], count, quantile).astype(int)
    return float(ordered[max(low - 1, 0)]), float(ordered[min(high, count - 1)])
