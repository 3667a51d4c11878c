"""Whether two bundles can be asked the same requests: what of their columns and predictions one of them has alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from components.serving.contract import Rules


@dataclass(frozen=True)
class Interface:
    """What requests and answers of a bundle may name.

    Attributes:
        features: the columns that a row must have.
        optional: those that it may have.
        predictions: by what names it is answered.
    """

    features: frozenset[str]
    optional: frozenset[str]
    predictions: frozenset[str]

    @classmethod
    def of(cls, rules: Rules, predictions: Iterable[str]) -> Interface:
        """By a bundle's contract, and the names of its recorded predictions."""
        features, optional = ({rule.name for rule in part} for part in (rules.features, rules.optional))
        return cls(frozenset(features), frozenset(optional), frozenset(predictions))


def differences(champion: Interface, challenger: Interface) -> str:
    """What requests or answers of the challenger name otherwise than the champion's, for people; "" if nothing."""
    told = []
    for part, verb in (("features", "wants"), ("optional", "may be given"), ("predictions", "answers")):
        ours, theirs = getattr(champion, part), getattr(challenger, part)
        for who, alone in (("champion", ours - theirs), ("challenger", theirs - ours)):
            if alone:
                told.append(f"the {who} alone {verb} {', '.join(map(repr, sorted(alone)))}")
    return "; ".join(told)


def apart(mode: str, champion: Interface, challenger: Interface) -> str:
    """Why the challenger cannot stand beside the champion; "" if it can.

    In a split either of them may be sent a request, so that both must take the same columns and answer the same
    predictions. A shadow is given what the champion was sent, and leaves aside what it does not know.

    Args:
        mode: "split" or "shadow".
        champion: what it may be sent, and answers.
        challenger: the same.
    """
    if mode == "split" and (told := differences(champion, challenger)):
        return (
            f"A request of a split goes to either bundle, and these have different contracts: {told}. Train the challenger on "
            "the champion's columns and classes, or deploy it as the champion."
        )
    if mode == "shadow" and (unknown := challenger.features - champion.features - champion.optional):
        return (
            f"A shadow scores what the champion is sent, and the champion takes no {', '.join(map(repr, sorted(unknown)))}, "
            "without which the challenger scores nothing. Train the challenger on the champion's columns, or deploy it as "
            "the champion."
        )
    return ""
