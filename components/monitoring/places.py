"""A log that lies in the cloud, on this machine as long as it is read."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from components import address
from components.errors import DataError
from components.store import Store


@contextmanager
def fetched(log: str, since: date) -> Iterator[Path]:
    """The folder of a log: itself where it is of this machine, else a copy of what may hold predictions from a day on.

    Of the server's log the segments of the day before are fetched too, as a line may be written after midnight; of batch
    scores all that is there. The copy is gone when the context ends.

    Args:
        log: a folder, or an address that fsspec knows.
        since: the first day.

    Raises:
        DataError: nothing is there.
    """
    if address.is_local(log):
        yield Path(log)
        return
    store, first = Store(log), f"{since - timedelta(days=1)}"
    names = store.names("")
    if not names:
        raise DataError(f"{log}: no predictions lie there; name the server's log or what was scored: LOG=.")
    with tempfile.TemporaryDirectory(prefix="log-") as copy:
        for name in names:
            day = name.partition("/")[0]
            if day[:1].isdigit() and day < first:
                continue
            path = Path(copy, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with store.file(name) as file:
                shutil.move(file, path)
            changed = store.written_at(name).timestamp()
            os.utime(path, (changed, changed))
        yield Path(copy)
