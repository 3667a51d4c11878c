"""How the rows of a window came: which of them belong together, and how much each counts, as at training."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.monitoring.finding import Finding
from components.validation.bounds import effective_size
from components.validation.resampling import Design


@dataclass(frozen=True)
class Independence:
    """Which share of the rows counts as independent: all, or with groups fewer, as if a group's rows were all the same.

    Attributes:
        then: of the reference.
        now: of the window.
        unknown: why it cannot be told, and what to do; "" where it can.
    """

    then: float = 1.0
    now: float = 1.0
    unknown: str = ""


def independence(rows: pl.LazyFrame, group: Sequence[str], then: float | None) -> Independence:
    """The shares of rows that count as independent, by the effective number of groups (Kish, 1965).

    A row that names no group stands by itself.

    Args:
        rows: of a window, with the columns of the prediction log.
        group: the columns whose equal values hold rows together; none where each row stands by itself.
        then: the share of the reference; None where the bundle does not tell.
    """
    if not group:
        return Independence()
    if reason := absent(rows.collect_schema().names(), group, "data.group"):
        return Independence(unknown=reason)
    if then is None:
        reason = "the bundle does not tell how many groups its reference has; train again"
        return Independence(unknown=reason)
    alone = pl.all_horizontal(pl.col(group).is_null())
    sizes = rows.group_by(list(group)).agg(pl.len().alias("rows of it"), alone.any().alias("alone"))
    found = sizes.select("rows of it", "alone").collect(engine="streaming")
    together = found.filter(~pl.col("alone"))["rows of it"].to_numpy().astype(np.float64)
    counts = np.append(together, np.ones(found.filter("alone")["rows of it"].to_numpy().sum()))
    return Independence(then, effective_size(counts) / counts.sum() if len(counts) else 1.0)


def design_of(rows: pl.DataFrame, group: Sequence[str], weight: str) -> tuple[Design, str]:
    """How labelled rows came; and why that cannot be told where it cannot, else "". A row that names no group stands by itself.

    Args:
        rows: with the columns of the prediction log.
        group: as for :func:`independence`.
        weight: the column of sample weights, or "".
    """
    plain = Design(rows.height)
    reason = absent(rows.columns, group, "data.group")
    if reason := reason or absent(rows.columns, [weight] if weight else [], "data.weight"):
        return plain, reason
    weights = rows[weight].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy() if weight else None
    if weights is not None and not (np.all(weights >= 0) and 0 < weights.sum() < np.inf):
        return plain, f"{weight} (data.weight) is not a number of at least 0 in every row of the log; send it"
    return Design(rows.height, weights, _codes(rows, group) if group else None), ""


def _codes(rows: pl.DataFrame, group: Sequence[str]) -> NDArray[np.int64]:
    """A code for each row, equal where the columns are; of a row without any value one of its own."""
    own = pl.when(pl.all_horizontal(pl.col(group).is_null())).then(-1 - pl.int_range(pl.len()))
    code = own.otherwise(pl.struct(list(group)).rank("dense").cast(pl.Int64))
    return rows.select(code.alias("code")).to_series().to_numpy()


def absent(columns: Collection[str], wanted: Iterable[str], key: str) -> str:
    """Why what training knew of its rows is not known of these; "" where it is."""
    missing = [name for name in wanted if name not in columns]
    return (
        f"{', '.join(missing)} ({key}) is not in the log; send it with each row, where the bundle's contract has it, and let "
        "serving.log_columns keep it"
        if missing
        else ""
    )


def unjudged(findings: Iterable[Finding], kinds: Collection[str], why: str) -> list[Finding]:
    """The findings, those of such kinds without a judgement where there is a reason why not."""
    return [
        replace(each, alarm=False, judged=False, reason=f"Not judged: {why}. {each.reason}")
        if why and each.kind in kinds
        else each
        for each in findings
    ]
