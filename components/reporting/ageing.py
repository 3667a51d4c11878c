"""How the metric ages: curves of a back-test against the age of the model, each point with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from components.reporting.figure import HALF, WIDE, Figure
from components.reporting.formats import (
    count,
    fixed,
    signed,
    signed_tick_format,
    tick_format,
    width_decimals,
    with_interval,
    words,
)
from components.reporting.svg import Frame, Scale, TickFormat, domain, line, mark, stack, text
from components.validation.metrics import METRICS

if TYPE_CHECKING:
    from components.validation.backtest import Age, Backtest

HEIGHT = 330
LEAST_WIDTH = {"metric": 0.05, "difference": 0.01, "gap": 0.02}
"""The narrowest scales, so that small differences are not blown up."""


def ageing(found: Backtest) -> list[Figure]:
    """The metric by age, what age costs on the same rows, and actual minus predicted; nothing where there is no curve."""
    if not found.ages:
        return []
    drawn = [_metric(found), _difference(found), _gap(found)]
    return [figure for figure in drawn if figure]


def _metric(found: Backtest) -> Figure:
    name, ages = words(found.metric), found.ages
    finding = (
        f"{name} {with_interval(ages[0].metric)} at age {ages[0].age}, {with_interval(ages[-1].metric)} at age {ages[-1].age}. "
        "Greater ages are scored in fewer and later periods, so that the rows differ too; the next picture compares them on the same rows."
    )
    return _curve(
        "ageing-metric",
        f"{_capital(name)} by the age of the model",
        finding,
        [(age, age.metric) for age in ages],
        found,
        name,
        None,
        LEAST_WIDTH["metric"] if METRICS[found.metric].bounded else 0.0,
        WIDE if ages[0].gap else HALF,
    )


def _difference(found: Backtest) -> Figure | None:
    name = words(found.metric)
    points = [(age, age.difference) for age in found.ages if age.difference]
    if not points:
        return None
    worse = [str(age.age) for age, difference in points if difference.high < 0]
    last, difference = points[-1]
    said = (
        f"Surely worse at age {', '.join(worse)}." if worse else "No age is surely worse than a fresh model."
    )
    finding = (
        f"{said} At age {last.age} it is {signed(difference.value, 4)} ({fixed(difference.low, 4)} to {fixed(difference.high, 4)}); "
        "below 0 the older model is worse."
    )
    return _curve(
        "ageing-difference",
        "What age costs, on the same rows",
        finding,
        points,
        found,
        f"gain in {name} over age 0",
        (0.0, "as a model of age 0"),
        LEAST_WIDTH["difference"] if METRICS[found.metric].bounded else 0.0,
    )


def _gap(found: Backtest) -> Figure | None:
    points = [(age, age.gap) for age in found.ages if age.gap]
    if not points:
        return None
    off = [str(age.age) for age, gap in points if gap.low > 0 or gap.high < 0]
    said = f"0 is outside of the interval at age {', '.join(off)}." if off else "No interval leaves out 0."
    finding = (
        f"{said} At age {points[-1][0].age} it is {signed(points[-1][1].value, 4)} ({fixed(points[-1][1].low, 4)} to "
        f"{fixed(points[-1][1].high, 4)}); above 0 predictions are too low. This can drift while the order of the scores holds."
    )
    return _curve(
        "ageing-gap",
        "Actual minus predicted by the age of the model",
        finding,
        points,
        found,
        "actual minus predicted",
        (0.0, "as promised"),
        LEAST_WIDTH["gap"],
    )


def _curve(
    key: str,
    title: str,
    finding: str,
    points: Sequence[tuple[Age, Any]],
    found: Backtest,
    label: str,
    reference: tuple[float, str] | None,
    least_width: float,
    width: int = HALF,
) -> Figure:
    ages, ends = [age.age for age, _ in points], [end for _, e in points for end in (e.low, e.value, e.high)]
    low, high = domain(ends, *([reference[0]] if reference else []), margin=0.12)
    wider = max(least_width - (high - low), 0.0) / 2
    frame = Frame(
        Scale(min(ages) - 0.5, max(ages) + 0.5, 64, width - 12), Scale(low - wider, high + wider, 268, 38)
    )
    write: TickFormat = signed_tick_format if reference else tick_format
    ticks = frame.y.ticks()
    parts = [
        frame.grid(
            f"age of the model; 1 is {found.length}", label, x_ticks=ages, x_format=count, y_ticks=ticks, y_format=write(ticks)
        )
    ]  # fmt: skip
    if reference:
        y = frame.y(reference[0])
        parts += [line(frame.x.start, y, frame.x.end, y, "reference")]
        parts += [text(frame.x.end, y - 6, reference[1], "note", text_anchor="end")]
    parts.append(frame.line(ages, [estimate.value for _, estimate in points], "model thin"))
    for age, estimate in points:
        x = frame.x(age.age)
        decimals = max(width_decimals(estimate.low, estimate.high) or 3, 3)
        parts.append(line(x, frame.y(estimate.low), x, frame.y(estimate.high), "whisker"))
        parts.append(
            mark(
                0, x, frame.y(estimate.value), "model", f"age {age.age}: {with_interval(estimate, decimals)}"
            )
        )
    header = ("age", "value", "low", "high", "periods", "rows")
    table = tuple(
        (
            str(age.age),
            *(fixed(each, 5) for each in (e.value, e.low, e.high)),
            count(age.periods),
            count(age.rows),
        )
        for age, e in points
    )
    return Figure(key, title, finding, stack(parts), width, HEIGHT, header, table)


def _capital(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}"
