"""What is asked of a table that is to be scored: the inputs that the bundle's contract names, and how its rows are told apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from components.data import contract_json
from components.data.checks import REASONS
from components.data.contract import Contract
from components.data.intake import Period
from components.data.spelling import Spelling
from components.errors import ConfigError, ContractError
from components.scoring.identity import IDENTITY

WRITTEN = (IDENTITY, "served_at", "model_version", "bundle_id", "variant", "data_version")
"""The columns that stand before the inputs."""


@dataclass(frozen=True)
class Asked:
    """What is asked of a table.

    Attributes:
        features: what the columns that a row must have may hold, by the bundle's contract.
        optional: the same of those that it may have.
        period: which rows are meant.
        key: columns that identify a row; none for its place in the table.
        spelling: what the source's values stand for.
        reserved: names that no input may have: those of the predictions.
    """

    features: Contract
    optional: Contract = field(default_factory=partial(Contract, ()))
    period: Period = field(default_factory=Period)
    key: Sequence[str] = ()
    spelling: Spelling = field(default_factory=Spelling)
    reserved: Sequence[str] = ()

    @classmethod
    def of_bundle(cls, content: Mapping[str, Any], **others: Any) -> Asked:
        """What a bundle's contract.json asks, with the other attributes as given.

        Raises:
            BundleError: it is no contract.
        """
        features, optional = contract_json.from_json(content)
        return cls(features, optional, **others)

    def inputs(self, names: Collection[str]) -> Contract:
        """The rules of the inputs that a table with these columns has; its other columns are not read.

        Raises:
            ContractError: it lacks some that it must have.
            ConfigError: an input is called what the scores need for themselves.
        """
        time = (self.period.column,) if self.period.limited else ()
        wanted = dict.fromkeys((*self.features.names, *self.key, *time))
        if missing := [name for name in wanted if name not in names]:
            raise ContractError(
                f"The table has no column {', '.join(missing)}, and so it cannot be scored: the bundle's contract asks for "
                f"{', '.join(self.features.names)}"
                + (", and config.toml for the rest" if self.key or time else "")
                + f". It has {', '.join(names)}. Correct the source."
            )
        rules = (*self.features.columns, *(rule for rule in self.optional.columns if rule.name in names))
        if taken := [rule.name for rule in rules if rule.name in (*WRITTEN, REASONS, *self.reserved)]:
            raise ConfigError(
                f"The inputs {taken} are called what the scores need for themselves; train with other names."
            )
        return Contract(rules)
