"""A bundle that was verified, loaded by its own code, and seen to answer as it was recorded."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.errors import BundleError
from components.release.manifest import verify_folder
from components.serving.contract import Rules
from components.serving.own_code import program_of
from components.serving.plain import Reader

if TYPE_CHECKING:
    from components.serving.program import Program

TOLERANCE = 1e-9
"""How far a score may lie from the recorded one."""

ROWS = "program/rows"
"""As which a program takes a matrix; the same as in `program`, which is the bundle's own."""


@dataclass(frozen=True)
class Model:
    """A bundle in service.

    Attributes:
        folder: where it lies.
        bundle_id: what it was verified to be.
        version: the id of the run that made it.
        approved: whether the run was approved.
        created: when it was made, UTC in ISO 8601.
        name: what the model is called.
        program: scores rows.
        rules: what a row may hold.
        columns_of: the program's predictions as the columns of a table.
        recorded: rows of the holdout as `inputs`, and as `predictions` what was said of them, by name.
        reader: reads plain rows into the program's matrix; None where a program has none, or the contract does not allow it.
        cuts: between which numbers the scores were counted when the model was evaluated; none for classes.
    """

    folder: Path
    bundle_id: str
    version: str
    approved: bool
    created: str
    name: str
    program: Program
    rules: Rules
    columns_of: Any
    recorded: dict[str, dict[str, list[Any]]]
    reader: Reader | None = None
    cuts: tuple[float, ...] = ()

    @classmethod
    def load(cls, folder: str | Path, bundle_id: str | None = None, threads: int = 1) -> Model:
        """The model of a bundle.

        Args:
            folder: the bundle.
            bundle_id: the bundle that is meant; without it, one that was packed anew passes.
            threads: how many threads may work on one call.

        Raises:
            BundleError: it is not what its manifest says, cannot be loaded, or answers otherwise than recorded.
        """
        folder = Path(folder).resolve()
        manifest = verify_folder(folder, bundle_id)
        try:
            code = program_of(folder, manifest.bundle_id)
            decision, lineage = (_json(folder, name) for name in ("decision.json", "lineage.json"))
            program = code.Program.load(folder, threads)
            rules = Rules.from_json(_json(folder, "contract.json"))
            model = cls(
                folder,
                manifest.bundle_id,
                str(decision["run"]).rpartition("/")[2],
                decision["outcome"] == "approved",
                str(lineage.get("created", "")),
                str(lineage.get("name", "")) or "model",
                program,
                rules,
                code.columns_of,
                _json(folder, "smoke.json"),
                _reader(rules, program),
                tuple(_json(folder, "reference.json").get("y_score", {}).get("cuts", ())),
            )
            model._require_recorded()
        except BundleError:
            raise
        except Exception as error:  # code of a bundle may fail in any way, and a server in service goes on
            raise BundleError(
                f"Bundle {manifest.bundle_id[:12]} cannot be served: {type(error).__name__}: {error}"
            ) from error
        return model

    def predict(self, columns: Mapping[str, Any]) -> dict[str, list[Any]]:
        """The predictions by name, as JSON knows them, one value a row.

        Args:
            columns: one array of shape (n,) a column, as :meth:`Program.predict` takes them.
        """
        said = self.columns_of(self.program.predict(columns), self.program.classes)
        return {name: values.tolist() for name, values in said.items()}

    def answer(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """The predictions by name, one value a row, of rows that hold to the contract.

        Args:
            columns: one value a row, in the contract's types.
        """
        return self._told(self.program.run(columns))

    def answer_matrix(self, matrix: NDArray[np.float64]) -> dict[str, list[Any]]:
        """The same of rows that the model's reader read.

        Args:
            matrix: shape (n, inputs of the program).
        """
        return self._told(self.program.run({ROWS: matrix}))

    def _told(self, said: Mapping[str, NDArray[Any]]) -> dict[str, list[Any]]:
        if self.program.classes:
            said = self.columns_of(said, self.program.classes)
        return {name: values.tolist() for name, values in said.items()}

    def _require_recorded(self) -> None:
        columns = {name: _array(values) for name, values in self.recorded["inputs"].items()}
        said = self.predict(columns)
        for name, wanted in self.recorded["predictions"].items():
            for row, (now, then) in enumerate(zip(said[name], wanted, strict=True)):
                if not _same(now, then):
                    raise BundleError(
                        f"Bundle {self.bundle_id[:12]} answers otherwise than recorded: {name} of row {row} is {now!r}, "
                        f"and was {then!r}. Is the machine's numpy or ONNX Runtime the one in requirements.txt?"
                    )


def _reader(rules: Rules, program: Program) -> Reader | None:
    # The code is the bundle's own, and may be of a time when programs took no matrix.
    numbers = getattr(program, "numbers", None)
    if numbers is None:
        return None
    return Reader.of(rules.features, rules.optional, tuple(program.inputs), numbers)


def _json(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    return content


def _array(values: Sequence[Any]) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _same(now: Any, then: Any) -> bool:
    if not isinstance(now, float):
        return bool(now == then)
    if not isinstance(then, int | float):
        return math.isnan(now) and then is None
    return abs(now - then) <= TOLERANCE * max(1.0, abs(then))
