"""Drawing in SVG: elements that escape what they hold, scales with round ticks, and a frame with axes."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from components.reporting.formats import shortened, tick_format

Format = Callable[[float], str]
TickFormat = Callable[[Sequence[float]], Format]


def element(tag: str, *children: str, **attributes: object) -> Markup:
    """An element; children and values are escaped unless they are Markup, and ``class_`` means ``class``."""
    written = Markup("").join(
        Markup(' {}="{}"').format(
            name.rstrip("_").replace("_", "-"), _plain(value) if isinstance(value, float) else value
        )
        for name, value in attributes.items()
        if value is not None
    )
    return Markup("<{0}{1}>{2}</{0}>").format(tag, written, Markup("").join(children))


def text(x: float, y: float, content: str, class_: str = "", **attributes: object) -> Markup:
    """A line of text."""
    return element("text", content, x=float(x), y=float(y), class_=class_ or None, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("path", d=f"M{_plain(x1)} {_plain(y1)}L{_plain(x2)} {_plain(y2)}", class_=class_)


def box(x: float, y: float, width: float, height: float, class_: str, *children: str) -> Markup:
    """A rectangle."""
    return element(
        "rect", *children, x=float(x), y=float(y), width=float(width), height=float(height), class_=class_
    )


def dots(xs: Iterable[float], ys: Iterable[float], class_: str) -> Markup:
    """Many equal dots as one path: strokes of no length with round ends, a dozen bytes each."""
    return element(
        "path",
        d="".join(f"M{_plain(x)} {_plain(y)}h0" for x, y in zip(xs, ys, strict=True)),
        class_=f"dots {class_}",
    )


def trace(xs: Iterable[float], ys: Iterable[float]) -> str:
    """The path data of a line through the points."""
    return "M" + "L".join(f"{_plain(x)} {_plain(y)}" for x, y in zip(xs, ys, strict=True))


def mark(form: int, x: float, y: float, class_: str, title: str) -> Markup:
    """A point whose form tells its series, so that colour is not alone in telling: circle, square, diamond ..."""
    d = f"M{_plain(x)} {_plain(y)}{FORMS[form % len(FORMS)]}"
    return element("path", hint(title), d=d, class_=f"point {class_}")


FORMS = (
    "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z",
    "m-3.5-3.5h7v7h-7Z",
    "m0-5l5 5-5 5-5-5Z",
    "m0-4.5l4.5 8h-9Z",
    "m0 4.5l4.5-8h-9Z",
    "m-4.5-1.5h3v-3h3v3h3v3h-3v3h-3v-3h-3Z",
)


def hint(content: str) -> Markup:
    """What a pointer at rest over the parent element shows."""
    return element("title", content)


@dataclass(frozen=True)
class Scale:
    """A linear map from values to places.

    Attributes:
        low: The value at ``start``.
        high: The value at ``end``.
        start: A place in pixels.
        end: A place in pixels; below ``start`` for an upright axis.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value; values outside stay at the nearer end."""
        share = (min(max(value, self.low), self.high) - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)

    def each(self, values: Iterable[float]) -> list[float]:
        """The places of many values."""
        return [self(float(value)) for value in values]

    def ticks(self, about: int = 5) -> list[float]:
        """Round values within the scale, at least two: steps of 1, 2, 2.5 or 5 times a power of ten."""
        raw = ((self.high - self.low) or 1.0) / about
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if raw <= factor * power * (1 + 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        if last - first < 1 and about < 100:
            return self.ticks(about + 1)
        return [round(index * step, 12) for index in range(first, last + 1)]


def domain(values: Iterable[float], *include: float, margin: float = 0.06) -> tuple[float, float]:
    """The lowest and highest finite value with a margin about them; 0 to 1 if there is none."""
    finite = [float(value) for value in (*values, *include) if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    gap = margin * (high - low) or 0.5 * abs(high) or 0.5
    return low - gap, high + gap


@dataclass(frozen=True)
class Frame:
    """A rectangle of a plot with a scale on each side."""

    x: Scale
    y: Scale

    def grid(
        self,
        x_label: str = "",
        y_label: str = "",
        *,
        x_ticks: Sequence[float] | None = None,
        y_ticks: Sequence[float] | None = None,
        x_format: Format | None = None,
        y_format: Format | None = None,
    ) -> Markup:
        """Quiet lines at the ticks, their labels and the names of the axes."""
        left, right, bottom, top = self.x.start, self.x.end, self.y.start, self.y.end
        x_ticks = self.x.ticks() if x_ticks is None else x_ticks
        y_ticks = self.y.ticks() if y_ticks is None else y_ticks
        x_format, y_format = x_format or tick_format(x_ticks), y_format or tick_format(y_ticks)
        parts = [line(left, self.y(tick), right, self.y(tick), "grid") for tick in y_ticks]
        parts += [
            text(left - 8, self.y(tick) + 4, y_format(tick), "tick", text_anchor="end") for tick in y_ticks
        ]
        parts += [line(left, bottom, right, bottom, "axis")]
        parts += [line(self.x(tick), bottom, self.x(tick), bottom + 4, "axis") for tick in x_ticks]
        parts += [
            text(self.x(tick), bottom + 18, x_format(tick), "tick", text_anchor="middle") for tick in x_ticks
        ]
        parts += [text((left + right) / 2, bottom + 36, x_label, "label", text_anchor="middle")]
        parts += [text(left, top - 10, y_label, "label")]
        return Markup("").join(parts)

    def line(self, xs: Iterable[float], ys: Iterable[float], class_: str) -> Markup:
        """A line through the points."""
        return element("path", d=trace(self.x.each(xs), self.y.each(ys)), class_=f"line {class_}")

    def band(self, xs: Iterable[float], lows: Iterable[float], highs: Iterable[float], class_: str) -> Markup:
        """The area between two lines."""
        places = self.x.each(xs)
        there = trace(places, self.y.each(highs))
        back = trace(reversed(places), reversed(self.y.each(lows)))
        return element("path", d=f"{there}L{back[1:]}Z", class_=f"band {class_}")


def name(x: float, y: float, content: str, most: int, anchor: str = "end") -> Markup:
    """What a line of a plot is called, cut where it is too long and in full for a pointer at rest."""
    return element(
        "text", hint(content), shortened(content, most), x=float(x), y=float(y), text_anchor=anchor
    )


def upright_grid(
    scale: Scale, top: float, bottom: float, about: int = 5, write: TickFormat = tick_format
) -> Markup:
    """Quiet upright lines at the ticks, their values below, and a clearer line at zero where it is inside."""
    ticks = scale.ticks(about)
    written = write(ticks)
    parts = [line(scale(tick), top, scale(tick), bottom, "axis" if tick == 0 else "grid") for tick in ticks]
    parts += [text(scale(tick), bottom + 18, written(tick), "tick", text_anchor="middle") for tick in ticks]
    return stack(parts)


def stack(parts: Iterable[Any]) -> Markup:
    """The parts, one after the other."""
    return Markup("").join(parts)


def _plain(value: float) -> str:
    """The number to a tenth of a pixel."""
    written = f"{value:.1f}".removesuffix(".0")
    return "0" if written == "-0" else written
