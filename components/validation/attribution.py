"""A model's output split into one contribution a column: SHAP values, added up over what a column was encoded to."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.training.scoring import response

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

Floats = NDArray[np.float64]
Unit = Literal["log-odds", "probability", "units of the target"]
"""Of what a model puts out: boosted trees and linear models add log-odds, forests average probabilities."""

_TREE_STEPS_PER_SECOND = 2e8
_SAMPLED_ORDERS = 20
_SAMPLED_ROWS_PER_SECOND = 30


class Attribution(Protocol):
    """Splits a fitted pipeline's raw output; the base value and a row's contributions add up to it.

    Attributes:
        method: How the contributions are found.
        unit: Of the raw output and of the contributions.
        names: The columns that contribute.
        base_value: The output that is explained by nothing; of several classes one each, (classes,).
    """

    method: str
    unit: Unit
    names: tuple[str, ...]
    base_value: float | Floats

    def rows_within(self, seconds: float) -> int:
        """About how many rows can be explained in this time; it depends on the model, not on the machine."""
        ...

    def values(self, columns: pd.DataFrame) -> Floats:
        """The contributions, (rows, len(names)); of several classes (rows, len(names), classes)."""
        ...


@dataclass(frozen=True)
class Stages:
    """A fitted pipeline taken apart.

    Attributes:
        before: The user's own features, or None.
        encoder: What turns columns into numbers.
        model: What learns from them.
    """

    before: Any
    encoder: ColumnTransformer
    model: Any

    def columns(self, X: pd.DataFrame) -> pd.DataFrame:
        """The columns that are explained: the model input, or what the user's own features make of it."""
        return X if self.before is None else pd.DataFrame(self.before.transform(X))

    def encoded(self, columns: pd.DataFrame) -> Floats:
        """What the model learns from, (rows, encoded features)."""
        return np.asarray(self.encoder.transform(columns), dtype=np.float64)

    def output(self, columns: pd.DataFrame) -> Floats:
        """The probability before recalibration, or the number, (rows,); of several classes (rows, classes)."""
        return response(self.model, self.encoder.transform(columns))


def stages(pipeline: Pipeline) -> Stages:
    """The parts of a pipeline of ``features`` (an encoder, or the user's own features and an encoder) and ``model``."""
    features, model = pipeline["features"], pipeline["model"]
    if hasattr(features, "steps"):
        return Stages(features[:-1], features[-1], model)
    return Stages(None, features, model)


def attribution(parts: Stages, background: pd.DataFrame, *, seed: int) -> Attribution:
    """The exact attribution where there is one (linear models, trees), else a sampled one.

    Args:
        parts: Of the fitted pipeline.
        background: Columns of rows whose mean output is the base value of a linear or sampled attribution.
        seed: Of the sampling.
    """
    from shap.utils._exceptions import InvalidModelError

    owner = encoded_from(parts.encoder, list(background.columns))
    if owner is not None and _is_linear(parts.model):
        return _Linear(parts, owner, background)
    if owner is not None:
        try:
            return _Tree(parts, owner, background)
        except InvalidModelError:
            pass
    return _Sampled(parts, background, seed)


def raw_output(pipeline: Pipeline, X: pd.DataFrame, unit: Unit) -> Floats:
    """The pipeline's own output before recalibration, (rows,) or (rows, classes): what contributions must add up to."""
    said = response(pipeline, X)
    if unit != "log-odds":
        return said
    if hasattr(pipeline, "decision_function"):
        return np.asarray(pipeline.decision_function(X))
    return np.asarray(np.log(said) - np.log1p(-said))


def encoded_from(encoder: ColumnTransformer, columns: Sequence[str]) -> NDArray[np.int64] | None:
    """For each encoded feature the position of the column it comes from; None if names do not tell.

    An encoded feature's name starts with its column's (``age``, ``age_missing``, ``region_north``). Columns may be called
    so that one's name begins another's (``date`` and ``date_year``): each part is asked for its features' names anew, with
    its columns called by their numbers. What is made of two columns, as the days between two dates, counts for the first.
    """
    owner: list[int] = []
    for part, transformer, names in encoder.transformers_:
        block = encoder.output_indices_[part]
        if block.start == block.stop:
            continue
        try:
            features = _renamed(transformer).get_feature_names_out(
                [f"{place}:" for place in range(len(names))]
            )
            owner += [columns.index(names[int(str(feature).partition(":")[0])]) for feature in features]
        except (AttributeError, TypeError, ValueError):
            return None
    return np.array(owner, dtype=np.int64)


def _renamed(transformer: Any) -> Any:
    """The fitted transformer, ready to take any names for its columns."""
    bare = copy(transformer)
    vars(bare).pop("feature_names_in_", None)
    if hasattr(bare, "steps"):
        bare.steps = [(name, _renamed(step)) for name, step in bare.steps]
    return bare


