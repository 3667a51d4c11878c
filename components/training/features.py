"""The model's input: which columns, in which form, and what is learned about them. Yours to edit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from components.errors import ConfigError, DataError
from components.training.cardinality import Numbers, WithCategories

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    from components.training.target import Task

Kind = Literal["linear", "tree", "forest"]
InputKind = Literal["double", "string", "datetime", "text"]

MISSING = "__missing__"
"""What a missing category is called, so that a model can learn from it as from any other category."""

MANY_CATEGORIES = 30
"""Categories of which the training rows have more than this become the mean of the target among their rows."""

TRANSFORM: Callable[[pd.DataFrame], pd.DataFrame] | None = None
"""Your own features: a row-wise function of the table. It is served as Python, several times slower."""


@dataclass(frozen=True)
class Columns:
    """The features by how a model reads them; each tuple keeps the order of the contract."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    dates: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the model's input, numeric ones first."""
        return self.numeric + self.categorical + self.dates + self.texts

    @property
    def kinds(self) -> dict[str, InputKind]:
        """What the served program takes each column for."""
        numeric: dict[str, InputKind] = dict.fromkeys(self.numeric, "double")
        categorical: dict[str, InputKind] = dict.fromkeys(self.categorical, "string")
        dates: dict[str, InputKind] = dict.fromkeys(self.dates, "datetime")
        return numeric | categorical | dates | dict.fromkeys(self.texts, "text")

    @property
    def described(self) -> tuple[str, ...]:
        """The columns for a reader, who is told which of them are dates and texts."""
        told = {"datetime": " (date)", "text": " (text)"}
        return tuple(name + told.get(kind, "") for name, kind in self.kinds.items())

    @classmethod
    def of_kinds(cls, kinds: Mapping[str, str]) -> Columns:
        """The columns that a served program reads, by what it takes each for."""
        found = {
            kind: tuple(name for name, each in kinds.items() if each == kind)
            for kind in ("double", "string", "datetime", "text")
        }
        return cls(found["double"], found["string"], found["datetime"], found["text"])


def select(contract_types: Mapping[str, str], *, target: str, excluded: Sequence[str]) -> Columns:
    """The columns that become features: all but those left out.

    Args:
        contract_types: the type of each column, as `schema.yaml` names it.
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
    categorical, dates, texts = (
        tuple(name for name, kind in left.items() if kind == wanted)
        for wanted in ("category", "datetime", "text")
    )
    if not left:
        raise ConfigError(
            f"No feature is left beside target '{target}' after leaving out {sorted(excluded)}; "
            "exclude fewer columns."
        )
    return Columns(numeric, categorical, dates, texts)


def inputs(frame: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """The model input X: one column a feature, in a form that holds every value of the table.

    Numbers are float64 (missing: NaN), categories str objects (missing: MISSING), dates seconds since 1970 in UTC as
    float64 (missing: NaN), texts str objects (missing: "").

    It is the one definition of the input, and nothing in it is learned: the server repeats it to the letter.

    Args:
        frame: rows of a snapshot, in any order and with any further columns.
        columns: the features.

    Returns:
        One row a row of `frame`, with its index; columns in the order of `columns.names`.

    Raises:
        DataError: a column is missing, a numeric one holds text or an infinite number, a date cannot be read.
    """
    import pandas as pd

    absent = [name for name in columns.names if name not in frame.columns]
    if absent:
        raise DataError(f"The features {absent} are not in the table, which has {list(frame.columns)}.")
    data: dict[str, pd.Series[Any]] = {name: _numbers(frame[name]) for name in columns.numeric}
    data |= {name: _labels(frame[name], MISSING) for name in columns.categorical}
    data |= {name: _seconds(frame[name]) for name in columns.dates}
    data |= {name: _labels(frame[name], "") for name in columns.texts}
    return pd.DataFrame(data)


def readable(X: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Model inputs as people read them: dates as datetimes in UTC, everything else as it is."""
    dates = {
        name: X[name].mul(1e6).round().astype("Int64").astype("datetime64[us]")
        for name in columns.dates
        if name in X
    }
    shown = X.copy()  # `assign` has no room for a column called self
    for name, moments in dates.items():
        shown[name] = moments
    return shown


