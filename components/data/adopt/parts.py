"""Where validation and holdout start, if parts are to follow time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import polars as pl

from components.data.adopt.findings import Role
from components.data.adopt.look import Column
from components.data.adopt.target import Target


def temporal(
    columns: Sequence[Column], role: Mapping[str, Role], target: Target
) -> tuple[str, str, tuple[str, ...]]:
    """When validation and holdout start, or why the parts are not by time."""
    time = next((column for column in columns if role[column.name] == "time"), None)
    if time is None:
        return "", "", ()
    if "group" in role.values():
        return (
            "",
            "",
            (f"Parts are by group, not by {time.name}: a group that goes on would stand in two of them.",),
        )
    values = time.values
    if values.null_count():
        return "", "", (f"Parts are not by {time.name}, which is missing in {values.null_count():,} rows.",)
    ordered = values.sort()
    starts = [ordered[int(share * len(ordered))] for share in (0.6, 0.8)]
    if starts[0] == starts[1] or starts[0] == ordered[0]:
        later = values.unique().sort()
        starts = [later[-2], later[-1]] if len(later) > 2 else starts
    part = (values >= starts[0]).cast(pl.Int8) + (values >= starts[1]).cast(pl.Int8)
    number_of = part.to_numpy()[target.known]
    wanted = max(len(target.classes), 2)
    whole = all(len(np.unique(target.codes[number_of == number])) >= wanted for number in range(3))
    if not whole:
        return "", "", (f"Parts are not by {time.name}: cut by it, one of them does not have every class.",)
    first, second = (start.isoformat() if isinstance(start, datetime) else str(start) for start in starts)
    return first, second, ()
