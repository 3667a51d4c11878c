"""What each column of a new table is for: found by evidence, decided on the safe side, and said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from components.data.adopt.findings import Finding, Role, Wishes
from components.data.adopt.leaks import Alone, decide_leaks
from components.data.adopt.look import Column
from components.data.adopt.notes import notes, suspects
from components.data.adopt.objective import LIMITS
from components.data.adopt.objective import limits as limits_of
from components.data.adopt.parts import temporal
from components.data.adopt.roles import as_feature, decide_entities, decide_time, of_itself, wished
from components.data.adopt.target import Target, task_of
from components.data.adopt.wording import wording
from components.data.contract import ColumnRule, ColumnType, Contract
from components.data.inference import infer
from components.data.names import reserved
from components.data.spelling import Spelling
from components.errors import DataError

SHIPPED = {"L02": 0.95, **LIMITS["binary"]}
"""The thresholds that count where a project has none of its own."""


@dataclass(frozen=True)
class Plan:
    """How a table is adopted.

    Attributes:
        target: what is predicted.
        findings: one a column, in the order of the table.
        contract: of the columns that are taken in.
        spelling: what is dropped, and how the rest is read.
        bands: lower edges by sensitive number.
        validation_from: start of the validation part of a temporal split, or "".
        holdout_from: start of its holdout, or "".
        notes: what a person should know of the table as a whole, most urgent first.
        limits: the gates' thresholds, by code.
    """

    target: Target
    findings: tuple[Finding, ...]
    contract: Contract
    spelling: Spelling
    bands: Mapping[str, tuple[float, ...]]
    validation_from: str
    holdout_from: str
    notes: tuple[str, ...]
    limits: Mapping[str, float]

    def named(self, *roles: Role) -> tuple[str, ...]:
        """The columns with one of the roles."""
        return tuple(finding.column for finding in self.findings if finding.role in roles)

    @property
    def time(self) -> str:
        """The time column, or ""."""
        return next(iter(self.named("time")), "")


LOGGED_ROLES = ("feature", "sensitive", "group", "weight")
"""What of a row is in the prediction log."""


def plan(
    columns: Sequence[Column],
    wishes: Wishes,
    *,
    limits: Mapping[str, float] = SHIPPED,
    earlier: str = "binary",
) -> Plan:
    """The plan for a table.

    Args:
        columns: what is known of each.
        wishes: what the person said.
        limits: thresholds by code: a column that L02 would block is left out, and a table that D02 would is named.
        earlier: the task for which they were written.

    Raises:
        ConfigError: the target is not what the task wants.
        DataError: a wish names a column that does not exist or that has two roles, a column has a name that predictions or their log have, or
            nothing is left to learn from.
    """
    by_name = {column.name: column for column in columns}
    _require(wishes, by_name)
    target = task_of(by_name[wishes.target], wishes.task)
    limits = limits_of(target, limits, earlier)
    rest = [column for column in columns if column.name != target.column]
    decided: dict[str, Finding] = {}
    for column in rest:
        if finding := wished(column, wishes) or of_itself(column, columns):
            decided[column.name] = finding
    decide_entities(rest, wishes, decided)
    decide_time(rest, wishes, decided)
    scores = decide_leaks(rest, target, decided, limits.get("L02", 1.0))
    worded = all(column.stored == "String" for column in columns)  # as a CSV has everything
    for column in rest:
        if column.name not in decided:
            decided[column.name] = as_feature(column, worded=worded)
    decided[target.column] = Finding(target.column, "target", target.why, target.decide)
    findings = tuple(decided[column.name] for column in columns)
    if taken := reserved(each.column for each in findings if each.role in LOGGED_ROLES):
        raise DataError(
            f"The columns {taken} have the names of predictions or of the prediction log's own columns, beside which they would "
            "be logged; rename them in the source, or leave them out with DROP=."
        )
    if not any(finding.role == "feature" for finding in findings):
        raise DataError(
            "No column is left to learn from: every one was dropped or left out. What each was taken for:\n"
            + "\n".join(f"  {finding.column}: {finding.role}, {finding.why}" for finding in findings)
        )
    return _planned(columns, findings, target, scores, limits)


def _require(wishes: Wishes, by_name: Mapping[str, Column]) -> None:
    for word, names in wishes.columns.items():
        if absent := [name for name in names if name not in by_name]:
            raise DataError(f"{word} names {absent}; the table has {', '.join(by_name)}.")
    exclusive = [
        name for word, names in wishes.columns.items() if word != "SENSITIVE" for name in dict.fromkeys(names)
    ]
    if twice := sorted({name for name in exclusive if exclusive.count(name) > 1}):
        raise DataError(f"{twice} are named for two purposes; a column has one.")


def _planned(
    columns: Sequence[Column],
    findings: tuple[Finding, ...],
    target: Target,
    scores: Mapping[str, Alone],
    limits: Mapping[str, float],
) -> Plan:
    role = {finding.column: finding.role for finding in findings}
    kept = [column for column in columns if role[column.name] != "dropped"]
    spelling = Spelling(
        drop=tuple(name for name, each in role.items() if each == "dropped"),
        missing={column.name: column.markers for column in kept if column.markers},
        numbers={column.name: column.number_form for column in kept if column.number_form},
        dates={column.name: column.date_form for column in kept if column.date_form},
    )
    many = [
        c.name for c in kept if role[c.name] == "feature" and c.kind == "text" and wording(c) == "categories"
    ]
    contract = contracted(kept, [name for name, each in role.items() if each == "key"], target, many)
    first, second, refused = temporal(kept, role, target)
    return Plan(
        target,
        findings,
        contract,
        spelling,
        {
            c.name: banded(c)
            for c in kept
            if role[c.name] == "sensitive" and c.kind in ("integer", "number") and not c.few
        },
        first,
        second,
        (
            *refused,
            *suspects(role, scores, target, limits.get("L02", 1.0)),
            *notes(kept, role, target, limits),
        ),
        dict(limits),
    )


def contracted(
    columns: Sequence[Column], key: Sequence[str], target: Target, many: Sequence[str] = ()
) -> Contract:
    """The contract of typed columns; only a key of one column is unique, as other values may well come again.

    The target holds the classes that are learned and no other value: several as a category, and so two numbers that are
    not neighbours.

    Args:
        columns: as they were looked at.
        key: columns that identify a row.
        target: what is predicted.
        many: columns of texts that are categories all the same; new ones may come.
    """
    table = pl.DataFrame([column.values for column in columns])
    found = infer(table, unique=key if len(key) == 1 else ())
    kinds: dict[str, ColumnType] = {column.name: column.kind for column in columns if column.kind == "text"}
    kinds |= dict.fromkeys(many, "category")
    rules = [replace(rule, type=kinds.get(rule.name, rule.type)) for rule in found.columns]
    return Contract(tuple(_of_target(rule, target) if rule.name == target.column else rule for rule in rules))


def _of_target(rule: ColumnRule, target: Target) -> ColumnRule:
    """The rule of the target: what is neither class would count as the negative one, and so is not let in."""
    if target.task == "regression" or (target.task == "binary" and rule.type not in ("integer", "number")):
        return rule
    if target.task == "multiclass":
        return ColumnRule(rule.name, "category", rule.nullable, categories=target.classes)
    low, high = sorted(map(float, target.classes))
    if not np.isfinite([low, high]).all():
        return rule
    whole = all(re.fullmatch(r"-?[0-9]+", name) for name in target.classes)
    if whole and high - low > 1:
        return ColumnRule(rule.name, "category", rule.nullable, categories=tuple(sorted(target.classes)))
    return replace(rule, type="integer" if whole else "number", minimum=low, maximum=high)


def banded(column: Column) -> tuple[float, ...]:
    """The lower edges of four bands of a number, with as many rows each as may be."""
    edges = np.unique(np.quantile(column.present.to_numpy().astype(float), [0, 0.25, 0.5, 0.75]))
    return tuple(float(np.floor(edge)) if column.kind == "integer" else float(edge) for edge in edges)
