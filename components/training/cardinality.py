"""Which columns have many categories, by the training rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class WithCategories:
    """Picks columns for a ColumnTransformer by how many categories the rows have that it is fitted on.

    Args:
        most: the number of categories up to which they are few.
        many: pick the columns with more of them; else those with at most as many.
        names: the columns to pick from; None for every column that holds no numbers.
        apart: columns that are never picked.
    """

    def __init__(
        self, most: int, *, many: bool, names: Sequence[str] | None = None, apart: Sequence[str] = ()
    ) -> None:
        self.most = most
        self.many = many
        self.names = names
        self.apart = apart

    def __call__(self, X: pd.DataFrame) -> list[str]:
        """The picked columns, in their order."""
        names = self.names
        if names is None:
            names = [name for name in X.select_dtypes(exclude="number").columns if name not in self.apart]
        return [name for name in names if (X[name].nunique() > self.most) is self.many]


class Numbers:
    """Picks for a ColumnTransformer every column of numbers but those named."""

    def __init__(self, apart: Sequence[str] = ()) -> None:
        self.apart = apart

    def __call__(self, X: pd.DataFrame) -> list[str]:
        """The picked columns, in their order."""
        return [name for name in X.select_dtypes(include="number").columns if name not in self.apart]
