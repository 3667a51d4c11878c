"""The served program: the predictor compiled to ONNX in double precision, recalibration and threshold included."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from components.data.names import reserved
from components.errors import BundleError
from components.release import compiler, leaves, texts
from components.release.archive import canonical_skops, program_code
from components.release.categories import UNSEEN, NotCompilableError, Numbers, encodings
from components.release.compiler import features, recalibrated, response
from components.release.graph import Graph
from components.release.inputs import ROWS, Inputs, fed
from components.release.matrix import feature_distance
from components.release.parity import Latency, Parity, clean_run, compare
from components.training.class_predictor import ClassPredictor
from components.training.features import MISSING, Columns
from components.training.number_predictor import NumberPredictor

if TYPE_CHECKING:
    import pandas as pd

    from components.release.graph import Tensor
    from components.training.fitting import AnyPredictor

# ONNX Runtime reports to its maker and keeps an id of the device, unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = ["Latency", "NotCompilableError", "Parity", "Program", "export", "persisted", "program"]

TRUSTED_PACKAGES = ("sklearn.", "numpy.", "scipy.", "components.training.")
"""Where the types in a bundle may come from; `serving.program` holds the same."""

_EXAMPLE_ROWS, _TOLERANCE = 200, 1e-9


@dataclass(frozen=True)
class Program:
    """What will be served, with the evidence that it is what was evaluated.

    Attributes:
        runtime: "onnx", or "skops" where the predictor has no ONNX form and is served as Python.
        reason: why it is served as Python; "" for ONNX.
        files: the program's own files by name, all that a server loads.
        model: the fitted predictor as a skops file, for audit and explanation (and for the runtime "skops").
        trusted_types: the types in `model` that skops asks about.
        inputs: the kind of each column that the program reads: "double", "string", "datetime" or "text".
        parity: against the flow's predictions, from a clean process.
        latency: in that process.
        classes: the names of several classes by their codes; none for two classes, and for numbers.
    """

    runtime: Literal["onnx", "skops"]
    reason: str
    files: dict[str, bytes]
    model: bytes
    trusted_types: tuple[str, ...]
    inputs: dict[str, str]
    parity: Parity
    latency: Latency
    classes: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """The size of all that a server loads."""
        return sum(len(content) for content in self.files.values())


def program(
    predictor: AnyPredictor, columns: Columns, X: pd.DataFrame, classes: tuple[str, ...] = ()
) -> Program:
    """The program of a predictor, measured in a clean process on the whole holdout.

    Args:
        predictor: fitted.
        columns: the features, in the form that `features.inputs` gives them.
        X: the holdout in that form.
        classes: the names of several classes by their codes.

    Raises:
        BundleError: the predictor has types that may not be loaded, its Python does not run on its own, or a column
            has the name of a prediction or of a column of the prediction log.
    """
    if taken := reserved(columns.names):
        raise BundleError(
            f"The features {taken} have the names of predictions or of the prediction log's own columns; rename these columns."
        )
    model, trusted_types = persisted(predictor)
    inputs = {name: str(kind) for name, kind in columns.kinds.items()}
    runtime: Literal["onnx", "skops"] = "onnx"
    reason = ""
    try:
        compiled = export(predictor, columns, X.head(_EXAMPLE_ROWS))
        served = {"program.onnx": compiled.model, **compiled.batches}
        categories = {name: numbers.to_json() for name, numbers in compiled.categories.items()}
        served |= texts.files(texts.found(predictor.pipeline["features"], columns))
    except NotCompilableError as error:
        runtime, reason, served, categories = "skops", str(error), {"model.skops": model}, {}
    description: dict[str, Any] = {
        "runtime": runtime,
        "inputs": inputs,
        "categories": categories,
        "trusted_types": list(trusted_types),
    }
    if classes:
        description["classes"] = list(classes)
    files = {
        "program.json": json.dumps(description, indent=2).encode() + b"\n",
        "program.pyz": program_code(with_training=runtime == "skops"),
        **served,
    }
    run = clean_run(files, X, predictions(predictor, X))
    return Program(runtime, reason, files, model, trusted_types, inputs, run.parity, run.latency, classes)


def predictions(predictor: AnyPredictor, X: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """What the predictor says of each row, by the names that a program has for it."""
    said = {"y_score": predictor.respond(X), "y_pred": predictor.predict(X)}
    if isinstance(predictor, NumberPredictor):
        said["y_low"], said["y_high"] = predictor.interval(X)
    return said


def persisted(predictor: AnyPredictor) -> tuple[bytes, tuple[str, ...]]:
    """The predictor as a skops file with canonical bytes, and the types in it that skops asks about.

    Raises:
        BundleError: a type is of a package that a bundle may not load.
    """
    import skops.io

    data = canonical_skops(skops.io.dumps(predictor))
    types = tuple(skops.io.get_untrusted_types(data=data))
    foreign = [name for name in types if not name.startswith(TRUSTED_PACKAGES)]
    if foreign:
        raise BundleError(
            f"The predictor holds {foreign}; a bundle loads only types of {', '.join(TRUSTED_PACKAGES)}. Put your "
            "own classes and functions into components/training."
        )
    return data, types


@dataclass(frozen=True)
class Compiled:
    """A predictor as an ONNX model.

    Attributes:
        model: the file.
        categories: by column, the numbers that the graph is fed with for its categories.
        batches: further files, by which many rows are answered sooner; none for most models.
    """

    model: bytes
    categories: Mapping[str, Numbers]
    batches: Mapping[str, bytes] = field(default_factory=dict)


def export(predictor: AnyPredictor, columns: Columns, X_example: pd.DataFrame) -> Compiled:
    """The predictor as an ONNX model.

    Inputs are one matrix of numbers, dates as seconds and categories as their numbers; and for each text the components
    that `training.texts` makes of it, shape (n, components). Outputs are those of `predictions`. Everything is computed in
    double precision, as scikit-learn does.

    Args:
        predictor: fitted.
        columns: the features, in the form that `features.inputs` gives them.
        X_example: rows on which, and on missing, far and new values, the program must repeat the predictor and each feature
            that its preprocessing makes.

    Raises:
        NotCompilableError: a part has no ONNX form here, or the program does not repeat the predictor.
    """
    steps = predictor.pipeline.named_steps
    if list(steps) != ["features", "model"]:
        raise NotCompilableError(
            f"The pipeline has the steps {list(steps)}; only 'features' and 'model' compile."
        )
    graph = Graph()
    reduced = texts.found(steps["features"], columns)
    encoded = encodings(steps["features"], columns)
    X = features(graph, steps["features"], Inputs.of(graph, columns, encoded, reduced), columns)
    model = graph.to_bytes(_outputs(graph, predictor, response(graph, steps["model"], X)))
    rows = _with_edges(X_example, columns)
    _repeats(model, predictor, rows, fed(rows, columns, encoded.numbers, reduced))
    distance = feature_distance(steps["features"], rows, columns, encoded, reduced)
    if not distance <= _TOLERANCE:
        raise NotCompilableError(
            f"The compiled preprocessing makes a feature that is {distance:.1e} away from the pipeline's on {len(rows)} rows; "
            f"it must be within {_TOLERANCE:g}."
        )
    return Compiled(model, encoded.numbers, _batches(graph, X, predictor, columns))


def _batches(graph: Graph, X: Tensor, predictor: AnyPredictor, columns: Columns) -> dict[str, bytes]:
    """The files of a program whose features are plain columns, and whose model is boosted trees of one output."""
    from sklearn import ensemble

    model = predictor.pipeline["model"]
    width = sum(kind != "text" for kind in columns.kinds.values())
    places = graph.places(X, ROWS, width)
    boosted = (ensemble.HistGradientBoostingClassifier, ensemble.HistGradientBoostingRegressor)
    if places is None or type(model) not in boosted:
        return {}
    tables = leaves.tables(compiler.boosted_trees(model), places)
    if tables is None:
        return {}
    after = Graph()
    total = after.input(leaves.TOTALS)
    said = compiler.after_trees(after, model, total)
    return {
        leaves.TREES: leaves.saved(tables),
        leaves.AFTER: after.to_bytes(_outputs(after, predictor, said)),
    }


def _outputs(graph: Graph, predictor: AnyPredictor, said: Tensor) -> dict[str, tuple[Tensor, str]]:
    """What follows the pipeline, by the predictor's kind."""
    if isinstance(predictor, ClassPredictor):
        y_score = compiler.sharpened(graph, said, predictor.slope)
        decided = compiler.decided(graph, y_score, predictor.rule)
        return {"y_score": (y_score, "doubles"), "y_pred": (decided, "int64")}
    y_score = graph.add("Squeeze", said, graph.constant([1]))
    if isinstance(predictor, NumberPredictor):
        ends = {
            name: compiler.by_bin(graph, y_score, np.asarray(predictor.edges), np.asarray(offsets))
            for name, offsets in (("y_low", predictor.lower), ("y_high", predictor.upper))
        }
        edges = np.asarray(predictor.edges)
        acted = y_score
        if predictor.shift is not None:
            acted = compiler.by_bin(graph, y_score, edges, np.asarray(predictor.shift))
        return {
            name: (each, "double") for name, each in {"y_score": y_score, "y_pred": acted, **ends}.items()
        }
    y_score = recalibrated(graph, y_score, predictor.intercept, predictor.slope)
    reached = graph.add("GreaterOrEqual", y_score, graph.constant(float(predictor.threshold)))
    return {"y_score": (y_score, "double"), "y_pred": (graph.cast(reached, "int64"), "int64")}


