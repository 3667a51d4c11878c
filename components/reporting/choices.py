"""Plots of choices: the search over families, what happens to a thousand rows, the price of fairness."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from components.reporting.figure import HALF, WIDE, Figure
from components.reporting.formats import count, fixed, number, sentence, shortened, signed, words
from components.reporting.svg import Frame, Scale, domain, dots, element, line, mark, stack, text

if TYPE_CHECKING:
    from components.training.outcomes import OutcomeValues
    from components.training.search import SearchResult
    from components.validation.evaluation import Evaluation
    from components.validation.fairness import TradeOff, TradeOffPoint


def search(results: Sequence[SearchResult], chosen: str, metric: str) -> Figure:
    """The cross-validated score of every trial by family, and the best so far."""
    trials = {r.family: [t for t in r.trials if t.fold_scores] for r in results}
    means = {family: [float(np.mean(t.fold_scores)) for t in ts] for family, ts in trials.items()}
    longest = max((len(values) for values in means.values()), default=1)
    every = [value for values in means.values() for value in values]
    frame = Frame(Scale(0.5, longest + 0.5, 60, 770), Scale(*_readable(every), 300, 34))
    ticks = [tick for tick in frame.x.ticks(min(longest, 10)) if tick == round(tick) and tick >= 1]
    parts = [frame.grid("trial", f"{words(metric)}, cross-validated", x_ticks=ticks, x_format=count)]
    ends = _apart([max(means[r.family], default=0.0) for r in results], frame.y)
    for index, (result, end) in enumerate(zip(results, ends, strict=True)):
        parts.append(_family(index, result, means[result.family], frame, end, result.family == chosen))
    best = {r.family: r for r in results}[chosen]
    tried = sum(len(r.trials) for r in results)
    stopped = sum(t.state == "pruned" for r in results for t in r.trials)
    finding = (
        f"{tried} trials, {stopped} stopped early. Chosen: {words(chosen)}, {words(metric)} {fixed(best.score, 4)} "
        f"(standard error {fixed(best.standard_error, 4)}). A simpler family wins when it is within one standard error of the best."
    )
    table = tuple(
        (r.family, count(t.number + 1), t.state, fixed(value, 4), number(t.seconds))
        for r in results
        for t, value in zip(trials[r.family], means[r.family], strict=True)
    )
    header = ("family", "trial", "state", metric, "seconds")
    return Figure("search", "The search, trial by trial", finding, stack(parts), WIDE, 350, header, table)


def thousand(
    evaluation: Evaluation, value: OutcomeValues, class_names: tuple[str, str]
) -> tuple[Figure, ...]:
    """What happens to 1,000 rows like the held-out ones, one dot each: those decided positive, then the others.

    Args:
        evaluation: The holdout's outcomes.
        value: What each outcome is worth.
        class_names: How the negative and the positive class are called.
    """
    y_pred = evaluation.y_score >= evaluation.least_positive
    weight = np.ones(evaluation.rows) if evaluation.sample_weight is None else evaluation.sample_weight
    cells = [(1, 1), (1, 0), (0, 0), (0, 1)]  # decided, truly
    shares = [weight[(y_pred == d) & (evaluation.y_true == t)].sum() / weight.sum() for d, t in cells]
    worth = (value.true_positive, value.false_positive, value.true_negative, value.false_negative)
    blocks = [
        Block(class_names[t], rows, each, right=d == t, positive=t == 1)
        for (d, t), rows, each in zip(cells, _whole(shares, 1000), worth, strict=True)
    ]
    return (
        _dotted("decided-positive", class_names[1], blocks[:2], value.unit),
        _dotted("decided-negative", class_names[0], blocks[2:], value.unit),
    )


@dataclass(frozen=True)
class Block:
    """Decisions that were taken alike and are true alike."""

    truth: str
    rows: int
    each: float
    right: bool
    positive: bool


PER_LINE, STEP = 57, 8.0


def _dotted(key: str, decided: str, blocks: Sequence[Block], unit: str) -> Figure:
    parts, y = [], 0.0
    for block in blocks:
        sign, verdict = ("✓", "rightly") if block.right else ("✕", "wrongly")
        told = element("tspan", f"{sign} {block.rows} {verdict}", class_="strong")
        worth = f": truly “{shortened(block.truth, 30)}”, {number(block.each)} each"
        parts.append(element("text", told, worth, x=0.0, y=y + 14, class_="row"))
        xs = [4 + STEP * (i % PER_LINE) for i in range(block.rows)]
        ys = [y + 28 + STEP * (i // PER_LINE) for i in range(block.rows)]
        shade = f"truth{int(block.positive)}" if block.right else ""
        parts.append(dots(xs, ys, f"thousand {'right' if block.right else 'wrong'} {shade}".strip()))
        y += 28 + STEP * -(-block.rows // PER_LINE) + 14
    total, together = sum(b.rows for b in blocks), sum(b.rows * b.each for b in blocks)
    header = ("truly", "of 1,000", f"worth each ({unit})", f"worth together ({unit})")
    table = tuple((b.truth, count(b.rows), number(b.each), number(b.rows * b.each)) for b in blocks)
    finding = (
        f"{blocks[0].rows} rightly and {blocks[1].rows} wrongly; together worth {number(together)} {unit}."
    )
    title = f"Decided “{decided}”: {total} of 1,000"
    return Figure(key, title, finding, stack(parts), HALF, int(y), header, table)


def trade_off(trade: TradeOff) -> Figure:
    """What more equal decisions would be worth, against how unequal they are; the model as it is comes first."""
    model, *others = trade.points
    y = Scale(*domain([1000 * p.utility for p in trade.points], margin=0.15), 280, 34)
    parity = [model, *(p for p in others if "odds" not in p.constraint)]
    odds = [model, *(p for p in others if "odds" in p.constraint)]
    left = Frame(Scale(0, domain([p.demographic_parity_difference for p in parity], 0.0)[1], 60, 440), y)
    right = Frame(Scale(0, domain([p.equalized_odds_difference for p in odds], 0.0)[1], 540, 920), y)
    unit = f"{trade.unit} per 1,000 decisions"
    parts = [
        left.grid("demographic parity difference", unit),
        right.grid("equalized odds difference", unit),
        _path(left, parity, [p.demographic_parity_difference for p in parity]),
        _path(right, odds, [p.equalized_odds_difference for p in odds]),
    ]
    header = ("decided by", words(trade.metric), unit, "parity difference", "odds difference")
    table = tuple(
        (
            p.constraint,
            fixed(p.metric),
            number(1000 * p.utility),
            fixed(p.demographic_parity_difference),
            fixed(p.equalized_odds_difference),
        )
        for p in trade.points
    )
    title = f"What more equal decisions{f' by {trade.feature}' if trade.feature else ''} would cost"
    return Figure("trade-off", title, _price(trade), stack(parts), WIDE, 326, header, table)


def _price(trade: TradeOff) -> str:
    model, *others = trade.points
    if not others:
        return "No other way to decide was tried."
    alike = [p for p in others if "odds" not in p.constraint] or others
    after = min(alike, key=lambda p: p.demographic_parity_difference)
    return (
        f"{sentence(after.constraint)[:-1]} brings the difference in selection from "
        f"{fixed(model.demographic_parity_difference)} to {fixed(after.demographic_parity_difference)} and changes what "
        f"1,000 decisions are worth by {signed(1000 * (after.utility - model.utility), 1)} {trade.unit}. "
        "The round dot is the model as it is; diamonds are rules of rising strength."
    )


def _path(frame: Frame, points: Sequence[TradeOffPoint], xs: Sequence[float]) -> Markup:
    """The way from the model as it is to the strongest constraint."""
    ys = [1000 * p.utility for p in points]
    parts = [frame.line(xs, ys, "group1 thin")]
    for p, x, y in zip(points, xs, ys, strict=True):
        told = f"{p.constraint}: {number(y)}, difference {fixed(x)}"
        start = p is points[0]
        parts.append(mark(0 if start else 2, frame.x(x), frame.y(y), "chosen" if start else "group1", told))
    return stack(parts)


def _readable(values: Sequence[float]) -> tuple[float, float]:
    """The domain without hopeless trials, which would squeeze the others."""
    if not values:
        return 0.0, 1.0
    best, middle = max(values), float(np.median(values))
    floor = best - 4 * max(best - middle, 1e-4)
    return domain([value for value in values if value >= floor], margin=0.1)


def _family(
    index: int, result: SearchResult, means: Sequence[float], frame: Frame, label_y: float, chosen: bool
) -> Markup:
    class_ = f"group{index}"
    numbers = range(1, len(means) + 1)
    so_far = list(itertools.accumulate(means, max))
    parts = [frame.line(numbers, so_far, f"{class_} thin")] if len(means) > 1 else []
    tried = [trial for trial in result.trials if trial.fold_scores]
    for i, mean, trial in zip(numbers, means, tried, strict=True):
        told = f"{words(result.family)} {i}, {trial.state}: {fixed(mean, 4)}"
        pruned = " pruned" if trial.state == "pruned" else ""
        parts.append(mark(index, frame.x(i), frame.y(mean), class_ + pruned, told))
    if means:
        parts.append(line(frame.x(len(means)), frame.y(so_far[-1]), 778, label_y, "leader"))
    label = f"{words(result.family)} {fixed(result.score, 4)}"
    parts.append(text(784, label_y + 4, label, "strong" if chosen else "tick"))
    if chosen:
        parts.append(text(784, label_y + 20, "chosen", "note"))
    return stack(parts)


def _apart(values: Sequence[float], scale: Scale, gap: float = 36) -> list[float]:
    """The places of labels beside the values, moved so that none lies over another."""
    places = [scale(value) for value in values]
    order = sorted(range(len(places)), key=lambda index: places[index])
    for before, after in itertools.pairwise(order):
        places[after] = max(places[after], places[before] + gap)
    over = max((places[order[-1]] - scale.start), 0.0) if order else 0.0
    return [place - over for place in places]


def _whole(shares: Sequence[float], total: int) -> list[int]:
    """Whole numbers that add up to the total, by largest remainders."""
    floors = [int(share * total) for share in shares]
    rest = sorted(range(len(shares)), key=lambda i: floors[i] - shares[i] * total)
    for index in rest[: total - sum(floors)]:
        floors[index] += 1
    return floors
