"""Labels that arrive late, joined to what was predicted; what to do where they disagree is settled here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from components.errors import DataError
from components.monitoring.finding import Finding
from components.validation.bounds import exact

COLUMNS = ("prediction_id", "y_true", "observed_at")


@dataclass(frozen=True)
class Settled:
    """One label a prediction.

    Attributes:
        labels: `prediction_id` and `y_true`, each id once.
        twice: labels that said again what was said.
        revised: labels that a later one replaced.
        contradictory: predictions whose newest labels disagree at the same moment; they count as unlabelled.
        empty: labels without an id, a value or a time.
    """

    labels: pl.LazyFrame
    twice: int
    revised: int
    contradictory: int
    empty: int


@dataclass(frozen=True)
class Joined:
    """The rows of a window with their labels.

    Attributes:
        rows: with a `y_true`; only rows that have a label.
        predicted: how many predictions there were.
        unknown: labels observed in the window for ids that the log does not have.
        settled: what was done with the labels.
        repeated: predictions whose id others bear too that were asked or answered otherwise; no label can be theirs alone.
    """

    rows: pl.DataFrame
    predicted: int
    unknown: int
    settled: Settled
    repeated: int = 0

    @property
    def missing_fraction(self) -> float:
        """The share of predictions without a label, 0 to 1."""
        return 1 - self.rows.height / self.predicted if self.predicted else 1.0


def settled(labels: pl.LazyFrame, *, until: datetime) -> Settled:
    """One label a prediction, of those observed before ``until``.

    The latest observed label counts. Of two observed at the same moment that disagree, none does: a person has to say
    which is right, and until then the row is unlabelled.

    Args:
        labels: with `prediction_id`, `y_true` and `observed_at`; times without a zone are UTC.
        until: later labels are not looked at, so that a window's account is the same whenever it is made.

    Raises:
        DataError: a column is missing, or `observed_at` cannot be read as a time.
    """
    named = _typed(labels)
    known = named.filter(pl.all_horizontal(pl.col(*COLUMNS).is_not_null()) & (pl.col("observed_at") < until))
    told = pl.col("y_true").cast(pl.String)
    newest = pl.col("observed_at") == pl.col("observed_at").max()
    by_id = known.group_by("prediction_id").agg(
        pl.len().alias("said"),
        told.filter(newest).n_unique().alias("differing"),
        (~newest & (told != told.filter(newest).first())).sum().alias("revised"),
        pl.col("y_true").filter(newest).first().alias("y_true"),
    )
    sound = pl.col("differing") == 1
    counted = by_id.select(
        (pl.col("said") - 1 - pl.col("revised")).filter(sound).sum().alias("twice"),
        pl.col("revised").filter(sound).sum().alias("revised"),
        (~sound).sum().alias("contradictory"),
    )
    empty = named.select((~pl.all_horizontal(pl.col(*COLUMNS).is_not_null())).sum().alias("empty"))
    counts, none = pl.collect_all([counted, empty], engine="streaming")
    twice, revised, contradictory = (int(value or 0) for value in counts.row(0))
    kept = by_id.filter(sound).select("prediction_id", "y_true")
    return Settled(kept, twice, revised, contradictory, int(none.item() or 0))


def joined(rows: pl.LazyFrame, settled_labels: Settled, *, unknown: int = 0) -> Joined:
    """The predictions of a window with their labels.

    Clients may choose the ids. Where the same was asked and answered again under one, as by a client that tries again, each
    row gets the label; where something else was, none does.
    """
    predicted = int(rows.select(pl.len()).collect(engine="streaming").item())
    # In the order of the log: what is drawn from the rows later is then the same whenever it is drawn.
    labelled = rows.join(
        settled_labels.labels, on="prediction_id", how="inner", maintain_order="left"
    ).collect()
    facts = pl.struct(pl.exclude("prediction_id", "served_at", "y_true")).hash()
    repeated = facts.n_unique().over("prediction_id") > 1
    apart = labelled.filter(~repeated)
    return Joined(apart, predicted, unknown, settled_labels, labelled.height - apart.height)


def unknown_ids(labels: pl.LazyFrame, log: pl.LazyFrame, since: datetime, until: datetime) -> int:
    """How many labels observed in a span of time are for ids that the log does not have.

    Args:
        labels: all of them.
        log: the predictions that such labels can be for, with `prediction_id`.
        since: the first moment of observation.
        until: the first moment after.
    """
    observed = _typed(labels).filter(pl.col("observed_at").is_between(since, until, closed="left"))
    strangers = observed.select("prediction_id").join(
        log.select("prediction_id"), on="prediction_id", how="anti"
    )
    return int(strangers.select(pl.len()).collect(engine="streaming").item())


def labels_finding(found: Joined, *, allowed_missing: float) -> Finding:
    """An alarm where too many labels are missing, contradict one another or are for unknown predictions."""
    account, labelled = found.settled, found.rows.height
    low, high = exact(found.predicted - labelled, found.predicted)
    reason = (
        f"{labelled:,} of {found.predicted:,} predictions have a label, {found.missing_fraction:.1%} are missing "
        f"({low:.1%} to {high:.1%}; {allowed_missing:.0%} is allowed). {account.contradictory:,} contradict one another and "
        f"count for nothing, {account.twice:,} came twice, {account.revised:,} were revised by later ones, "
        f"{found.unknown:,} are for unknown predictions, {account.empty:,} are incomplete. "
        f"{found.repeated:,} predictions bear ids that different ones bear too, and count as unlabelled."
    )
    wrong = account.contradictory + found.unknown + found.repeated
    alarm = found.missing_fraction > allowed_missing or wrong > 0
    return Finding("labels", "", alarm, reason, found.missing_fraction, low, high, allowed_missing)


def _typed(labels: pl.LazyFrame) -> pl.LazyFrame:
    types = labels.collect_schema()
    if absent := [name for name in COLUMNS if name not in types]:
        raise DataError(
            f"The labels have no column {absent[0]!r}; they need {', '.join(COLUMNS)}, and have {', '.join(types)}."
        )
    return labels.select(
        pl.col("prediction_id").cast(pl.String), pl.col("y_true"), _moments(types["observed_at"])
    )


def _moments(dtype: Any) -> pl.Expr:
    column = pl.col("observed_at")
    if dtype == pl.String:
        return column.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        return column.dt.convert_time_zone("UTC").cast(pl.Datetime("us", "UTC"))
    if dtype.is_temporal():
        return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    raise DataError(
        f"observed_at of the labels is {dtype}; give times in ISO 8601, in UTC where they name no zone."
    )
