"""What a person said of a table, and what its columns were taken for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal[
    "target", "feature", "sensitive", "time", "group", "key", "weight", "left out", "dropped"
]  # fmt: skip


@dataclass(frozen=True)
class Wishes:
    """What the person said; "" and () where they said nothing."""

    target: str
    time: str = ""
    group: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    weight: str = ""
    sensitive: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    task: str = ""

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """The columns that are named, by the word that names them."""
        single = {"TARGET": self.target, "TIME": self.time, "WEIGHT": self.weight}
        several = {"GROUP": self.group, "KEY": self.key, "SENSITIVE": self.sensitive, "DROP": self.drop}
        return {word: (name,) if name else () for word, name in single.items()} | several


@dataclass(frozen=True)
class Finding:
    """What a column was taken for.

    Attributes:
        column: its name.
        role: what it is for.
        why: the evidence, in a sentence.
        decide: what a person should decide about it, or "".
    """

    column: str
    role: Role
    why: str
    decide: str = ""
