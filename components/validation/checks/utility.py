"""U: the decisions are worth more than deciding without a model."""

from collections.abc import Mapping

from components.training.outcomes import Values
from components.validation.comparison import PairedDifference
from components.validation.gates import Check, Limit, judge


def worth_having(constants: Mapping[str, PairedDifference], value: Values, limit: Limit) -> Check:
    """U01: expected utility minus that of the best decision that is the same for all.

    All differences must hold, so that no correction for choosing the best one is due
    (an intersection-union test; Berger 1982).
    """
    name, difference = min(constants.items(), key=lambda item: item[1].low)
    return judge(
        "U01",
        "Worth more than no model",
        limit=limit,
        direction="more than",
        bound=difference.low,
        measured=f"The lower bound of the utility gained over deciding {name!r} for all ({value.unit} per decision)",
        remedy="At these values of the outcomes the model does not pay; do without it, or improve it.",
        value=difference.value,
        interval=(difference.low, difference.high),
    )