def _repeats(
    model: bytes, predictor: AnyPredictor, X: pd.DataFrame, feed: Mapping[str, NDArray[np.float64]]
) -> None:
    """Refuse a program that computes something else, such as for a class that overrides one compiled here."""
    import onnxruntime

    try:
        expected = predictions(predictor, X)
    except ValueError as error:
        raise NotCompilableError(f"The predictor refuses missing, far or new values: {error}") from error
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found = dict(zip(expected, session.run(list(expected), feed), strict=True))
    distance = compare(found, expected).max_abs_difference
    if not distance <= _TOLERANCE:
        raise NotCompilableError(
            f"The compiled program is {distance:.1e} away from the predictor on {len(X)} rows; it must be "
            f"within {_TOLERANCE:g}."
        )


def _with_edges(X: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """The rows, and three that tables seldom hold: all missing, and all far above and below with new categories."""
    import pandas as pd

    numbers = X[[*columns.numeric, *columns.dates]]
    spread = 1 + numbers.abs().max()
    missing = dict.fromkeys(columns.categorical, MISSING) | dict.fromkeys(columns.texts, "")
    unseen = dict.fromkeys((*columns.categorical, *columns.texts), UNSEEN)
    edges = [
        {**dict.fromkeys(numbers.columns, np.nan), **missing},
        {**(numbers.max() + spread), **unseen},
        {**(numbers.min() - spread), **unseen},
    ]
    return pd.concat([X, pd.DataFrame(edges, columns=X.columns).astype(X.dtypes)], ignore_index=True)
