"""Scores recorded rows with a bundle's program alone; `parity` starts it in a process that knows no project."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

BATCH_ROWS = 1000
WARM_UP_CALLS = 10
LEAST_ROWS, MOST_ROWS, SECONDS = 300, 1000, 1.0


def main(folder: Path, libraries: list[str]) -> None:
    """Write `scored.npz` beside `rows.npz`: the predictions, and the seconds that the calls took."""
    sys.path.insert(0, str(folder / "program.pyz"))
    sys.path.extend(libraries)
    import numpy as np
    from program import Program  # type: ignore[import-not-found,unused-ignore]

    program = Program.load(folder)
    columns = _read(np, folder / "rows.npz", program.inputs)
    rows = len(next(iter(columns.values())))
    list(islice(_calls(program, columns, rows, 1), min(WARM_UP_CALLS, rows)))
    singles = list(_single_seconds(program, columns, rows))
    batches = list(_calls(program, columns, rows, BATCH_ROWS))
    said: dict[str, Any] = {
        name: np.concatenate([each[name] for _, each in batches]) for name in batches[0][1]
    }
    np.savez(
        folder / "scored.npz",
        single_seconds=np.array(singles),
        batch_seconds=np.array([seconds for seconds, _ in batches]),
        modules=np.array(sorted({name.partition(".")[0] for name in sys.modules})),
        **said,
    )


def _read(np: Any, path: Path, inputs: dict[str, str]) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as arrays:
        return {
            name: arrays[f"numbers_{position}"]
            if kind in ("double", "datetime")
            else _labels(np, *(arrays[f"{part}_{position}"] for part in ("codes", "labels", "ends")))
            for position, (name, kind) in enumerate(inputs.items())
        }


def _labels(np: Any, codes: Any, labels: Any, ends: Any) -> Any:
    """The labels of the codes, from one run of UTF-8 and where each label ends in it."""
    whole, places = labels.tobytes(), [0, *ends.tolist()]
    different = np.empty(len(ends), dtype=object)
    for place in range(len(ends)):
        different[place] = whole[places[place] : places[place + 1]].decode("utf-8", "surrogatepass")
    return different[codes]


def _calls(
    program: Any, columns: dict[str, Any], rows: int, size: int
) -> Iterator[tuple[float, dict[str, Any]]]:
    for start in range(0, rows, size):
        part = {name: values[start : start + size] for name, values in columns.items()}
        # The processor's time: what else the machine does meanwhile is not the program's cost.
        begin = process_time()
        said = program.predict(part)
        yield process_time() - begin, said


def _single_seconds(program: Any, columns: dict[str, Any], rows: int) -> Iterator[float]:
    """The seconds that one row takes, for row after row until there are enough of them."""
    begin = perf_counter()
    for count, row in enumerate(islice(cycle(range(rows)), MOST_ROWS)):
        if count >= LEAST_ROWS and perf_counter() - begin > SECONDS:
            return
        part = {name: values[row : row + 1] for name, values in columns.items()}
        yield next(_calls(program, part, 1, 1))[0]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
