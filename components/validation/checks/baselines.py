"""B: the model earns its keep against the simplest ones."""

from components.validation.comparison import PairedDifference
from components.validation.gates import Check, Limit, judge, not_applicable


def beats_dummy(difference: PairedDifference, limit: Limit) -> Check:
    """B01: better than a model that ignores every feature."""
    return judge(
        "B01",
        "Beats the dummy model",
        limit=limit,
        direction="more than",
        bound=difference.low,
        measured=f"The lower bound of the improvement in {difference.metric} over a model without features",
        remedy="The features say nothing of the target; check the target and how rows were joined.",
        value=difference.value,
        interval=(difference.low, difference.high),
    )


def not_worse_than_linear(difference: PairedDifference, family: str, limit: Limit) -> Check:
    """B02: not worse than an untuned linear model; not applicable if the model is linear itself."""
    title = "Not worse than the linear model"
    if family == "linear":
        return not_applicable("B02", title, "The chosen model is linear itself.")
    return judge(
        "B02",
        title,
        limit=limit,
        direction="at least",
        bound=difference.low,
        measured=f"The lower bound of the difference in {difference.metric} from an untuned linear model",
        remedy="Prefer the linear model: set search.families to ['linear'], or search longer.",
        value=difference.value,
        interval=(difference.low, difference.high),
    )
