"""The decision in plain sentences: what it is, why, and who must act."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.reporting.formats import (
    bracketed,
    count,
    interval,
    limit,
    number,
    signed,
    with_interval,
    words,
)
from components.validation.gates import OF_THE_MODEL

if TYPE_CHECKING:
    from components.training.outcomes import Values
    from components.validation.comparison import PairedDifference
    from components.validation.evaluation import Evaluation
    from components.validation.gates import Check, Decision

STATUS_WORDS = {
    "passed": "passed",
    "failed": "failed",
    "waived": "waived",
    "not_applicable": "not judged",
}
STATUS_SIGNS = {"passed": "✓", "failed": "✕", "waived": "△", "not_applicable": "○"}

CONCERNS = {
    "D": "Data",
    "L": "Leakage",
    "B": "Baselines",
    "P": "Performance",
    "U": "Utility",
    "C": "Champion",
    "K": "Calibration",
    "F": "Fairness",
    "R": "Robustness",
    "E": "Explanation",
    "S": "Serving cost",
    "T": "Parity",
}

# By the letter of the concern, or by the whole code.
OWNERS = {
    "D": "Data owner",
    "L": "Data scientist",
    "B": "Data scientist",
    "P": "Data scientist",
    "U": "Product owner",
    "C": "Data scientist",
    "K": "Data scientist",
    "F": "Product owner, with the data scientist",
    "R": "Data engineer",
    "E": "Data scientist",
    "S": "Platform engineer",
    "T": "Platform engineer",
    "D03": "Data scientist",
}


@dataclass(frozen=True)
class Action:
    """What someone must do.

    Attributes:
        who: The role that owns it.
        what: In a sentence.
        codes: The checks that ask for it.
        details: A sentence on each.
    """

    who: str
    what: str
    codes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


def without_model(evaluation: Evaluation, class_names: Sequence[str]) -> tuple[str, PairedDifference]:
    """The better rule without a model, and what the model gains on it."""
    name, difference = min(evaluation.utility_constants.items(), key=lambda item: item[1].value)
    return rule(name, class_names), difference


def rule(name: str, class_names: Sequence[str]) -> str:
    """What one does who decides without a model."""
    decided = class_names[name == "always"] if name in ("always", "never") else name
    return f"deciding “{decided}” every time"


def headline(decision: Decision) -> str:
    """The decision in one sentence."""
    if decision.outcome == "approved":
        return "This model may be deployed."
    return "This model must not be deployed."


def explanation(decision: Decision) -> str:
    """How the checks led to the decision, in one or two sentences."""
    number_of = {status: sum(c.status == status for c in decision.checks) for status in STATUS_WORDS}
    judged = len(decision.checks) - number_of["not_applicable"]
    if number_of["failed"]:
        first = f"{number_of['failed']} of {_checks(judged)} failed, and a single failure blocks."
    elif decision.outcome == "rejected":
        first = f"None of {', '.join(OF_THE_MODEL)} passed, and without evidence of use nothing is approved."
    else:
        first = f"{number_of['passed']} of {_checks(judged)} passed and none failed."
    waived = (
        f" {number_of['waived']} would have failed and {_were(number_of['waived'])} let pass for a recorded reason."
        if number_of["waived"]
        else ""
    )
    silent = (
        f" {number_of['not_applicable']} more could not be judged." if number_of["not_applicable"] else ""
    )
    return first + waived + silent


def reasons(
    decision: Decision, evaluation: Evaluation, value: Values, class_names: Sequence[str]
) -> tuple[str, ...]:
    """Why, in sentences for readers who do not model: what blocked, then what was found."""
    blocked = tuple(_blocked(check) for check in decision.failed)
    return (
        *blocked,
        _worth(evaluation, value, class_names),
        _quality(evaluation),
        *_fairness(decision.checks),
    )


def actions(decision: Decision) -> tuple[Action, ...]:
    """Who must act, first because of failures, then waivers, then gaps; then what comes next."""
    by = {s: [c for c in decision.checks if c.status == s] for s in STATUS_WORDS}
    found = [
        Action(who, "Mend what blocks:", _codes(checks), tuple(f"{c.title}. {c.reason}" for c in checks))
        for who, checks in _by_owner(by["failed"]).items()
    ]
    found += [
        Action(who, "Confirm that what was let pass still may:", _codes(checks), _waivers_of(checks))
        for who, checks in _by_owner(by["waived"]).items()
    ]
    unset = [check for check in by["not_applicable"] if "NOT JUDGED" in check.reason]
    if unset:
        what = "Say what these checks lack, a threshold or a sensitive column, in config.toml, or accept that nothing judges this."
        found.append(Action("Data scientist, with the product owner", what, _codes(unset)))
    if decision.outcome == "approved":
        what = "Deploy the bundle after make verify; MLflow keeps it under the alias challenger."
        found.append(Action("Platform engineer", what))
    else:
        what = "Leave the present model in place; this bundle goes to the environment test only."
        found.append(Action("Platform engineer", what))
    return tuple(found)


def by_concern(checks: Iterable[Check]) -> tuple[tuple[str, tuple[Check, ...]], ...]:
    """The checks under what they are about, in the order in which they come."""
    grouped: dict[str, list[Check]] = {}
    for check in checks:
        grouped.setdefault(CONCERNS.get(check.code[:1], "Other"), []).append(check)
    return tuple((name, tuple(group)) for name, group in grouped.items())


def value_of(check: Check) -> str:
    """The check's value with its interval, written out."""
    if check.value is None:
        return "–"
    if check.interval is None:
        return number(check.value)
    return bracketed(check.value, *check.interval)


