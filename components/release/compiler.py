"""scikit-learn's transformers and models as nodes of an ONNX graph, in double precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.errors import BundleError
from components.release import dates, tempering, trees
from components.release.graph import Graph, Tensor
from components.release.inputs import Inputs
from components.training.class_predictor import DIGITS
from components.training.features import Columns
from components.training.recalibration import CLIP

if TYPE_CHECKING:
    from components.training.missing import FillMissing

UNSEEN = "\ufffd unseen \ufffd"
"""A category that no table holds: what an encoder makes of it, it makes of every new one."""

Writer = Callable[[Graph, Any, Tensor], Tensor]


class NotCompilable(BundleError):  # noqa: N818
    """A predictor has no exact ONNX form here; it can be served as Python."""


def features(graph: Graph, transformer: Any, table: Inputs, columns: Columns) -> Tensor:
    """What the fitted preprocessing makes of the columns, shape (n, number of outputs).

    Args:
        graph: receives the nodes.
        transformer: a fitted ColumnTransformer; numbers are tempered, filled, scaled or passed through, dates come
            apart first, texts were reduced before the graph, and categories go through any encoder that lists them and
            treats each column by itself.
        table: the graph's inputs.
        columns: the features.

    Raises:
        NotCompilable: a part has no ONNX form here.
    """
    parts = []
    for name, part, names in _parts(transformer):
        unknown = [column for column in names if column not in table]
        if unknown:
            raise NotCompilable(f"Part '{name}' of the features reads {unknown}, which are no model inputs.")
        if set(names) <= set(columns.numeric):
            parts.append(_numbers(graph, part, table.columns(names)))
        elif set(names) <= set(columns.categorical):
            parts += _encoded(graph, part, table, names)
        elif set(names) <= set(columns.dates):
            parts.append(_after(graph, part, dates.parts, table.columns(names)))
        elif set(names) <= set(columns.texts) and len(names) == 1:
            parts.append(_after(graph, part, _reduced, table.texts[names[0]]))
        else:
            raise NotCompilable(
                f"Part '{name}' of the features mixes numbers, categories, dates or texts; split it."
            )
    return graph.concatenated(parts)


def categories(transformer: Any, columns: Columns) -> dict[str, list[str]]:
    """By categorical column, the categories that any part of the fitted preprocessing knows.

    Raises:
        NotCompilable: a part does not list them, or knows some that are no text.
    """
    found: dict[str, dict[str, None]] = {name: {} for name in columns.categorical}
    for _, part, names in _parts(transformer):
        if not set(names) <= set(columns.categorical):
            continue
        first = part.steps[0][1] if hasattr(part, "steps") else part
        if not hasattr(first, "categories_"):
            raise NotCompilable(
                f"{_name(first)} on {names} knows no categories; use an encoder that lists them."
            )
        for name, known in zip(names, first.categories_, strict=True):
            if not all(isinstance(value, str) for value in known):
                raise NotCompilable(f"{_name(first)} on {names} knows categories that are no text.")
            found[name] |= dict.fromkeys(known)
    return {name: list(known) for name, known in found.items()}


def _parts(transformer: Any) -> list[tuple[str, Any, list[str]]]:
    """Name, transformer and columns of each part that does something."""
    from sklearn.compose import ColumnTransformer

    if type(transformer) is not ColumnTransformer:
        raise NotCompilable(f"'features' is a {_name(transformer)}; only a ColumnTransformer compiles.")
    return [
        (name, part, list(names))
        for name, part, names in transformer.transformers_
        if len(names) and part != "drop"
    ]


def _after(graph: Graph, transformer: Any, first: Writer, X: Tensor) -> Tensor:
    """What a part makes of dates or texts: `first` writes its first step, and what follows are numbers."""
    from components.training.dates import DateParts
    from components.training.texts import TextParts

    head, *rest = [step for _, step in transformer.steps] if hasattr(transformer, "steps") else [transformer]
    if type(head) not in (DateParts, TextParts):
        raise NotCompilable(f"{_name(head)} has no ONNX form here for dates or texts.")
    X = first(graph, head, X)
    for step in rest:
        X = _numbers(graph, step, X)
    return X


def _reduced(graph: Graph, transformer: Any, X: Tensor) -> Tensor:
    """The components of texts, which the program computes before the graph."""
    return X


def _numbers(graph: Graph, transformer: Any, X: Tensor) -> Tensor:
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from components.training.missing import FillMissing
    from components.training.tempered import Tempered

    if transformer == "passthrough" or _is_identity(transformer):
        return X
    if type(transformer) is Pipeline:
        for _, step in transformer.steps:
            X = _numbers(graph, step, X)
        return X
    writers: dict[type, Writer] = {
        FillMissing: _filled,
        StandardScaler: _scaled,
        Tempered: tempering.tempered,
    }
    writer = writers.get(type(transformer))
    if writer is None:
        raise NotCompilable(f"{_name(transformer)} has no ONNX form here.")
    return writer(graph, transformer, X)


def _is_identity(transformer: Any) -> bool:
    from sklearn.preprocessing import FunctionTransformer

    return type(transformer) is FunctionTransformer and transformer.func is None


def _filled(graph: Graph, transformer: FillMissing, X: Tensor) -> Tensor:
    missing = graph.add("IsNaN", X)
    filled = graph.add("Where", missing, graph.constant(transformer.fill_), X)
    if len(transformer.marked_):
        marks = graph.add("Gather", missing, graph.constant(transformer.marked_), axis=1)
        filled = graph.concatenated([filled, graph.cast(marks, "double")])
    return graph.cast(graph.cast(filled, "float"), "double") if transformer.single else filled


def _scaled(graph: Graph, scaler: Any, X: Tensor) -> Tensor:
    if scaler.with_mean:
        X = graph.add("Sub", X, graph.constant(scaler.mean_))
    return graph.add("Div", X, graph.constant(scaler.scale_)) if scaler.with_std else X


def _encoded(graph: Graph, encoder: Any, table: Inputs, names: list[str]) -> list[Tensor]:
    """What the encoder makes of each column, looked up in tables that the encoder itself filled."""
    tables = _tables(encoder, names, [list(table.categories[name]) for name in names])
    if all(each.shape[1] == 1 for each in tables):
        # One number a category: all columns are looked up at once, each in its part of one long table.
        places = graph.cast(table.columns(names), "int64")
        starts = np.cumsum([0, *(len(each) for each in tables[:-1])])
        if len(names) > 1:
            places = graph.add("Add", places, graph.constant(starts))
        return [graph.add("Gather", graph.constant(np.concatenate(tables)[:, 0]), places, axis=0)]
    return [
        _looked_up(graph, table.columns([name]), each)
        for name, each in zip(names, tables, strict=True)
        if each.shape[1]
    ]


def _tables(encoder: Any, names: list[str], categories: list[list[str]]) -> list[NDArray[np.float64]]:
    """For each column, a row a known category and one for any other, and a column an output of its own."""
    import pandas as pd

    usual = [known[0] for known in categories]
    rows = [
        [*usual[:column], value, *usual[column + 1 :]]
        for column, known in enumerate(categories)
        for value in [*known, UNSEEN]
    ]
    try:
        found = encoder.transform(pd.DataFrame(rows, columns=names, dtype=object))
    except ValueError as error:
        raise NotCompilable(
            f"{_name(encoder)} on {names} refuses a category it has not seen: {error}"
        ) from error
    encoded = np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=np.float64)
    sizes = [len(known) + 1 for known in categories]
    blocks = np.split(encoded, np.cumsum(sizes)[:-1])
    owners = _owners(np.array([[len(np.unique(output)) > 1 for output in block.T] for block in blocks]))
    if owners is None:
        raise NotCompilable(f"{_name(encoder)} on {names} does not keep the columns apart and in order.")
    return [block[:, owners == column] for column, block in enumerate(blocks)]


def _owners(varies: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    """The input column that each output depends on; a constant output goes with the one before it.

    Args:
        varies: whether an output (column) varies with an input (row).

    Returns:
        None if an output depends on several inputs, or the outputs are not in the order of the inputs.
    """
    owners = np.where(varies.any(axis=0), varies.argmax(axis=0), -1)
    for output in np.flatnonzero(owners < 0):
        owners[output] = owners[output - 1] if output else 0
    apart = (varies.sum(axis=0) <= 1).all() and (np.diff(owners) >= 0).all()
    return owners if apart else None


def _looked_up(graph: Graph, column: Tensor, table: NDArray[np.float64]) -> Tensor:
    places = graph.add("Squeeze", graph.cast(column, "int64"), graph.constant([1]))
    return graph.add("Gather", graph.constant(table), places, axis=0)


def response(graph: Graph, model: Any, X: Tensor) -> Tensor:
    """What the fitted model answers: P(positive) or the number, shape (n, 1); P(class), (n, classes), for several.

    Raises:
        NotCompilable: the model has no ONNX form here.
    """
    from sklearn import ensemble, linear_model

    writers: dict[type, Writer] = {
        linear_model.LogisticRegression: _logistic_regression,
        linear_model.Ridge: _weighted_sum,
        ensemble.HistGradientBoostingClassifier: _boosted_classes,
        ensemble.HistGradientBoostingRegressor: _boosted_number,
        ensemble.ExtraTreesClassifier: _forest_of_classes,
        ensemble.RandomForestClassifier: _forest_of_classes,
        ensemble.ExtraTreesRegressor: _forest_of_numbers,
        ensemble.RandomForestRegressor: _forest_of_numbers,
    }
    writer = writers.get(type(model))
    if writer is None:
        known = ", ".join(sorted(kind.__name__ for kind in writers))
        raise NotCompilable(f"{_name(model)} has no ONNX form here; those that have are {known}.")
    return writer(graph, model, X)


def _weighted_sum(graph: Graph, model: Any, X: Tensor) -> Tensor:
    coefficients = np.atleast_2d(model.coef_)
    product = graph.add("MatMul", X, graph.constant(coefficients.T))
    return graph.add("Add", product, graph.constant(np.atleast_1d(model.intercept_)))


def _logistic_regression(graph: Graph, model: Any, X: Tensor) -> Tensor:
    return _probability(graph, model, _weighted_sum(graph, model, X))


def _boosted_classes(graph: Graph, model: Any, X: Tensor) -> Tensor:
    return _probability(graph, model, _boosted_number(graph, model, X))


def _boosted_number(graph: Graph, model: Any, X: Tensor) -> Tensor:
    if any(predictor.nodes["is_categorical"].any() for stage in model._predictors for predictor in stage):
        raise NotCompilable(
            "Gradient boosting with categorical_features has no ONNX form; encode them as ordinals."
        )
    grown = [
        trees.from_boosting(predictor, target)
        for stage in model._predictors
        for target, predictor in enumerate(stage)
    ]
    total = trees.ensemble(graph, X, grown, "sum")
    return graph.add("Add", total, graph.constant(np.ravel(model._baseline_prediction)))


def _forest_of_classes(graph: Graph, model: Any, X: Tensor) -> Tensor:
    if len(model.classes_) == 2:
        return _forest(graph, X, [(tree, tree.tree_.value[:, 0, 1]) for tree in model.estimators_])
    # A leaf answers one number: each tree tells its leaf, and a table what the leaf says of every class.
    values = [tree.tree_.value[:, 0, :] for tree in model.estimators_]
    starts = np.cumsum([0, *(len(each) for each in values[:-1])])
    grown = [
        trees.from_forest(tree, start + np.arange(len(each), dtype=np.float64), target)
        for target, (tree, each, start) in enumerate(zip(model.estimators_, values, starts, strict=True))
    ]
    leaves = graph.cast(trees.ensemble(graph, _single(graph, X), grown, "sum"), "int64")
    said = graph.add("Gather", graph.constant(np.vstack(values)), leaves, axis=0)
    return graph.add("ReduceMean", said, graph.constant([1]), keepdims=0)


def _forest_of_numbers(graph: Graph, model: Any, X: Tensor) -> Tensor:
    return _forest(graph, X, [(tree, tree.tree_.value[:, 0, 0]) for tree in model.estimators_])


def _forest(graph: Graph, X: Tensor, grown: list[tuple[Any, NDArray[np.float64]]]) -> Tensor:
    found = [trees.from_forest(tree, value) for tree, value in grown]
    return trees.ensemble(graph, _single(graph, X), found, "mean")


def _single(graph: Graph, X: Tensor) -> Tensor:
    return graph.cast(graph.cast(X, "float"), "double")  # scikit-learn's trees compare float32 with float64


def _probability(graph: Graph, model: Any, raw: Tensor) -> Tensor:
    if len(model.classes_) == 2:
        return _logistic(graph, raw)
    powers = graph.add(
        "Exp", graph.add("Sub", raw, graph.add("ReduceMax", raw, graph.constant([1]), keepdims=1))
    )
    return _in_all(graph, powers)


def _in_all(graph: Graph, parts: Tensor) -> Tensor:
    """Parts of a row made to add up to 1."""
    return graph.add("Div", parts, graph.add("ReduceSum", parts, graph.constant([1]), keepdims=1))


def _logistic(graph: Graph, logit: Tensor) -> Tensor:
    # ONNX Runtime's Sigmoid loses the small probabilities that the recalibration's logarithm sees.
    one = graph.constant(1.0)
    return graph.add("Div", one, graph.add("Add", one, graph.add("Exp", graph.add("Neg", logit))))


def recalibrated(graph: Graph, y_score: Tensor, intercept: float, slope: float) -> Tensor:
    """The scores after recalibration on the logit, as `training.predictor` computes them."""
    if intercept == 0.0 and slope == 1.0:
        return y_score
    clipped = graph.add("Clip", y_score, graph.constant(CLIP), graph.constant(1 - CLIP))
    rest = graph.add("Sub", graph.constant(1.0), clipped)
    logit = graph.add("Sub", graph.add("Log", clipped), graph.add("Log", rest))
    scaled = graph.add("Mul", graph.constant(float(slope)), logit)
    return _logistic(graph, graph.add("Add", graph.constant(float(intercept)), scaled))


def sharpened(graph: Graph, probability: Tensor, slope: float) -> Tensor:
    """The probabilities of several classes after recalibration, as `training.class_predictor` computes them."""
    if slope == 1.0:
        return probability
    clipped = graph.add("Clip", probability, graph.constant(CLIP), graph.constant(1.0))
    return _in_all(graph, graph.add("Pow", clipped, graph.constant(float(slope))))


def decided(graph: Graph, probability: Tensor, worth: NDArray[np.float64]) -> Tensor:
    """The code whose choice is worth most, shape (n,)."""
    expected = graph.add("MatMul", probability, graph.constant(worth))
    rounded = graph.add("Round", graph.add("Mul", expected, graph.constant(DIGITS)))
    return graph.add("ArgMax", rounded, axis=1, keepdims=0)


def by_bin(graph: Graph, number: Tensor, edges: NDArray[np.float64], ends: NDArray[np.float64]) -> Tensor:
    """Numbers of shape (n,) with what is added to them by the bin of the number: an interval's end, or a shift."""
    column = graph.add("Unsqueeze", number, graph.constant([1]))
    reached = graph.add("GreaterOrEqual", column, graph.constant(np.append(edges, np.inf)))
    bins = graph.add("ReduceSum", graph.cast(reached, "int64"), graph.constant([1]), keepdims=0)
    return graph.add("Add", number, graph.add("Gather", graph.constant(ends), bins, axis=0))


def _name(value: Any) -> str:
    return type(value).__name__
