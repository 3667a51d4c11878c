"""What a column holds, seen from its values alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from components.data import inference
from components.data.contract import ColumnType
from components.data.reading import NO_VALUE, known, read_as
from components.data.spelling import NUMBERS, Spelling, is_date, plain_numbers, respelled, without
from components.errors import DataError

NOTHING = (
    "?", "-", "--", "---", ".", "..", "*", "na", "n/a", "#n/a", "n.a.", "nan", "null", "#null!", "none", "nil", "missing",
    "unknown", "not available", "not applicable", "not known", "(blank)", "blank", "<na>", "undefined",
)  # fmt: skip
"""Texts that stand for nothing where numbers, dates or booleans are meant."""

CODES = r"^[A-Z]{2,3}$"
"""Codes such as those of regions, among which NA is North America or Namibia."""

ALWAYS_NOTHING = frozenset(NOTHING) - {
    "-",
    "*",
    "none",
    "unknown",
    "not applicable",
    "not known",
    "blank",
    "nil",
}
"""Those that stand for nothing among words, too; "none" and "unknown" may be answers there."""

SENTINELS = (-9, -99, -999, -9999, -99999, 99, 999, 9999, 99999, 999999)
"""Numbers that stand for nothing, if they lie far from all others."""

DATES = (
    "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d/%m/%y", "%m/%d/%y",
    "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y",
    "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y%m%d",
)  # fmt: skip

MIRRORED = {"%d/%m": "%m/%d", "%m/%d": "%d/%m", "%d-%m": "%m-%d", "%m-%d": "%d-%m"}
TRUE_AND_FALSE = ({"yes", "no"}, {"y", "n"}, {"true", "false"}, {"t", "f"}, {"on", "off"})
_PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_SIGNS = r"[$€£¥%]"
_LEADING_ZERO = r"^[+-]?0\d"
_EXAMPLES = 3
_TEXTS = (pl.String, pl.Categorical, pl.Enum)
_PROBED, _MOST_SPELLINGS = 2000, 40


@dataclass(frozen=True)
class Column:
    """What is known of a column from its values.

    Attributes:
        name: the column.
        values: as the contract's type stores them, missing ones null; shape (rows,).
        kind: the contract's type.
        stored: how the source stores it, such as ``String``.
        missing: the fraction of rows without a value.
        distinct: different values, without the missing one.
        markers: values that stand for nothing.
        number_form: one of ``spelling.NUMBERS`` where numbers are not plain, or "".
        date_form: the form of dates that are not ISO 8601, or "".
        ambiguous: another form that the dates or numbers would fit as well, or "".
        top: the share of the most frequent value among those that there are.
        examples: some values, as the source spells them.
    """

    name: str
    values: pl.Series
    kind: ColumnType
    stored: str
    missing: float
    distinct: int
    markers: tuple[str, ...] = ()
    number_form: str = ""
    date_form: str = ""
    ambiguous: str = ""
    top: float = 0.0
    examples: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """All rows of the table."""
        return len(self.values)

    @property
    def present(self) -> pl.Series:
        """The values that there are."""
        return self.values.drop_nulls()

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.distinct == self.rows

    @property
    def few(self) -> bool:
        """Whether it holds so few values that each says something of many rows."""
        return self.kind in ("boolean", "category") or self.distinct <= 12


def look(values: pl.Series, numbers: str = "") -> Column:
    """What a column holds.

    Args:
        values: of the column.
        numbers: the form that numbers are of which fit two; "" for ``spelling.NUMBERS[0]``.

    Raises:
        DataError: it holds lists, structs or bytes.
    """
    name, worded = values.name, values.dtype in _TEXTS
    stored, values = str(values.dtype), values.cast(pl.String) if worded else values
    distinct = values.unique()
    spelling, ambiguous = (
        spelled(values, distinct, numbers) if worded or values.dtype.is_numeric() else (Spelling(), "")
    )
    markers = tuple(spelling.missing.get(name, ()))
    if worded:
        kind = kind_of_texts(
            respelled(distinct.to_frame(), spelling)[name], values.len() - values.null_count()
        )
    else:
        kind = inference.kind_of(values)
    plain = respelled(values.to_frame(), spelling)[name] if spelling.read else values
    read = read_as(known(plain, kind), kind)
    present = read.drop_nulls()
    counts = present.value_counts(sort=True) if len(present) else None
    shown = (
        known(values.drop_nulls().head(_PROBED), "text")
        .drop_nulls()
        .unique(maintain_order=True)
        .head(_EXAMPLES)
    )
    return Column(
        name=name,
        values=read,
        kind=kind,
        stored=stored,
        missing=read.null_count() / len(read),
        distinct=0 if counts is None else counts.height,
        markers=markers,
        number_form=spelling.numbers.get(name, ""),
        date_form=spelling.dates.get(name, ""),
        ambiguous=ambiguous,
        top=0.0 if counts is None else counts["count"][0] / len(present),
        examples=tuple(map(str, shown.to_list())),
    )


def kind_of_texts(distinct: pl.Series, rows: int) -> ColumnType:
    """The contract's type of plainly spelled texts, by the different ones; words for yes and no are booleans."""
    if distinct.dtype == pl.Datetime:
        return "datetime"
    if len(distinct) <= _MOST_SPELLINGS and _words(distinct) in TRUE_AND_FALSE:
        return "boolean"
    return inference.kind_of_texts(distinct, rows)


