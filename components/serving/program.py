"""The runtime of a bundle: loads its program and scores rows, with numpy and ONNX Runtime alone.

It is copied into every bundle (`program.pyz`), is what MLflow loads there, and imports nothing of this project.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# ONNX Runtime reports to its maker and keeps an id of the device, unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

Columns = Mapping[str, Sequence[Any] | NDArray[Any]]
Predictions = dict[str, NDArray[Any]]
"""By name: `y_score` and `y_pred`; for numbers also `y_low` and `y_high`, the ends of the prediction interval."""

MISSING = "__missing__"
"""What a missing category is called; the same as in training."""

MOST_CHARACTERS = 20_000
WORD = r"\w+|[\u2600-\u27bf\U0001f000-\U0001faff]"
"""How a text is read; the same as in training."""

ROWS = "program/rows"
"""The graph's matrix: numbers, dates as seconds since 1970, and categories as their numbers in `program.json`."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = 253_402_300_800.0
"""The year 10000 in seconds since 1970: a number beyond it was meant in other units."""

TRUSTED_PACKAGES = ("sklearn.", "numpy.", "scipy.", "components.training.")
"""Where the types of a program that is served as Python may come from; others are refused, whatever it lists."""


@dataclass(frozen=True)
class Program:
    """A bundle's program, ready to score.

    Attributes:
        inputs: the columns that it reads, each "double", "string", "datetime" or "text".
        run: from columns to predictions, without a look at their values: numbers and seconds as they are, None or NaN where
            missing; categories and texts as text, None where missing.
        classes: the names of several classes by their codes; none for two classes, and for numbers.
        numbers: by column of categories, which number stands for each in the graph's matrix; None where there is no graph.
            Where there is one, `run` takes in place of the columns of numbers, dates and categories the matrix too, as `ROWS`.
    """

    inputs: dict[str, str]
    run: Callable[[Columns], Predictions]
    classes: tuple[str, ...] = ()
    numbers: Mapping[str, Mapping[str | None, float]] | None = None

    @classmethod
    def load(cls, folder: str | Path, threads: int = 1) -> Program:
        """The program of a verified bundle.

        Args:
            folder: the bundle; nothing in it is checked here.
            threads: how many threads may work on one call.
        """
        folder = Path(folder)
        description = json.loads((folder / "program.json").read_text(encoding="utf-8"))
        numbers = None
        if description["runtime"] == "onnx":
            run = _compiled(folder, description["inputs"], description["categories"], threads)
            numbers = {name: _numbers(said) for name, said in description["categories"].items()}
        else:
            run = _python(folder / "model.skops", description["inputs"], description["trusted_types"])
        return cls(description["inputs"], run, tuple(description.get("classes", ())), numbers)

    def predict(self, columns: Mapping[str, NDArray[Any]]) -> Predictions:
        """What is predicted of each row.

        Of two classes, `y_score` is P(positive) and `y_pred` the decided code, each of shape (n,). Of several,
        `y_score` is P(class), shape (n, classes). Of numbers, `y_score` is what is expected, `y_pred` what to act on,
        and `y_low` and `y_high` are the ends of the prediction interval.

        Args:
            columns: one array of shape (n,) a column: numbers finite, or missing as NaN or None; categories and texts
                as text, or missing as None or NaN; dates as ISO 8601 texts (in UTC where they name no offset), as
                datetime64 or Python's datetimes, or as seconds since 1970 in UTC, and missing as None, NaN, NaT or
                "". Further columns are not read.

        Raises:
            ValueError: a column is missing, or holds values of another type.
        """
        absent = [name for name in self.inputs if name not in columns]
        if absent:
            raise ValueError(f"The columns {absent} are missing; the program reads {list(self.inputs)}.")
        return self.run({name: _column(columns[name], kind, name) for name, kind in self.inputs.items()})


def _column(values: NDArray[Any], kind: str, name: str) -> Sequence[Any] | NDArray[Any]:
    if kind == "double":
        return np.asarray(values, dtype=np.float64).reshape(-1)
    if kind == "datetime":
        return _seconds(np.asarray(values), name)
    return [value if type(value) is str else _label(value) for value in np.ravel(values).tolist()]


def _label(value: Any) -> str | None:
    return None if _is_missing(value) else str(value)


def _is_missing(value: Any) -> bool:
    # pandas.NA is neither equal to itself nor unequal.
    return value is None or type(value).__name__ == "NAType" or value != value


