"""The figure of what the champions before would have scored on the newest labelled window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from components.reporting.figure import Figure
from components.reporting.forest import Panel, Row, forest
from components.reporting.formats import count, fixed, shortened, signed, words
from components.validation.comparison import PairedDifference
from components.validation.metrics import METRICS, Estimate

if TYPE_CHECKING:
    from components.monitoring.accounts import Account


def formers(accounts: Sequence[Account], primary: str) -> Figure | None:
    """The champion and those before it on the same rows; None where no window has been compared."""
    known = [account for account in accounts if account.details.get("formers")]
    if not known:
        return None
    account, told = known[-1], known[-1].details["formers"]
    rows = [
        Row("the champion", (_estimate(told["champion"]["metric"]), None, _estimate(told["champion"]["gap"])))
    ]
    rows += [_row(each) for each in told["formers"]]
    panels = [
        Panel(words(primary), least_width=0.05 if METRICS[primary].bounded else 0.0),
        Panel("the champion's gain", (0.0, "no gain"), decimals=4, signs=True),
    ]
    if told["champion"]["gap"]:
        panels.append(Panel("actual minus predicted", (0.0, "as promised"), decimals=4, signs=True))
    rows = [Row(r.label, r.estimates[: len(panels)], mark=r.mark, note=r.note) for r in rows]
    title = f"What the champions before would have scored in {account.label}"
    return forest("formers", title, _finding(told, primary), panels, rows, "model")


def _row(told: Mapping[str, Any]) -> Row:
    label = f"{told['bundle_id'][:12]}, {told['promoted_at'][:10]}"
    if told["problem"]:
        return Row(label, note=shortened(told["problem"], 90))
    difference = PairedDifference(**told["difference"])
    mark = "worst" if difference.high < 0 else "model" if difference.low > 0 else "quiet"
    return Row(label, (_estimate(told["metric"]), difference, _estimate(told["gap"])), mark=mark)


def _finding(told: Mapping[str, Any], primary: str) -> str:
    asked = [each for each in told["formers"] if not each["problem"]]
    if not asked:
        return "None of them could be asked; each line says why."
    newest = asked[0]
    difference = newest["difference"]
    gaps = [each["gap"] for each in (told["champion"], newest)]
    said = (
        f" Actual minus predicted is {signed(gaps[0]['value'], 4)} for the champion and would have been "
        f"{signed(gaps[1]['value'], 4)} for that one."
        if all(gaps)
        else ""
    )
    return (
        f"On the same {count(told['rows'])} labelled rows the champion is better than the one before it ({newest['bundle_id'][:12]}) by "
        f"{signed(difference['value'], 4)} ({fixed(difference['low'], 4)} to {fixed(difference['high'], 4)}) in {words(primary)}; "
        f"below 0 it is worse.{said} Each model has the day it was promoted."
    )


def _estimate(told: Mapping[str, Any] | None) -> Estimate | None:
    return None if told is None else Estimate(**told)
