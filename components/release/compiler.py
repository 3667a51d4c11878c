"""scikit-learn's transformers and models as nodes of an ONNX graph, in double precision."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.release import dates, tempering, trees
from components.release.categories import NotCompilableError, parts
from components.release.graph import Graph, Tensor
from components.release.inputs import Inputs
from components.training.class_predictor import DIGITS
from components.training.features import Columns
from components.training.recalibration import CLIP

if TYPE_CHECKING:
    from components.training.missing import FillMissing

Writer = Callable[[Graph, Any, Tensor], Tensor]


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
        NotCompilableError: a part has no ONNX form here.
    """
    made: list[Tensor | list[str]] = []
    for name, part, names in parts(transformer):
        unknown = [column for column in names if column not in table]
        if unknown:
            raise NotCompilableError(
                f"Part '{name}' of the features reads {unknown}, which are no model inputs."
            )
        if set(names) <= set(columns.numeric):
            made.append(names if _keeps(part) else _numbers(graph, part, table.columns(names)))
        elif set(names) <= table.encodings.final:
            made.append(names)
        elif set(names) <= set(columns.categorical):
            made += _encoded(graph, table, name, names)
        elif set(names) <= set(columns.dates):
            made.append(_after(graph, part, dates.parts, table.columns(names)))
        elif set(names) <= set(columns.texts) and len(names) == 1:
            made.append(_after(graph, part, _reduced, table.texts[names[0]]))
        else:
            raise NotCompilableError(
                f"Part '{name}' of the features mixes numbers, categories, dates or texts; split it."
            )
    return graph.concatenated(_joined(made, table))


def _joined(made: list[Tensor | list[str]], table: Inputs) -> list[Tensor]:
    """The parts as tensors; columns of the matrix that stand together are taken together."""
    tensors: list[Tensor] = []
    for plain, some in groupby(made, key=lambda part: isinstance(part, list)):
        if plain:
            tensors.append(table.columns([name for names in some for name in names]))
        else:
            tensors += [str(tensor) for tensor in some]
    return tensors


def _after(graph: Graph, transformer: Any, first: Writer, X: Tensor) -> Tensor:
    """What a part makes of dates or texts: `first` writes its first step, and what follows are numbers."""
    from components.training.dates import DateParts
    from components.training.texts import TextParts

    head, *rest = [step for _, step in transformer.steps] if hasattr(transformer, "steps") else [transformer]
    if type(head) not in (DateParts, TextParts):
        raise NotCompilableError(f"{_name(head)} has no ONNX form here for dates or texts.")
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

    if _keeps(transformer):
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
        raise NotCompilableError(f"{_name(transformer)} has no ONNX form here.")
    return writer(graph, transformer, X)


def _keeps(transformer: Any) -> bool:
    """Whether numbers come out as they went in."""
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    from components.training.missing import FillMissing

    if transformer == "passthrough":
        return True
    if type(transformer) is Pipeline:
        return all(_keeps(step) for _, step in transformer.steps)
    if type(transformer) is FillMissing:
        fills = len(transformer.marked_) or not np.isnan(transformer.fill_).all()
        return not fills and not transformer.single
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


def _encoded(graph: Graph, table: Inputs, part: str, names: list[str]) -> list[Tensor]:
    """What a part's encoder makes of each column, looked up in the tables that the encoder itself filled."""
    return [
        _looked_up(graph, table.columns([name]), each)
        for name, each in zip(names, table.encodings.tables[part], strict=True)
        if each.shape[1]
    ]


def _looked_up(graph: Graph, column: Tensor, table: NDArray[np.float64]) -> Tensor:
    places = graph.add("Squeeze", graph.cast(column, "int64"), graph.constant([1]))
    return graph.add("Gather", graph.constant(table), places, axis=0)


def response(graph: Graph, model: Any, X: Tensor) -> Tensor:
    """What the fitted model answers: P(positive) or the number, shape (n, 1); P(class), (n, classes), for several.

    Raises:
        NotCompilableError: the model has no ONNX form here.
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
        raise NotCompilableError(f"{_name(model)} has no ONNX form here; those that have are {known}.")
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
    return _from_baseline(graph, model, trees.ensemble(graph, X, boosted_trees(model), "sum"))


def _from_baseline(graph: Graph, model: Any, total: Tensor) -> Tensor:
    return graph.add("Add", total, graph.constant(np.ravel(model._baseline_prediction)))


def after_trees(graph: Graph, model: Any, total: Tensor) -> Tensor:
    """What gradient boosting of two classes or of numbers makes of its trees' total, as :func:`response` does."""
    raw = _from_baseline(graph, model, total)
    return _probability(graph, model, raw) if hasattr(model, "classes_") else raw


def boosted_trees(model: Any) -> list[trees.Tree]:
    """The trees of histogram gradient boosting, in the order in which they are added up.

    Raises:
        NotCompilableError: they compare categories, which have no order.
    """
    if any(predictor.nodes["is_categorical"].any() for stage in model._predictors for predictor in stage):
        raise NotCompilableError(
            "Gradient boosting with categorical_features has no ONNX form; encode them as ordinals."
        )
    return [
        trees.from_boosting(predictor, target)
        for stage in model._predictors
        for target, predictor in enumerate(stage)
    ]


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
