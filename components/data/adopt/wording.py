"""What texts of many different values are: free text, categories all the same, or names."""

from __future__ import annotations

from typing import Literal

import polars as pl

from components.data.adopt.look import Column

Wording = Literal["prose", "categories", "names"]

LEAST_WORDS = 2.5
"""Texts of more words than this on average are free text; names of people and places have fewer."""

MOST_WORDS = 6
"""Values that come again and have more words than this on average are free text too."""

LEAST_ROWS_EACH = 2.0
"""Values that come less often than this on average say nothing of the rows to come."""


def wording(column: Column) -> Wording:
    """What a column of texts holds.

    ``categories`` come again and are short, ``prose`` is made of words, and ``names`` are short and nearly all
    different: names, codes and addresses, from which nothing is learned about other rows.
    """
    words = average_words(column)
    if len(column.present) >= LEAST_ROWS_EACH * column.distinct and words <= MOST_WORDS:
        return "categories"
    return "prose" if words >= LEAST_WORDS else "names"


def average_words(column: Column) -> float:
    """How many words its different values have on average."""
    counts = column.present.cast(pl.String).unique().str.count_matches(r"\w+")
    return float(counts.mean() or 0.0)  # type: ignore[arg-type]
