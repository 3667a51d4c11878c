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


def fairness_checks(
    report: FairnessReport, waived: Mapping[str, str], limits: Mapping[str, Limit]
) -> tuple[Check, ...]:
    """F01, F02 and F03 for each single sensitive feature; those waived by name say why.

    The difference's upper bound holds for all pairs of groups at once.
    """
    if not report.features:
        reason = (
            "NOT JUDGED: no sensitive feature is named; name them in fairness.sensitive if the table has any."
        )
        return tuple(not_applicable(code, title, reason) for code, title in TITLES.items())
    single = [feature for feature in report.features if " × " not in feature.feature]
    return tuple(
        _waive(check, waived[feature.feature]) if feature.feature in waived else check
        for code in TITLES
        for feature in single
        for check in [_CHECKS[code](feature, limits[code])]
    )


def demographic_parity(feature: FairnessOfFeature, limit: Limit) -> Check:
    """F01: the upper bound of the largest difference in selection rates between groups."""
    return _difference("F01", feature, feature.demographic_parity_difference, limit)


def equalized_odds(feature: FairnessOfFeature, limit: Limit) -> Check:
    """F02: the upper bound of the largest difference in true or false positive rates between groups."""
    return _difference("F02", feature, feature.equalized_odds_difference, limit)


def group_sizes(feature: FairnessOfFeature, limit: Limit) -> Check:
    """F03: the share of rows about whose groups nothing can be said."""
    rows = sum(group.rows for group in feature.groups)
    unscored = sum(group.rows for group in feature.groups if not group.scored)
    names = ", ".join(feature.small_groups) or "none"
    return judge(
        "F03",
        f"{TITLES['F03']} by {feature.feature}",
        limit=limit,
        direction="at most",
        bound=unscored / max(rows, 1),
        measured=f"The share of rows in groups too small to score ({names})",
        remedy="Collect rows of these groups, or join groups that belong together.",
    )


def _difference(code: str, feature: FairnessOfFeature, estimate: Estimate | None, limit: Limit) -> Check:
    title = f"{TITLES[code]} by {feature.feature}"
    if estimate is None:
        return not_applicable(
            code, title, f"NOT JUDGED: fewer than two groups of {feature.feature} can be scored."
        )
    return judge(
        code,
        title,
        limit=limit,
        direction="at most",
        bound=estimate.high,
        measured="The upper bound that holds for all pairs of groups at once",
        remedy="See the trade-off in the report: a threshold a group, or a constrained model, narrows it.",
        value=estimate.value,
        interval=(estimate.low, estimate.high),
    )


def _waive(check: Check, reason: str) -> Check:
    if check.status != "failed":
        return check
    return replace(check, status="waived", reason=f"{check.reason} Waived: {reason}")


_CHECKS = {"F01": demographic_parity, "F02": equalized_odds, "F03": group_sizes}
