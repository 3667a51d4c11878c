"""The rows of a training run, as its flow has them and as they are found again afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow import Run

from components import config

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from components.store import Store
    from components.training.examples import Examples


class TakenRows:
    """Finds the rows of a snapshot by what a training run has recorded of them."""

    def table(self: Any) -> pl.DataFrame:
        """The rows of the run's snapshot."""
        from components.data import snapshot

        return snapshot.load(self.data_version, self.durable)

    def where(self: Any, part: str) -> NDArray[np.bool_]:
        """Which rows of the snapshot are of a part, shape (rows,)."""
        from components.data.split import PARTS

        found: NDArray[np.bool_] = (self.split.part == PARTS.index(part)) & self.used
        return found

    def part(self: Any, name: str) -> Examples:
        """The examples of a part."""
        found: Examples = self.examples(self.where(name))
        return found

    def examples(self: Any, where: NDArray[np.bool_]) -> Examples:
        """The examples of the rows that are marked, shape (rows of the snapshot,)."""
        from components.data import snapshot
        from components.training.examples import examples

        return examples(
            snapshot.load(self.data_version, self.durable, where),
            columns=self.columns,
            target=self.target,
            weight=self.settings.data.weight,
        )


class JudgedRun(TakenRows):
    """A training run that was judged, with its artifacts as attributes.

    Args:
        pathspec: of the Metaflow run.
        durable: the store that holds its snapshot.
    """

    def __init__(self, pathspec: str, durable: Store) -> None:
        self._task, self.durable = Run(pathspec, _namespace_check=False)["judge"].task, durable

    def __getattr__(self, name: str) -> Any:
        # Asked for only where there is no attribute of that name.
        value = config.settings(self._task["config"].data) if name == "settings" else self._task[name].data
        setattr(self, name, value)
        return value
