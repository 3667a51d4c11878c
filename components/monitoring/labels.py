"""Labels that arrive late, joined to what was predicted; what to do where they disagree is settled here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from components.errors import DataError
from components.monitoring.finding import Finding
from components.validation.bounds import exact

COLUMNS = ("prediction_id", "y_true", "observed_at")
_ABOUT = ("prediction_id", "served_at", "model_version", "bundle_id", "variant")


@dataclass(frozen=True)
class Settled:
    """One label a prediction.

    Attributes:
        labels: `prediction_id` and `y_true`, each id once.
        twice: labels that said again what was said.
        revised: labels that a later one replaced.
        contradictory: predictions whose newest labels disagree at the same moment; they count as unlabelled.
        empty: labels without a value or a time.
    """

    labels: pl.LazyFrame
    twice: int
    revised: int
    contradictory: int
    empty: int


@dataclass(frozen=True)
class Observed:
    """The labels that were observed in a span of time, by what they are for.

    Attributes:
        labels: how many.
        unknown: for predictions that no log has.
        elsewhere: for predictions of other logs, or of this one so long ago that they came too late to count.
        nameless: without an id.
    """

    labels: int = 0
    unknown: int = 0
    elsewhere: int = 0
    nameless: int = 0


@dataclass(frozen=True)
class Joined:
    """The rows of a window with their labels.

    Attributes:
        rows: with a `y_true`; only rows that have a label.
        predicted: how many predictions there were.
        settled: what was done with the labels.
        observed: the labels that were observed in the window, whichever predictions they are for.
        repeated: predictions whose id others bear too that were asked or answered otherwise; no label can be theirs alone.
        unreadable: of the rows those whose label is no class, or no number; they count as unlabelled.
    """

    rows: pl.DataFrame
    predicted: int
    settled: Settled
    observed: Observed = Observed()
    repeated: int = 0
    unreadable: int = 0

    @property
    def labelled(self) -> int:
        """The predictions with a label that can be read."""
        return self.rows.height - self.unreadable

    @property
    def missing_fraction(self) -> float:
        """The share of predictions without a label that can be read, 0 to 1."""
        return 1 - self.labelled / self.predicted if self.predicted else 1.0


def settled(labels: pl.LazyFrame, *, until: datetime, of: pl.LazyFrame) -> Settled:
    """One label a prediction, of those observed before ``until``; labels of other predictions are not looked at.

    The latest observed label counts. Of two observed at the same moment that disagree, none does: a person has to say
    which is right, and until then the row is unlabelled.

    Args:
        labels: with `prediction_id`, `y_true` and `observed_at`; times without a zone are UTC.
        until: later labels are not looked at, so that a window's account is the same whenever it is made.
        of: the predictions that are meant, with `prediction_id`.

    Raises:
        DataError: a column is missing, or `observed_at` cannot be read as a time.
    """
    named = _typed(labels).join(of.select("prediction_id"), on="prediction_id", how="semi")
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


def joined(
    rows: pl.LazyFrame,
    settled_labels: Settled,
    observed: Observed = Observed(),
    known: pl.LazyFrame | None = None,
) -> Joined:
    """The predictions of a window with their labels.

    Clients may choose the ids. Where the same was asked and answered again under one, as by a client that tries again, each
    row gets the label; where something else was, none does.

    Args:
        rows: of the window.
        settled_labels: one a prediction.
        observed: what is told of the labels that came in the window.
        known: the predictions among which an id has to mean one thing, also of other windows and models; by default the rows.
    """
    predicted = int(rows.select(pl.len()).collect(engine="streaming").item())
    # In the order of the log: what is drawn from the rows later is then the same whenever it is drawn.
    labelled = rows.join(
        settled_labels.labels, on="prediction_id", how="inner", maintain_order="left"
    ).collect()
    repeated = _repeated(rows if known is None else known, labelled)
    apart = labelled.join(repeated, on="prediction_id", how="anti", maintain_order="left")
    return Joined(apart, predicted, settled_labels, observed, labelled.height - apart.height)


def _repeated(known: pl.LazyFrame, labelled: pl.DataFrame) -> pl.DataFrame:
    """The ids of labelled predictions under which different things were asked, or one model answered differently."""
    ids = labelled.lazy().select("prediction_id")
    named = known.join(ids, on="prediction_id", how="semi")
    names = named.collect_schema().names()
    answered = [name for name in names if name not in _ABOUT]
    asked = [name for name in answered if not name.startswith("y_")]
    facts = named.select(
        "prediction_id",
        (pl.col("bundle_id") if "bundle_id" in names else pl.lit("")).alias("bundle_id"),
        _hashed(asked).alias("asked"),
        _hashed(answered).alias("answered"),
    )
    by_model = facts.group_by("prediction_id", "bundle_id").agg(
        pl.col("asked").first(), pl.col("answered").n_unique()
    )
    by_id = by_model.group_by("prediction_id").agg(pl.col("asked").n_unique(), pl.col("answered").max())
    several = by_id.filter((pl.col("asked") > 1) | (pl.col("answered") > 1))
    return several.select("prediction_id").collect(engine="streaming")


def _hashed(names: Sequence[str]) -> pl.Expr:
    return pl.struct(names).hash() if names else pl.lit(0, pl.UInt64)


def strange(labels: pl.LazyFrame, known: pl.LazyFrame, since: datetime, until: datetime) -> pl.DataFrame:
    """The labels observed in a span of time that are for none of these predictions: `prediction_id` and `observed_at`.

    Args:
        labels: all of them.
        known: predictions, with `prediction_id`.
        since: the first moment of observation.
        until: the first moment after.
    """
    named = _observed(labels, since, until).filter(pl.col("prediction_id").is_not_null())
    strangers = named.join(known.select("prediction_id"), on="prediction_id", how="anti")
    return strangers.select("prediction_id", "observed_at").collect(engine="streaming")


def observed(
    labels: pl.LazyFrame, strangers: pl.DataFrame, unknown: pl.DataFrame, since: datetime, until: datetime
) -> Observed:
    """The labels observed in a span of time, by what they are for.

    Args:
        labels: all of them.
        strangers: those of :func:`strange`, of this span and perhaps of others.
        unknown: those of them that are for predictions that no log has.
        since: the first moment of observation.
        until: the first moment after.
    """
    counted = _observed(labels, since, until).select(pl.len(), pl.col("prediction_id").null_count())
    given, nameless = counted.collect(engine="streaming").row(0)
    within = pl.col("observed_at").is_between(since, until, closed="left")
    others, lost = (each.filter(within).height for each in (strangers, unknown))
    return Observed(given, lost, others - lost, nameless)


def labels_finding(
    found: Joined, *, allowed_missing: float, allowed_unknown: float, expected: str = ""
) -> Finding:
    """An alarm where too many labels are missing or for unknown predictions, contradict one another, or cannot be read.

    Args:
        found: of a window.
        allowed_missing: the share of predictions that may have none.
        allowed_unknown: the share of labels that may be for predictions that no log has.
        expected: what a label is; "" where the bundle does not tell, so that any value is taken for one.
    """
    account, seen, labelled = found.settled, found.observed, found.labelled
    low, high = exact(found.predicted - labelled, found.predicted)
    reason = (
        f"{labelled:,} of {found.predicted:,} predictions have a label, {found.missing_fraction:.1%} are missing "
        f"({low:.1%} to {high:.1%}; {allowed_missing:.0%} is allowed). {account.contradictory:,} contradict one another and "
        f"count for nothing, {account.twice:,} came twice, {account.revised:,} were revised by later ones, "
        f"{account.empty:,} lack a value or a time. {found.repeated:,} predictions bear ids that different ones bear too, and "
        f"count as unlabelled.{_unreadable_words(found.unreadable, expected)}{_observed_words(seen, allowed_unknown)}"
    )
    wrong = account.contradictory + found.repeated + found.unreadable
    alarm = found.missing_fraction > allowed_missing or wrong > 0 or _least_unknown(seen) > allowed_unknown
    return Finding("labels", "", alarm, reason, found.missing_fraction, low, high, allowed_missing)


def _unreadable_words(unreadable: int, expected: str) -> str:
    if not expected:
        return (
            " The bundle does not tell which values the target has, so that any but the positive one counts as the other; train "
            "again to have labels that are neither told apart."
        )
    return (
        f" {unreadable:,} labels are not what y_true is ({expected}), and count for nothing."
        if unreadable
        else ""
    )


def _observed_words(seen: Observed, allowed: float) -> str:
    if not seen.labels:
        return ""
    return (
        f" Of {seen.labels:,} labels that came in the window, {seen.unknown:,} are for unknown predictions "
        f"({allowed:.0%} is allowed), {seen.elsewhere:,} for those of other logs or too late to count, {seen.nameless:,} "
        "without an id."
    )


def _least_unknown(seen: Observed) -> float:
    """The lower end of the exact interval of the share of labels that are for unknown predictions."""
    return exact(seen.unknown, seen.labels)[0] if seen.labels else 0.0


def _observed(labels: pl.LazyFrame, since: datetime, until: datetime) -> pl.LazyFrame:
    return _typed(labels).filter(pl.col("observed_at").is_between(since, until, closed="left"))


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
