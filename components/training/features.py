"""The model's input: which columns, in which form, and what is learned about them. Yours to edit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from components.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

Kind = Literal["linear", "tree", "forest"]

MISSING = "__missing__"
"""What a missing category is called, so that a model can learn from it as from any other category."""

TRANSFORM: Callable[[pd.DataFrame], pd.DataFrame] | None = None
"""Your own features: a row-wise function of the table. It is served as Python, several times slower."""


@dataclass(frozen=True)
class Columns:
    """The features by how a model reads them; each tuple keeps the order of the contract."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the model's input, numeric ones first."""
        return self.numeric + self.categorical


def select(contract_types: Mapping[str, str], *, target: str, excluded: Sequence[str]) -> Columns:
    """The columns that become features: every boolean, integer, number and category but those left out.

    Args:
        contract_types: the type of each column, as `schema.yaml` names it; text and datetime are no features.
        target: the column to predict.
        excluded: time, key, group, weight and sensitive columns, and what the user excludes.

    Raises:
        ConfigError: an excluded column does not exist, or nothing is left to learn from.
    """
    unknown = sorted(set(excluded) - set(contract_types))
    if unknown:
        raise ConfigError(f"{unknown} are left out of the features but are no columns; correct their names.")
    left = {name: kind for name, kind in contract_types.items() if name != target and name not in excluded}
    numeric = tuple(name for name, kind in left.items() if kind in ("boolean", "integer", "number"))
    categorical = tuple(name for name, kind in left.items() if kind == "category")
    if not numeric and not categorical:
        raise ConfigError(
            f"No feature is left beside target '{target}' after leaving out {sorted(excluded)}; "
            "exclude fewer columns, or give text columns the type category in schema.yaml."
        )
    return Columns(numeric, categorical)


def inputs(frame: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """The model input X: numbers as float64 (missing: NaN), categories as str objects (missing: MISSING).

    It is the one definition of the input, and nothing in it is learned: the server repeats it to the letter.

    Args:
        frame: rows of a snapshot, in any order and with any further columns.
        columns: the features.

    Returns:
        One row a row of `frame`, with its index; columns in the order of `columns.names`.

    Raises:
        DataError: a column is missing, a numeric one holds text or an infinite number.
    """
    import pandas as pd

    absent = [name for name in columns.names if name not in frame.columns]
    if absent:
        raise DataError(f"The features {absent} are not in the table, which has {list(frame.columns)}.")
    data: dict[str, pd.Series[Any]] = {name: _numbers(frame[name]) for name in columns.numeric}
    data |= {name: _labels(frame[name]) for name in columns.categorical}
    return pd.DataFrame(data)


def preprocessor(columns: Columns, kind: Kind) -> ColumnTransformer | Pipeline:
    """What is learned from the training rows before the model sees them; every part compiles to ONNX.

    Args:
        columns: the features, in the form that `inputs` gives them.
        kind: `linear` fills, marks and scales numbers, and expands categories, the rare ones as one; `tree`
            leaves numbers as they are, missing ones too, and numbers the categories; `forest` fills and marks
            the numbers and rounds them to single precision, in which forests compute unseen, so that whatever
            reads the trees compares alike. A category not seen in training is like a rare one, or like none.
    """
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    number, category = {"linear": _linear, "tree": _tree, "forest": _forest}[kind]()
    numeric: Any = list(columns.numeric)
    categorical: Any = list(columns.categorical)
    if TRANSFORM is not None:  # which may have added some
        numeric = make_column_selector(dtype_include="number")
        categorical = make_column_selector(dtype_exclude="number")
    prepared = ColumnTransformer(
        [("number", number, numeric), ("category", category, categorical)], sparse_threshold=0.0
    )
    if TRANSFORM is None:
        return prepared
    return Pipeline([("transform", FunctionTransformer(TRANSFORM)), ("columns", prepared)])


def _linear() -> tuple[Any, Any]:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from components.training.missing import FillMissing

    category = OneHotEncoder(
        min_frequency=20, max_categories=50, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    return make_pipeline(FillMissing(), StandardScaler()), category


def _tree() -> tuple[Any, Any]:
    from sklearn.preprocessing import OrdinalEncoder

    from components.training.missing import FillMissing

    category = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    return FillMissing(only_empty=True), category


def _forest() -> tuple[Any, Any]:
    from sklearn.preprocessing import OrdinalEncoder

    from components.training.missing import FillMissing

    return FillMissing(single=True), OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)


def _numbers(values: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    try:
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"Column '{values.name}' is a numeric feature but holds other values: {error}."
        ) from error
    if np.isinf(numbers).any():
        raise DataError(
            f"Column '{values.name}' holds infinite numbers; make them missing, or drop the rows."
        )
    return pd.Series(numbers, index=values.index)


def _labels(values: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    codes, uniques = pd.factorize(values, use_na_sentinel=True)
    labels = np.array([*map(str, uniques), MISSING], dtype=object)
    return pd.Series(labels[codes], index=values.index, dtype=object)  # missing is code -1: the last label
