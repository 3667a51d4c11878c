"""L: nothing of the answer, and nothing of the holdout, reaches the training."""

from collections.abc import Mapping

from components.training.target import Target, Task
from components.validation.gates import Check, Limit, judge
from components.validation.metrics import Estimate
from components.validation.single_features import AloneScore

ALONE: Mapping[Task, str] = {
    "binary": "the area under the ROC curve",
    "multiclass": "the mean area under the ROC curve, each class against the rest,",
    "regression": "the concordance with the target",
}


def _few(score: Estimate, limit: Limit) -> str:
    """What to add where the value would pass and only its bound does not."""
    if limit.threshold is None or score.value > limit.threshold:
        return ""
    return f" The value itself, {score.value:.4g}, would pass: the validation part has too few rows to tell."


def parts_are_apart(overlaps: Mapping[str, int], lookalikes: int) -> Check:
    """L01: no row identity and no group stands in two parts; look-alike rows are only reported."""
    shared = sum(overlaps.values())
    what = ", ".join(f"{count:,} of {name}" for name, count in overlaps.items() if count) or "none"
    return judge(
        "L01",
        "No row or group in two parts",
        limit=Limit(0.0),
        direction="at most",
        bound=float(shared),
        measured=f"The number of identities in two parts ({what}; {lookalikes:,} holdout rows look like a training row)",
        remedy="Name the key or the group of the rows in config.toml, so that they stay together.",
    )


def single_feature(scores: Mapping[str, AloneScore], limit: Limit, target: Target | None = None) -> Check:
    """L02: no feature alone gives the target away; of several classes, the one that is known best is told beside it."""
    feature = max(scores, key=lambda name: scores[name].high)
    return judge(
        "L02",
        "No feature gives the target away",
        limit=limit,
        direction="at most",
        bound=scores[feature].high,
        measured=f"The upper bound of {ALONE[target.task if target else 'binary']} that the feature {feature!r} reaches alone"
        f"{_of_one_class(scores, target)}",
        remedy=f"Ask when {feature!r} becomes known: if after the target, add it to features.exclude.{_few(scores[feature], limit)}",
        value=scores[feature].value,
        interval=(scores[feature].low, scores[feature].high),
    )


def _of_one_class(scores: Mapping[str, AloneScore], target: Target | None) -> str:
    """Which feature tells one of several classes from the rest best; the mean over the classes hides it."""
    if target is None or target.task != "multiclass":
        return ""
    feature = max(scores, key=lambda name: scores[name].most)
    name = target.classes[scores[feature].code]
    return f" (the largest of a single class is {scores[feature].most:.4g}: {feature!r} for {name!r})"
