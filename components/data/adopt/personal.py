"""Columns that name people: found by what their values look like, and by what they are called."""

from __future__ import annotations

import re

import polars as pl

from components.data.adopt.look import Column, share, words_of

MOSTLY = 0.8
_PROBED = 500

_PATTERNS = {
    "e-mail addresses": r"^[\w.+-]+@[\w-]+(\.[\w-]+)+$",
    "US social security numbers": r"^\d{3}-\d{2}-\d{4}$",
    "IBANs": r"^[A-Z]{2}\d{2}( ?[A-Z0-9]{4}){2,7}( ?[A-Z0-9]{1,4})?$",
    "IP addresses": r"^(\d{1,3}\.){3}\d{1,3}$",
    "phone numbers": r"^(\+|00)?[\d\s()./-]{7,20}(\s*(x|ext\.?)\s*\d+)?$",
}
_CARD = r"^(\d[ -]?){12,18}\d$"
_PHONE_WORDS = {"phone", "telephone", "tel", "mobile", "fax", "cell"}
_NAMED = {
    "names of people": [{"first", "name"}, {"last", "name"}, {"full", "name"}, {"surname"}, {"firstname"}, {"lastname"},
                        {"fullname"}, {"forename"}, {"maiden", "name"}, {"patient", "name"}, {"customer", "name"},
                        {"employee", "name"}, {"contact", "name"}, {"name"}],
    "addresses": [{"street"}, {"address"}, {"addr"}, {"home", "address"}],
    "national numbers": [{"ssn"}, {"social", "security"}, {"passport"}, {"national", "id"}, {"tax", "id"}, {"nhs", "number"}],
    "dates of birth": [{"birthdate"}, {"birth", "date"}, {"date", "birth"}, {"dob"}, {"birthday"},
                       {"geburtsdatum"}, {"geburtstag"}],
}  # fmt: skip


def personal(column: Column) -> str:
    """What personal the column holds, with the evidence; "" if nothing was found."""
    words = set(words_of(column.name))
    if column.kind in ("category", "text"):
        texts = column.present.cast(pl.String).unique().head(_PROBED).str.strip_chars()
        found = _by_values(texts, words)
        if found:
            return found
    if column.kind == "integer" and column.distinct > column.rows / 2:
        texts = column.present.unique().head(_PROBED).cast(pl.String)
        if _cards(texts) >= MOSTLY:
            return "payment card numbers (by their check digit)"
        if words & _PHONE_WORDS:
            return "phone numbers (by its name)"
    return _by_name(column, words)


def _by_values(texts: pl.Series, words: set[str]) -> str:
    if not len(texts):
        return ""
    if _cards(texts) >= MOSTLY:
        return "payment card numbers (by their check digit)"
    for what, pattern in _PATTERNS.items():
        hits = share(texts.str.contains(pattern))
        if what == "phone numbers" and not (words & _PHONE_WORDS or _dialled(texts) >= MOSTLY):
            continue
        if hits >= MOSTLY:
            return f"{what} ({hits:.0%} of its values look so)"
    return ""


def _dialled(texts: pl.Series) -> float:
    """The share of texts with the signs that phone numbers have and plain numbers and dates do not."""
    return share(texts.str.contains(r"^(\+\d|\(\d{2,5}\))[\d\s()./-]{6,}$|^\d{3}-\d{3}-\d{4}$"))


def _cards(texts: pl.Series) -> float:
    candidates = texts.filter(texts.str.contains(_CARD)).to_list()
    return sum(map(luhn, candidates)) / len(texts) if len(texts) else 0.0


def luhn(text: str) -> bool:
    """Whether the digits end in their check digit (ISO/IEC 7812-1, annex B)."""
    digits = [int(digit) for digit in re.sub(r"\D", "", text)][::-1]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return len(digits) > 1 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _by_name(column: Column, words: set[str]) -> str:
    for what, names in _NAMED.items():
        if not any(name <= words and (name != {"name"} or words == {"name"}) for name in names):
            continue
        texts = column.kind in ("text", "category") and column.distinct > 20
        dated = what == "dates of birth" and column.kind in ("datetime", "text", "category")
        numbered = what == "national numbers" and column.distinct > column.rows / 2
        if dated or numbered or (texts and what != "dates of birth"):
            return f"{what} (by its name)"
    return ""
