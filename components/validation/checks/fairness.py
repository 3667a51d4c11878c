"""F: decisions do not fall apart by group."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from components.validation.fairness import FairnessOfFeature, FairnessReport
from components.validation.gaps import GapsOfFeature
from components.validation.gates import Check, Limit, judge, not_applicable

TITLES = {
    "F01": "Demographic parity difference",
    "F02": "Equalized odds difference",
    "F03": "Rows in groups too small to score",
}

MITIGATED = "See the trade-off in the report: a threshold a group, or a constrained model, narrows it."
FAR = "Look at which features stand in for the group, and at how many rows of it there are to learn from."

Compared = FairnessOfFeature | GapsOfFeature

NAMED = 6
"""Groups that are named when they cannot be compared; more are counted."""


def fairness_checks(
    report: FairnessReport, waived: Mapping[str, str], limits: Mapping[str, Limit]
) -> tuple[Check, ...]:
    """F01, F02 and F03 for each sensitive feature, F01 and F02 for each two together; those waived by name say why.

    Two together are judged where neither is waived by itself. The difference's upper bound holds for all pairs of
    groups at once, and of several classes for all whose groups can be compared; F03 judges the class of which least is
    known.
    """
    if not report.compared:
        reason = (
            "NOT JUDGED: no sensitive feature is named; name them in fairness.sensitive if the table has any."
        )
        return tuple(not_applicable(code, title, reason) for code, title in TITLES.items())
    judged: dict[str, list[Compared]] = {}
    for feature in report.compared:
        if not set(feature.crossed) & set(waived):
            judged.setdefault(feature.feature, []).append(feature)
    return tuple(
        _waive(check, waived[name]) if name in waived else check
        for code in TITLES
        for name, each in judged.items()
        if not (each[0].crossed and code == "F03")
        for check in [
            _most_unscored(each, limits[code]) if code == "F03" else _widest(code, each, limits[code])
        ]
    )


def demographic_parity(feature: Compared, limit: Limit) -> Check:
    """F01: the upper bound of the largest difference in selection rates, or in mean predictions, between groups."""
    return _difference("F01", feature, limit)


def equalized_odds(feature: Compared, limit: Limit) -> Check:
    """F02: the upper bound of the largest difference in true or false positive rates, or in mean errors, between groups."""
    return _difference("F02", feature, limit)


def _widest(code: str, of_classes: list[Compared], limit: Limit) -> Check:
    """The check of the class whose groups may lie furthest apart; of two classes, and of numbers, there is one."""
    known = [each for each in of_classes if each.judged[code][1] is not None]
    widest = max(known or of_classes[:1], key=lambda each: _high(each, code))
    return _difference(code, widest, limit, of_classes)


def _most_unscored(of_classes: list[Compared], limit: Limit) -> Check:
    """The check of the class of which least is known; of two classes, and of numbers, there is one."""
    return group_sizes(max(of_classes, key=lambda each: each.unscored_rows), limit)


def _high(feature: Compared, code: str) -> float:
    estimate = feature.judged[code][1]
    return estimate.high if estimate else 0.0


def group_sizes(feature: Compared, limit: Limit) -> Check:
    """F03: the share of rows about whose groups something that is compared cannot be said."""
    rows = sum(group.rows for group in feature.groups)
    of_class = f" for the class {feature.outcome!r}" if feature.outcome else ""
    return judge(
        "F03",
        f"{TITLES['F03']} by {feature.feature}",
        limit=limit,
        direction="at most",
        bound=feature.unscored_rows / max(rows, 1),
        measured=f"The share of rows in groups too small to score{of_class} ({_unscored(feature) or 'none'})",
        remedy="Collect rows of these groups, or join groups that belong together.",
    )


def _difference(code: str, feature: Compared, limit: Limit, of_classes: Sequence[Compared] = ()) -> Check:
    name, estimate = feature.judged[code]
    title = f"{name} by {feature.feature}"
    unscored = _unscored(feature)
    without = f", without {unscored}" if unscored else ""
    if estimate is None:
        return not_applicable(
            code, title, f"NOT JUDGED: fewer than two groups of {feature.feature} can be compared{without}."
        )
    outcome = feature.outcome
    return judge(
        code,
        title,
        limit=limit,
        direction="at most",
        bound=estimate.high,
        measured=f"The upper bound that holds for all pairs of groups{_held(code, feature, of_classes)} at once{without}",
        remedy=FAR if outcome or isinstance(feature, GapsOfFeature) else MITIGATED,
        value=estimate.value,
        interval=(estimate.low, estimate.high),
    )


def _held(code: str, widest: Compared, of_classes: Sequence[Compared]) -> str:
    """For which classes the bound of the widest holds; those whose groups cannot all be compared are named."""
    if not widest.outcome:
        return ""
    none = [repr(each.outcome) for each in of_classes if each.judged[code][1] is None]
    some = [
        repr(each.outcome)
        for each in of_classes
        if each is not widest and each.judged[code][1] and _unscored(each)
    ]
    left_out = f" but {', '.join(none)}, whose groups cannot be compared" if none else ""
    partly = f"; of {', '.join(some)} not every group is compared" if some else ""
    return f" and all classes{left_out} (the widest is that of {widest.outcome!r}{partly})"


def _unscored(feature: Compared) -> str:
    """The groups of which something is not known, and why; many are counted."""
    told = {
        reason: ", ".join(names) if len(names) <= NAMED else f"{len(names)} groups"
        for reason, names in feature.unscored.items()
        if names
    }
    return "; ".join(f"{names} ({reason})" for reason, names in told.items())


def _waive(check: Check, reason: str) -> Check:
    if check.status != "failed":
        return check
    return replace(check, status="waived", reason=f"{check.reason} Waived: {reason}")
