"""Columns that identify rows, that tell which rows belong together, or that say when a row was observed."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from components.data.adopt.look import Column, ends, share, words_of

_IDENTITY = {
    "id",
    "ids",
    "uuid",
    "guid",
    "key",
    "identifier",
    "ref",
    "reference",
    "code",
    "no",
    "nr",
    "number",
    "num",
}
_OWNERS = {"customer", "patient", "user", "client", "person", "subject", "household", "member", "account", "student",
           "employee", "device", "session", "company", "store", "policy", "loan", "driver", "donor", "respondent"}  # fmt: skip
_ROW_NUMBERS = {"index", "row", "rownum", "rowid", "unnamed", "level", "obs", "observation", "rownames"}
_NOT_OBSERVED = {
    "birth",
    "born",
    "dob",
    "birthday",
    "birthdate",
    "geburt",
    "geburtsdatum",
    "naissance",
    "nacimiento",
    "nascita",
    "built",
    "founded",
    "graduation",
    "model",
    "construction",
    "renovated",
}
_UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$|^[0-9a-fA-F]{24,64}$"
LEAST_ROWS, LEAST_GROUPS, MOST_PROBED = 50, 30, 400


def identifier(column: Column) -> str:
    """Why the column identifies rows, ``row number`` if it counts them, or ""."""
    if not column.unique or column.rows < LEAST_ROWS or column.kind not in ("integer", "text"):
        return ""
    words = set(words_of(column.name))
    if column.kind == "text":
        texts = column.present.head(200)
        if share(texts.str.contains(_UUID)) == 1:
            return "its values look like generated identifiers"
        spaced = share(texts.str.contains(r"\s")) > 0.5
        return "its name says that it identifies rows" if words & _IDENTITY and not spaced else ""
    low, high = ends(column.present)
    consecutive = high - low + 1 == column.rows
    if words & _IDENTITY and not words & _ROW_NUMBERS:
        return "its name says that it identifies rows"
    ordered = consecutive and (column.present.diff().drop_nulls() == 1).all()
    return "row number" if consecutive and (ordered or words & _ROW_NUMBERS) else ""


def group(column: Column, columns: Sequence[Column]) -> str:
    """Why rows that share a value of the column belong together, or ""."""
    if (
        column.kind not in ("integer", "text", "category")
        or column.missing > 0
        or column.distinct < LEAST_GROUPS
    ):
        return ""
    if column.distinct > column.rows / 1.2 or column.rows < LEAST_ROWS:
        return ""
    words = set(words_of(column.name))
    average = column.rows / column.distinct
    steady, others = constant_within(column, columns)
    shared = f"{steady} of {others} other columns never change among rows that share it"
    if words & _OWNERS and (words & {"id", "no", "nr", "number", "key", "code"} or len(words) == 1):
        return f"its name is that of a person or thing, with {average:.1f} rows each"
    numbered = any(word.endswith(("nummer", "numero")) and word not in ("nummer", "numero") for word in words)
    if numbered or words & {"id", "uuid", "guid"} or bool(re.search(r"(^|_)id$|ID$", column.name)):
        return f"its name says that it identifies something, with {average:.1f} rows each"
    if others >= 3 and steady >= max(2, others / 2):
        return shared
    return panel(column, columns)


def panel(column: Column, columns: Sequence[Column]) -> str:
    """Why the column and a time say together that the same things were seen again and again, or ""."""
    for each in columns:
        if each is column or not moment(each) or each.missing or not 1 < each.distinct <= column.rows / 10:
            continue
        pairs = pl.DataFrame([column.values.alias("thing"), each.values.alias("time")])
        chance = column.rows**2 / (
            2 * column.distinct * each.distinct
        )  # pairs that would meet if it were by chance
        if chance >= LEAST_GROUPS and not pairs.is_duplicated().any():
            return (
                f"each of its {column.distinct:,} values stands at most once with each {each.name}, as when the same things are "
                "seen again and again"
            )
    return ""


def constant_within(column: Column, columns: Sequence[Column]) -> tuple[int, int]:
    """How many other columns do not change among rows that share a value, and how many were looked at."""
    others = [each for each in columns if each.name != column.name and each.distinct > 1 and each.top < 0.95]
    if not others:
        return 0, 0
    shared = column.values.alias("__shared")
    picked = shared.value_counts().filter(pl.col("count") > 1)["__shared"].sort().head(MOST_PROBED)
    if len(picked) < LEAST_GROUPS / 2:
        return 0, len(others)
    probed = shared.is_in(picked.implode())
    groups, steady = shared.filter(probed), 0
    for each in others:  # one after another: they may be many, and the rows too
        found = pl.DataFrame([groups, each.values.filter(probed).alias("__value")])
        within = found.group_by("__shared").agg(pl.col("__value").n_unique())
        steady += share(within["__value"] == 1) >= 0.95
    return steady, len(others)


def moment(column: Column) -> str:
    """Why the column may say when a row was observed, or ""."""
    words = set(words_of(column.name))
    if words & _NOT_OBSERVED:
        return ""
    if column.kind == "datetime":
        return "it holds dates"
    if column.kind == "integer" and words & {"year", "yr"} and not column.missing:
        low, high = ends(column.present)
        return f"it holds the years {low:.0f} to {high:.0f}" if low >= 1900 and high <= 2100 else ""
    return ""