def _blocked(check: Check) -> str:
    if check.value is None:
        return f"{check.code} blocks. {check.title}: {check.reason}"
    return (
        f"{check.code} blocks. {check.title}: {value_of(check)}, where the limit is {limit(check.threshold)}."
    )


def _worth(evaluation: Evaluation, value: Values, class_names: Sequence[str]) -> str:
    other, gain = without_model(evaluation, class_names)
    verdict = "more" if gain.low > 0 else "less" if gain.high < 0 else "not certainly more"
    return (
        f"1,000 decisions with the model are worth {number(1000 * evaluation.utility.value)} {value.unit}. That is {verdict} "
        f"than {other}: {signed(1000 * gain.value, 0)} ({interval(1000 * gain.low, 1000 * gain.high, 0)})."
    )


def _quality(evaluation: Evaluation) -> str:
    beaten = [f"{signed(d.value)} against {NAMES[name]}" for name, d in evaluation.baselines.items()]
    return (
        f"On {count(evaluation.rows)} rows that it had never seen, its {words(evaluation.metric)} is "
        f"{with_interval(evaluation.primary)}: {' and '.join(beaten)}."
    )


NAMES = {"dummy": "a dummy that knows no feature", "linear": "a simple linear model"}


def _fairness(checks: Sequence[Check]) -> tuple[str, ...]:
    fair = [c for c in checks if c.code.startswith("F") and c.status != "not_applicable"]
    if not fair:
        return ("Nothing was said about fairness: no check of it was judged.",)
    held = sum(c.status == "passed" for c in fair)
    by = dict.fromkeys(c.title.rsplit(" by ", 1)[-1] for c in fair if c.status == "waived")
    waived = (
        f" Decisions lie further apart than the limits by {' and '.join(by)}, which is waived." if by else ""
    )
    return (f"{held} of {_checks(len(fair), 'fairness check')} hold.{waived}",)


def waivers(checks: Iterable[Check]) -> dict[str, list[Check]]:
    """The checks that were let pass, by the reason that was written for it."""
    grouped: dict[str, list[Check]] = {}
    for check in checks:
        if check.status == "waived":
            grouped.setdefault(check.reason.rsplit("Waived: ", 1)[-1], []).append(check)
    return grouped


def _waivers_of(checks: Sequence[Check]) -> tuple[str, ...]:
    return tuple(
        f"{', '.join(check.title for check in group)}: “{reason}”"
        for reason, group in waivers(checks).items()
    )


def _by_owner(checks: Iterable[Check]) -> Mapping[str, list[Check]]:
    grouped: dict[str, list[Check]] = {}
    for check in checks:
        owner = OWNERS.get(check.code) or OWNERS.get(check.code[:1], "Data scientist")
        grouped.setdefault(owner, []).append(check)
    return grouped


def _codes(checks: Iterable[Check]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(check.code for check in checks))


def _checks(number_of: int, noun: str = "check") -> str:
    return f"{number_of} {noun}" if number_of == 1 else f"{number_of} {noun}s"


def _were(number_of: int) -> str:
    return "was" if number_of == 1 else "were"
