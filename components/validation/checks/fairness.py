"""F: decisions do not fall apart by group."""

from collections.abc import Mapping
from dataclasses import replace

from components.validation.fairness import FairnessOfFeature, FairnessReport
from components.validation.gates import Check, Limit, judge, not_applicable
from components.validation.metrics import Estimate

TITLES = {
    "F01": "Demographic parity difference",
    "F02": "Equalized odds difference",
    "F03": "Rows in groups too small to score",
}

NAMED = 6
"""Groups that are named when they cannot be compared; more are counted."""


def fairness_checks(
    report: FairnessReport, waived: Mapping[str, str], limits: Mapping[str, Limit]
) -> tuple[Check, ...]:
    """F01, F02 and F03 for each sensitive feature, F01 and F02 for each two together; those waived by name say why.

    Two together are judged where neither is waived by itself. The difference's upper bound holds for all pairs of
    groups at once.
    """
    if not report.features:
        reason = (
            "NOT JUDGED: no sensitive feature is named; name them in fairness.sensitive if the table has any."
        )
        return tuple(not_applicable(code, title, reason) for code, title in TITLES.items())
    judged = [feature for feature in report.features if not set(feature.crossed) & set(waived)]
    return tuple(
        _waive(check, waived[feature.feature]) if feature.feature in waived else check
        for code in TITLES
        for feature in judged
        if not (feature.crossed and code == "F03")
        for check in [_CHECKS[code](feature, limits[code])]
    )


def demographic_parity(feature: FairnessOfFeature, limit: Limit) -> Check:
    """F01: the upper bound of the largest difference in selection rates between groups."""
    return _difference("F01", feature, feature.demographic_parity_difference, limit)


def equalized_odds(feature: FairnessOfFeature, limit: Limit) -> Check:
    """F02: the upper bound of the largest difference in true or false positive rates between groups."""
    return _difference("F02", feature, feature.equalized_odds_difference, limit)


def group_sizes(feature: FairnessOfFeature, limit: Limit) -> Check:
    """F03: the share of rows about whose groups something that is compared cannot be said."""
    rows = sum(group.rows for group in feature.groups)
    return judge(
        "F03",
        f"{TITLES['F03']} by {feature.feature}",
        limit=limit,
        direction="at most",
        bound=feature.unscored_rows / max(rows, 1),
        measured=f"The share of rows in groups too small to score ({_unscored(feature) or 'none'})",
        remedy="Collect rows of these groups, or join groups that belong together.",
    )


def _difference(code: str, feature: FairnessOfFeature, estimate: Estimate | None, limit: Limit) -> Check:
    title = f"{TITLES[code]} by {feature.feature}"
    unscored = _unscored(feature)
    without = f", without {unscored}" if unscored else ""
    if estimate is None:
        return not_applicable(
            code, title, f"NOT JUDGED: fewer than two groups of {feature.feature} can be compared{without}."
        )
    return judge(
        code,
        title,
        limit=limit,
        direction="at most",
        bound=estimate.high,
        measured=f"The upper bound that holds for all pairs of groups at once{without}",
        remedy="See the trade-off in the report: a threshold a group, or a constrained model, narrows it.",
        value=estimate.value,
        interval=(estimate.low, estimate.high),
    )


def _unscored(feature: FairnessOfFeature) -> str:
    """The groups of which something is not known, and why; many are counted."""
    reasons = {
        "too few rows": feature.small_groups,
        "too few positives": feature.few_positives,
        "too few negatives": feature.few_negatives,
    }
    told = {
        reason: ", ".join(names) if len(names) <= NAMED else f"{len(names)} groups"
        for reason, names in reasons.items()
        if names
    }
    return "; ".join(f"{names} ({reason})" for reason, names in told.items())


def _waive(check: Check, reason: str) -> Check:
    if check.status != "failed":
        return check
    return replace(check, status="waived", reason=f"{check.reason} Waived: {reason}")


_CHECKS = {"F01": demographic_parity, "F02": equalized_odds, "F03": group_sizes}