def spelled(values: pl.Series, distinct: pl.Series, numbers: str = "") -> tuple[Spelling, str]:
    """How a column of texts or numbers is spelled, and another form that its dates or numbers would fit as well, or ""."""
    if values.dtype.is_numeric():
        markers = sentinels(values)
        return Spelling(missing={values.name: markers} if markers else {}), ""
    texts = distinct.str.strip_chars().unique().drop_nulls()
    texts = texts.filter(texts != "").alias(values.name)
    wording = _wording(texts)
    if wording is None:
        nothing = texts.str.to_lowercase().is_in(sorted(ALWAYS_NOTHING))
        codes = texts.filter(~nothing).str.contains(CODES).all()
        found = [text for text in texts.filter(nothing).to_list() if not (codes and text == "NA")]
        return Spelling(missing={values.name: sorted(found)} if found else {}), ""
    markers, number_form, date_form, ambiguous = wording
    if ambiguous and ambiguous == numbers:
        number_form, ambiguous = ambiguous, number_form
    if not date_form:
        plain = without(values, markers) if markers else values
        plain = plain_numbers(plain, number_form) if number_form else plain
        markers = [
            *markers,
            *sentinels(plain.cast(pl.Float64, strict=False)),
        ]
    return (
        Spelling(
            missing={values.name: tuple(markers)} if markers else {},
            numbers={values.name: number_form} if number_form else {},
            dates={values.name: date_form} if date_form else {},
        ),
        ambiguous,
    )


def _wording(texts: pl.Series) -> tuple[list[str], str, str, str] | None:
    """Markers, form of numbers, form of dates and the double of either, if all but markers are numbers, dates or yes and no."""
    nothing = texts.str.to_lowercase().is_in(list(NOTHING))
    rest = texts.filter(~nothing)
    markers = sorted(text for text in texts.filter(nothing).to_list() if text.lower() not in NO_VALUE)
    if not len(rest) or len(markers) > 4:
        return None
    probe = rest.head(_PROBED)
    if len(rest) <= _MOST_SPELLINGS and _words(rest) in TRUE_AND_FALSE:
        return markers, "", "", ""
    if probe.str.contains(_LEADING_ZERO).any() and not probe.str.contains(r"[^\d+-]").any():
        return None
    if rest.str.contains(_PLAIN).all():
        if probe.str.contains(r"^(19|20)\d{6}$").all() and is_date(rest, "%Y%m%d"):
            return markers, "", "%Y%m%d", ""
        return markers, "", "", ""
    if number_forms := forms_of_numbers(rest):
        return markers, number_forms[0], "", "".join(number_forms[1:])
    forms = [form for form in DATES if is_date(probe, form) and is_date(rest, form)]
    if forms:
        date_form = forms[0]
        double = next((form for form in forms if form[:5] == MIRRORED.get(date_form[:5])), "")
        return markers, "", "" if date_form == "%Y-%m-%d" else date_form, double
    return (markers, "", "", "") if not read_as(probe, "datetime").null_count() else None


def forms_of_numbers(texts: pl.Series) -> list[str]:
    """The forms of ``spelling.NUMBERS`` in which all texts are numbers: both, where each has three digits behind its only sign."""
    bare = texts.str.replace_all(_SIGNS, "").str.strip_chars()
    thousands = r"^(-?\d{1,3}([,\s\u00a0\u202f']\d{3})+|[+-]?\d+)(\.\d*)?$"
    continental = r"^(-?\d{1,3}([.\s\u00a0\u202f']\d{3})+|[+-]?\d+)(,\d*)?$"
    found = [
        form
        for form, pattern in zip(NUMBERS, (thousands, continental), strict=True)
        if bare.str.contains(pattern).all()
    ]
    return found if bare.str.contains("[.,]").any() else found[:1]


def sentinels(values: pl.Series) -> list[str]:
    """Numbers such as -999 that stand for nothing: at least two rows have it, and all others lie far away."""
    numbers = known(values, "number").drop_nulls().cast(pl.Float64)
    found: list[int] = []
    there = set(numbers.filter(numbers.is_in([float(each) for each in SENTINELS])).unique())
    for sentinel in (each for each in SENTINELS if each in there):
        hits = int((numbers == sentinel).sum())
        if hits < 2 or hits == len(numbers):
            continue
        others = numbers.filter(~numbers.is_in([float(each) for each in (*found, sentinel)]))
        low, high = ends(others)
        width = max(high - low, 1.0)
        distance = low - sentinel if sentinel < low else sentinel - high
        if distance > width and (sentinel < 0 <= low or distance > 2 * width):
            found.append(sentinel)
    return [str(each) for each in found]


def _words(texts: pl.Series) -> set[str]:
    return set(known(texts, "number").drop_nulls().str.to_lowercase().unique().to_list())


def ends(values: pl.Series) -> tuple[float, float]:
    """The least and the greatest of known numbers; 0 and 0 if there are none."""
    known_values = values.drop_nulls().cast(pl.Float64)
    return (
        (float(known_values.to_numpy().min()), float(known_values.to_numpy().max()))
        if len(known_values)
        else (0.0, 0.0)
    )


def share(flags: pl.Series) -> float:
    """The share of flags that are true; 0 if there are none."""
    return int(flags.sum()) / len(flags) if len(flags) else 0.0


def words_of(name: str) -> list[str]:
    """The words of a column's name, in lower case: ``customerID_2`` is customer, id, 2."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", name))
    return re.findall(r"[a-z]+|\d+", parted.lower())


def require_columns(names: Sequence[str], rows: int) -> None:
    """Pass if the table has rows, and columns whose names can be told apart.

    Raises:
        DataError: it has none, or a name is empty or only spaces.
    """
    if not rows:
        raise DataError("The table is empty: it has columns but no rows.")
    nameless = [position for position, name in enumerate(names, 1) if not name.strip()]
    if nameless not in ([], [1]) or names[0].isspace():  # pandas writes the numbers of rows without a name
        raise DataError(f"Columns {nameless} have no name; give them one in the source.")