def _seconds(values: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Dates as seconds since 1970 in UTC, NaN where missing."""
    if values.dtype.kind == "M":
        microseconds = values.astype("datetime64[us]")
        return np.where(np.isnat(microseconds), np.nan, _of_microseconds(microseconds.astype(np.int64)))
    if values.dtype.kind in "iuf":
        seconds = values.astype(np.float64)
    else:
        seconds = np.array([_moment(value, name) for value in np.ravel(values).tolist()], dtype=np.float64)
    far = seconds[np.abs(seconds) >= LATEST]
    if len(far):
        raise ValueError(
            f"Column '{name}' is a date and holds {far[0]:.0f}, which is no time in seconds since 1970; send seconds, "
            "or ISO 8601 text."
        )
    return seconds


def _of_microseconds(microseconds: Any) -> Any:
    whole, rest = np.divmod(microseconds, 1_000_000)
    return whole + rest / 1e6


def _moment(value: Any, name: str) -> float:
    if _is_missing(value) or value == "":
        return float("nan")
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(
                f"Column '{name}' is a date and holds {value[:40]!r}; send ISO 8601 text such as 2026-01-31 or "
                "2026-01-31T12:00:00Z."
            ) from None
    if isinstance(value, np.datetime64):
        return float(_of_microseconds(value.astype("datetime64[us]").astype(np.int64)))
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return float(_of_microseconds((aware - EPOCH) // timedelta(microseconds=1)))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"Column '{name}' is a date and holds {value!r}; send ISO 8601 text.")
    return float(value)


def _terms(text: str) -> list[str]:
    words = re.findall(WORD, text[:MOST_CHARACTERS].lower())
    return [*words, *(f"{one} {other}" for one, other in pairwise(words))]


def _reductions(
    folder: Path, inputs: Mapping[str, str]
) -> dict[str, Callable[[Iterable[str | None]], NDArray[np.float64]]]:
    """For each column of texts what makes components of them, as `components.training.texts` does."""
    if "text" not in inputs.values():
        return {}
    terms = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    with np.load(folder / "texts.npz", allow_pickle=False) as arrays:
        return {
            name: _reduction(known, arrays[f"idf_{place}"], arrays[f"components_{place}"])
            for place, (name, known) in enumerate(terms.items())
        }


def _reduction(
    terms: list[str], idf: NDArray[np.float64], components: NDArray[np.float64]
) -> Callable[[Iterable[str | None]], NDArray[np.float64]]:
    places = {term: place for place, term in enumerate(terms)}

    def components_of(text: str) -> NDArray[np.float64]:
        counts = Counter(_terms(text))
        known = sorted((places[term], count) for term, count in counts.items() if term in places)
        where = np.array([place for place, _ in known], dtype=np.int64)
        weights = np.array([count for _, count in known], dtype=np.float64) * idf[where]
        weights = weights / np.sqrt((weights * weights).sum()) if len(where) else weights
        total: NDArray[np.float64] = (weights[:, np.newaxis] * components[where]).sum(axis=0)
        return total

    def reduced(texts: Iterable[str | None]) -> NDArray[np.float64]:
        rows = [components_of(text or "") for text in texts]
        return np.array(rows, dtype=np.float64).reshape(-1, components.shape[1])

    return reduced


def _matrix(
    inputs: Mapping[str, str], categories: Mapping[str, Any]
) -> Callable[[Columns], NDArray[np.float64]]:
    """What makes the graph's matrix of columns, shape (n, columns that are no texts)."""
    columns: list[tuple[str, Callable[[Any], float] | None]] = []
    for name, kind in inputs.items():
        if kind == "string":
            columns.append((name, _numbers(categories[name]).__getitem__))
        elif kind != "text":
            columns.append((name, None))

    def matrix(given: Columns) -> NDArray[np.float64]:
        rows = len(given[columns[0][0]])
        if rows == 1:
            row = [given[name][0] if number is None else number(given[name][0]) for name, number in columns]
            return np.array([row], dtype=np.float64)
        found = np.empty((rows, len(columns)))
        for place, (name, number) in enumerate(columns):
            values: Any = given[name]
            if number is None:
                found[:, place] = np.array(values, dtype=np.float64)
            else:
                found[:, place] = np.fromiter(map(number, values), np.float64, rows)
        return found

    return matrix


class _Numbers(dict[Any, float]):
    """Of each category its number, and of any other one for all."""

    other = 0.0

    def __missing__(self, _: Any) -> float:
        return self.other


def _numbers(said: Mapping[str, Any]) -> _Numbers:
    numbers = _Numbers((category, _or_nan(number)) for category, number in said["numbers"].items())
    numbers.other = _or_nan(said["other"])
    numbers[None] = numbers[MISSING]
    return numbers


def _or_nan(number: float | None) -> float:
    return math.nan if number is None else float(number)


def _compiled(
    folder: Path, inputs: Mapping[str, str], categories: Mapping[str, Any], threads: int
) -> Callable[[Columns], Predictions]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    model = (folder / "program.onnx").read_bytes()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    reductions = _reductions(folder, inputs)
    matrix = _matrix(inputs, categories) if len(inputs) > len(reductions) else None
    names = [output.name for output in session.get_outputs()]

    # What `session.run` does besides, for other kinds of devices and values, takes as long as a small program.
    call = session._sess.run

    def run(columns: Columns) -> Predictions:
        given: dict[str, Any] = {name: reduced(columns[name]) for name, reduced in reductions.items()}
        if matrix is not None:
            given[ROWS] = columns[ROWS] if ROWS in columns else matrix(columns)
        return dict(zip(names, call(names, given, None), strict=True))

    return run


def _python(
    path: Path, inputs: Mapping[str, str], trusted_types: list[str]
) -> Callable[[Columns], Predictions]:
    foreign = [name for name in trusted_types if not name.startswith(TRUSTED_PACKAGES)]
    if foreign:
        raise ValueError(f"{path.name} needs the types {foreign}, which are not of {TRUSTED_PACKAGES}.")
    # Only the environment of such a bundle has these two.
    skops, pandas = importlib.import_module("skops.io"), importlib.import_module("pandas")
    predictor = skops.load(path, trusted=trusted_types)

    def column(name: str, values: Any) -> Any:
        if inputs[name] in ("double", "datetime"):
            return np.array(values, dtype=np.float64)
        missing = "" if inputs[name] == "text" else MISSING
        return np.array([missing if value is None else value for value in values], dtype=object)

    def run(columns: Columns) -> Predictions:
        frame = pandas.DataFrame({name: column(name, columns[name]) for name in inputs})
        said = {"y_score": predictor.respond(frame), "y_pred": predictor.predict(frame)}
        if hasattr(predictor, "interval"):
            said["y_low"], said["y_high"] = predictor.interval(frame)
        return said

    return run


def columns_of(predictions: Predictions, classes: tuple[str, ...]) -> Predictions:
    """The predictions as the columns of a table, each of shape (n,).

    Of several classes, `y_pred` is the name of the decided one and `y_score_<name>` the probability of each.
    """
    if not classes:
        return predictions
    names = np.empty(len(classes), dtype=object)
    names[:] = classes
    scores = {f"y_score_{name}": predictions["y_score"][:, code] for code, name in enumerate(classes)}
    return {**scores, "y_pred": names[predictions["y_pred"]]}


class _MlflowModel:
    """What MLflow calls: a table in, a table of predictions out."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        said = self._program.predict({name: data[name].to_numpy() for name in self._program.inputs})
        return type(data)(columns_of(said, self._program.classes), index=data.index)


def _load_pyfunc(path: str) -> _MlflowModel:
    return _MlflowModel(Program.load(path))


def score(folder: Path, rows: Path) -> dict[str, Any]:
    """The predictions for a JSON file of rows, in the form of MLflow's answers.

    Args:
        folder: the bundle.
        rows: `{"columns": [...], "data": [[...], ...]}`, alone or as `dataframe_split`; null is missing.

    Raises:
        ValueError: the file holds something else, or rows that cannot be scored.
    """
    payload = json.loads(rows.read_text(encoding="utf-8"))
    table = payload.get("dataframe_split", payload) if isinstance(payload, dict) else {}
    if not {"columns", "data"} <= table.keys():
        raise ValueError('rows are written as {"columns": [...], "data": [[...], ...]}')
    values = zip(*table["data"], strict=True)
    columns = {
        name: np.array(column, dtype=object) for name, column in zip(table["columns"], values, strict=True)
    }
    program = Program.load(folder)
    said = columns_of(program.predict(columns), program.classes)
    answers = zip(*(values.tolist() for values in said.values()), strict=True)
    return {"predictions": [dict(zip(said, answer, strict=True)) for answer in answers]}


def main(arguments: list[str] | None = None) -> int:
    """`python program.pyz score [ROWS]`: scores the bundle's input example, or the rows of a JSON file."""
    bundle = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(prog="program", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("score", help="score rows, the bundle's input example by default")
    command.add_argument("rows", nargs="?", type=Path, default=bundle / "input_example.json")
    command.add_argument("--bundle", type=Path, default=bundle)
    options = parser.parse_args(arguments)
    try:
        answer = score(options.bundle, options.rows)
    except (OSError, TypeError, ValueError) as error:
        sys.stderr.write(f"{options.rows}: {error}\n")
        return 1
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0