def preprocessor(columns: Columns, kind: Kind, task: Task = "binary") -> ColumnTransformer | Pipeline:
    """What is learned from the training rows before the model sees them; every part compiles.

    Dates come apart into the calendar's parts (`dates.DateParts`), texts into components (`texts.TextParts`). Categories
    of which there are many become the shrunken mean of the target (of each class, where there are several) among the
    training rows that have them; new ones become the mean of all. For the training rows themselves these means are
    cross-fitted: a row's own fifth of the rows is left out, or the model would read its answers there. The fifths are
    drawn row by row: where rows come in groups, a row's category may carry the answers of its group's other rows, so
    that the model trusts a category of few groups more than it should. Validation and holdout are free of that: their
    groups are others, and it shows there as a worse score, never as a better one.

    Args:
        columns: the features, in the form that `inputs` gives them.
        kind: `linear` tempers, fills, marks and scales numbers, and expands categories, the rare ones as one; `tree`
            leaves numbers as they are, missing ones too, and numbers the categories; `forest` fills and marks
            the numbers and rounds them to single precision, in which forests compute unseen, so that whatever
            reads the trees compares alike. A category not seen in training is like a rare one, or like none.
        task: what the target is.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    treated = {"linear": _linear, "tree": _tree, "forest": _forest}[kind]()
    numeric: Any = list(columns.numeric)
    named: tuple[str, ...] | None = columns.categorical
    apart = columns.dates + columns.texts
    if TRANSFORM is not None:  # which may have added some
        numeric, named = Numbers(apart), None
    parts: list[tuple[str, Any, Any]] = [("number", treated.number, numeric)]
    if named != ():
        few, many = (
            WithCategories(MANY_CATEGORIES, many=many, names=named, apart=apart) for many in (False, True)
        )
        parts += [("category", treated.category, few), ("many", treated.many(task), many)]
    if columns.dates:
        parts.append(("date", treated.date, list(columns.dates)))
    parts += [(f"text{place}", treated.text(), [name]) for place, name in enumerate(columns.texts, 1)]
    prepared = ColumnTransformer(parts, sparse_threshold=0.0)
    if TRANSFORM is None:
        return prepared
    return Pipeline([("transform", FunctionTransformer(TRANSFORM)), ("columns", prepared)])


@dataclass(frozen=True)
class _Treated:
    """What becomes of each kind of column."""

    number: Any
    category: Any
    date: Any
    after: tuple[Any, ...] = ()
    """What follows where means of the target and components of texts are not ready for the model."""

    def many(self, task: Task) -> Any:
        """Of categories of which there are many."""
        from sklearn.model_selection import KFold, StratifiedKFold
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import TargetEncoder

        folds = KFold if task == "regression" else StratifiedKFold
        encoder = TargetEncoder(
            target_type="continuous" if task == "regression" else task,
            cv=folds(5, shuffle=True, random_state=0),
        )
        return make_pipeline(encoder, *self._after()) if self.after else encoder

    def text(self) -> Any:
        """Of texts."""
        from sklearn.pipeline import make_pipeline

        from components.training.texts import TextParts

        return make_pipeline(TextParts(), *self._after()) if self.after else TextParts()

    def _after(self) -> list[Any]:
        from sklearn.base import clone

        return [clone(step) for step in self.after]


def _linear() -> _Treated:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from components.training.dates import DateParts
    from components.training.missing import FillMissing
    from components.training.tempered import Tempered

    category = OneHotEncoder(
        min_frequency=20, max_categories=50, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    return _Treated(
        make_pipeline(Tempered(), FillMissing(), StandardScaler()),
        category,
        make_pipeline(DateParts(cyclic=True, fill=True), Tempered(), StandardScaler()),
        (StandardScaler(),),
    )


def _tree() -> _Treated:
    from sklearn.preprocessing import OrdinalEncoder

    from components.training.dates import DateParts
    from components.training.missing import FillMissing

    category = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    return _Treated(FillMissing(only_empty=True), category, DateParts())


def _forest() -> _Treated:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    from components.training.dates import DateParts
    from components.training.missing import FillMissing

    category = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    single = FillMissing(single=True)
    return _Treated(
        single, category, make_pipeline(DateParts(fill=True), FillMissing(single=True)), (single,)
    )


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


def _labels(values: pd.Series[Any], missing: str) -> pd.Series[Any]:
    import pandas as pd

    codes, uniques = pd.factorize(values, use_na_sentinel=True)
    labels = np.array([*map(str, uniques), missing], dtype=object)
    return pd.Series(labels[codes], index=values.index, dtype=object)  # missing is code -1: the last label


def _seconds(values: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values):  # model inputs are model inputs again
        return _numbers(values)
    try:
        moments = pd.to_datetime(values.replace("", None), utc=True, format="ISO8601")
    except (TypeError, ValueError) as error:
        raise DataError(f"Column '{values.name}' is a date but holds other values: {error}.") from error
    microseconds = moments.dt.tz_localize(None).to_numpy("datetime64[us]")
    whole, rest = np.divmod(microseconds.astype(np.int64), 1_000_000)  # joined, they would be rounded twice
    return pd.Series(np.where(np.isnat(microseconds), np.nan, whole + rest / 1e6), index=values.index)