class _Exact:
    """What exact attributions share: contributions of encoded features, added up by column."""

    def __init__(self, parts: Stages, owner: NDArray[np.int64], background: pd.DataFrame) -> None:
        self.parts, self.owner = parts, owner
        self.names = tuple(str(column) for column in background.columns)

    def _by_column(self, encoded_values: Floats) -> Floats:
        owners = np.eye(len(self.names))[self.owner]
        if encoded_values.ndim == 2:
            return np.asarray(encoded_values @ owners)
        return np.asarray(np.einsum("rec,en->rnc", encoded_values, owners))

    def _unit(self) -> Unit:
        return "log-odds" if hasattr(self.parts.model, "predict_proba") else "units of the target"


class _Linear(_Exact):
    """Coefficient times distance from the background's mean (Lundberg and Lee, 2017)."""

    method = "linear"

    def __init__(self, parts: Stages, owner: NDArray[np.int64], background: pd.DataFrame) -> None:
        import shap

        super().__init__(parts, owner, background)
        encoded = parts.encoded(background)
        # Left alone, the masker would keep 100 of these rows.
        masker = shap.maskers.Independent(encoded, max_samples=len(encoded))
        self.explainer = shap.LinearExplainer(parts.model, masker)
        self.unit = self._unit()
        base = np.ravel(self.explainer.expected_value)
        self.base_value: float | Floats = base if len(base) > 1 else float(base[0])

    def rows_within(self, seconds: float) -> int:
        return int(seconds * 100_000)

    def values(self, columns: pd.DataFrame) -> Floats:
        values = np.asarray(self.explainer.shap_values(self.parts.encoded(columns)))
        return self._by_column(values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values)


class _Tree(_Exact):
    """Exact contributions along the paths of the trees (Lundberg et al., 2020).

    Forests average probabilities and boosted trees add log-odds: that is the unit.
    """

    method = "trees"

    def __init__(self, parts: Stages, owner: NDArray[np.int64], background: pd.DataFrame) -> None:
        import shap

        super().__init__(parts, owner, background)
        self.explainer = shap.TreeExplainer(parts.model)
        base = np.ravel(self.explainer.expected_value)
        averages = hasattr(parts.model, "predict_proba") and not hasattr(parts.model, "decision_function")
        self.unit: Unit = "probability" if averages else self._unit()
        self.base_value: float | Floats = base if len(base) > 2 else float(base[-1])

    def rows_within(self, seconds: float) -> int:
        trees = self.explainer.model.trees
        depth = min(max(tree.max_depth for tree in trees), len(self.owner))
        nodes = sum(len(tree.values) for tree in trees)
        return int(seconds * _TREE_STEPS_PER_SECOND / max(nodes / 2 * depth**2, 1))

    def values(self, columns: pd.DataFrame) -> Floats:
        values = np.asarray(self.explainer.shap_values(self.parts.encoded(columns), check_additivity=False))
        return self._by_column(values[..., 1] if values.ndim == 3 and values.shape[2] == 2 else values)


class _Sampled:
    """Shapley values of any model by sampling: columns are switched on one by one, in random orders.

    Each order starts from one background row and is played forwards and backwards; all rows share them, so that the
    contributions add up to the output exactly and only their division is an estimate.

    Source: Štrumbelj and Kononenko (2014), Explaining prediction models; Mitchell et al. (2022) for the pairs.
    """

    method = "sampled"

    def __init__(self, parts: Stages, background: pd.DataFrame, seed: int) -> None:
        generator = np.random.default_rng(seed)
        self.parts = parts
        self.names = tuple(str(column) for column in background.columns)
        self.starts = background.iloc[generator.integers(0, len(background), _SAMPLED_ORDERS // 2)]
        self.orders = [generator.permutation(len(self.names)) for _ in range(_SAMPLED_ORDERS // 2)]
        self.unit: Unit = "probability" if hasattr(parts.model, "predict_proba") else "units of the target"
        base = np.mean(parts.output(self.starts), axis=0)
        self.base_value: float | Floats = base if np.ndim(base) else float(base)

    def rows_within(self, seconds: float) -> int:
        return int(seconds * _SAMPLED_ROWS_PER_SECOND)

    def values(self, columns: pd.DataFrame) -> Floats:
        total: Floats = np.zeros((len(columns), len(self.names), *np.shape(self.base_value)))
        for start, order in enumerate(self.orders):
            for direction in (order, order[::-1]):
                total[:, direction] += self._walk(columns, start, direction)
        return total / (2 * len(self.orders))

    def _walk(self, columns: pd.DataFrame, start: int, order: NDArray[np.int64]) -> Floats:
        """What each column adds in this order, (rows, columns in the order), and classes where there are several."""
        row = self.starts.iloc[[start] * len(columns)].set_index(columns.index)
        steps = [row]
        for position in order:
            name = columns.columns[position]
            step = steps[-1].copy()  # `assign` has no room for a column called self
            step[name] = columns[name]
            steps.append(step)
        outputs = self.parts.output(pd.concat(steps, ignore_index=True))
        added = np.diff(outputs.reshape(len(steps), len(columns), *outputs.shape[1:]), axis=0)
        return np.asarray(np.swapaxes(added, 0, 1))


def _is_linear(model: Any) -> bool:
    if not hasattr(model, "coef_"):
        return False
    return hasattr(model, "decision_function") or not hasattr(model, "predict_proba")
