"""Numbers and intervals as a reader should see them: few digits, a true minus sign, no false precision."""

import itertools
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

DASH = "–"
NAMES = {"roc_auc": "ROC AUC", "f1": "F1", "brier_score": "Brier score", "r2": "R²"}


def number(value: float | None, digits: int = 3) -> str:
    """The number with so many significant digits, whole numbers and thousands in full; a dash for nothing.

    Args:
        value: None and NaN become a dash.
        digits: Significant digits; very small and very large magnitudes take a power of ten.
    """
    if value is None or math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size >= 1e9 or 0 < size < 1e-4:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{_minus(mantissa)} × 10{_superscript(int(exponent))}"
    if value == round(value) or size >= 10**digits:
        return count(value)
    return fixed(value, max(0, digits - 1 - math.floor(math.log10(size))))


def limit(value: float | None) -> str:
    """A configured number as it was written, without zeros at its end."""
    text = number(value, 6)
    mantissa, power, exponent = text.partition(" × ")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + power + exponent


def fixed(value: float | None, decimals: int = 3) -> str:
    """The number with so many decimals; a dash for nothing."""
    if value is None or math.isnan(value):
        return DASH
    return _minus(f"{value:,.{decimals}f}")


def signed(value: float, decimals: int = 3) -> str:
    """The number with its sign, also when it is positive."""
    written = fixed(value, decimals)
    return f"+{written}" if value > 0 and written.strip("0.") else written


def percent(fraction: float | None, decimals: int = 1) -> str:
    """The fraction in per cent."""
    return DASH if fraction is None or math.isnan(fraction) else f"{fixed(100 * fraction, decimals)} %"


def count(value: float) -> str:
    """The whole number with separators."""
    return _minus(f"{value:,.0f}")


def size(size_bytes: float) -> str:
    """A number of bytes in the unit that suits it."""
    for unit in ("B", "kB", "MB"):
        if size_bytes < 1000:
            return f"{number(size_bytes)} {unit}"
        size_bytes /= 1000
    return f"{number(size_bytes)} GB"


def interval(low: float, high: float, decimals: int | None = None) -> str:
    """Both ends of an interval, ``0.771 to 0.790``, by default with two digits of its width."""
    if decimals is None:
        decimals = width_decimals(low, high)
    if decimals is None:
        return f"{number(low)} to {number(high)}"
    return f"{fixed(low, decimals)} to {fixed(high, decimals)}"


def with_interval(estimate: Any, decimals: int | None = 3) -> str:
    """An estimate with its interval in brackets, ``0.780 (0.771 to 0.790)``; a dash for None."""
    return DASH if estimate is None else bracketed(estimate.value, estimate.low, estimate.high, decimals)


def bracketed(value: float, low: float, high: float, decimals: int | None = None) -> str:
    """A value with the ends of its interval in brackets, by default with two digits of its width."""
    if decimals is None:
        decimals = width_decimals(low, high)
    written = number(value) if decimals is None else fixed(value, decimals)
    return f"{written} ({interval(low, high, decimals)})"


def width_decimals(low: float, high: float) -> int | None:
    """The decimals that show two digits of the interval's width; None where a power of ten is due."""
    largest = max(abs(low), abs(high))
    if not math.isfinite(high - low) or (largest and not 1e-4 <= largest < 1e9):
        return None
    return 3 if high == low else min(6, max(0, 1 - math.floor(math.log10(abs(high - low)))))


def tick_format(ticks: Sequence[float]) -> Callable[[float], str]:
    """The format that tells ticks apart with the fewest decimals."""
    decimals = _tick_decimals(ticks)
    return lambda value: fixed(value, decimals)


def signed_tick_format(ticks: Sequence[float]) -> Callable[[float], str]:
    """The same with the sign of positive ticks."""
    decimals = _tick_decimals(ticks)
    return lambda value: signed(value, decimals)


def _tick_decimals(ticks: Sequence[float]) -> int:
    step = min((b - a for a, b in itertools.pairwise(ticks)), default=max(map(abs, ticks), default=1.0))
    return next((d for d in range(7) if abs(round(step, d) - step) < 1e-9), 7)


def words(name: str) -> str:
    """A metric's or family's name as it is written in a sentence."""
    return NAMES.get(name, name.replace("_", " "))


def sentence(text: str) -> str:
    """The text with a capital at its beginning and a full stop at its end."""
    ended = text if not text or text[-1] in ".!?" else f"{text}."
    return ended[:1].upper() + ended[1:]


def month(year: float) -> str:
    """The month of a year with its fraction: 2015-07 for 2015.5."""
    return f"{math.floor(year)}-{min(int(year % 1 * 12) + 1, 12):02}"


def moment(text: str) -> str:
    """An ISO time as a date and a time to the minute; any other text as it is."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    zone = " UTC" if time.utcoffset() == timedelta(0) else ""
    return f"{time.day} {time:%B %Y, %H:%M}{zone}"


def shortened(text: str, most: int) -> str:
    """The text, cut with an ellipsis where it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _minus(text: str) -> str:
    if text.startswith("-") and not text.strip("-0.,"):
        return text[1:]
    return text.replace("-", "−", 1) if text.startswith("-") else text


def _superscript(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
