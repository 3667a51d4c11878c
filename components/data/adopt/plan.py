"""What each column of a new table is for: found by evidence, decided on the safe side, and said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import numpy as np
import polars as pl

from components.data.adopt import entities
from components.data.adopt.leaks import Alone, alone
from components.data.adopt.look import Column, words_of
from components.data.adopt.personal import personal
from components.data.adopt.target import Target, task_of
from components.data.alone import standard_error
from components.data.contract import Contract
from components.data.inference import infer
from components.data.spelling import Spelling
from components.errors import DataError

Role = Literal[
    "target", "feature", "sensitive", "time", "group", "key", "weight", "left out", "dropped"
]  # fmt: skip

SUSPECT = 0.85
"""A column that reaches this area under the ROC curve alone is named; one that L02 would block is left out."""

SHIPPED = {"L02": 0.95, "D02": 0.015}
HOLDOUT, USUAL_AREA = 0.2, 0.8
NEAR_CONSTANT = 0.999
MOST_GROUPS_OF_PEOPLE = 20
SENSITIVE = {"sex", "gender", "geschlecht", "sexe", "sexo", "genre", "genero", "religione", "race", "ethnicity", "ethnic", "ethnie", "religion", "disability", "disabled", "caste", "orientation", "nationality"}  # fmt: skip
MAY_BE_SENSITIVE = {"age", "birth", "born", "alter", "edad", "eta", "idade", "marital", "citizenship", "citizen", "country", "language", "pregnant", "pregnancy", "zip", "zipcode", "postcode"}  # fmt: skip
_WEIGHTS = {"fnlwgt", "pwgtp", "perwt", "wgtp", "hhwt", "wgt"}
_BODY = {"height", "bmi", "stature", "waist", "length", "width", "horsepower", "displacement", "mpg"}


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
    """

    target: Target
    findings: tuple[Finding, ...]
    contract: Contract
    spelling: Spelling
    bands: Mapping[str, tuple[float, ...]]
    validation_from: str
    holdout_from: str
    notes: tuple[str, ...]

    def named(self, *roles: Role) -> tuple[str, ...]:
        """The columns with one of the roles."""
        return tuple(finding.column for finding in self.findings if finding.role in roles)

    @property
    def time(self) -> str:
        """The time column, or ""."""
        return next(iter(self.named("time")), "")


def plan(columns: Sequence[Column], wishes: Wishes, *, limits: Mapping[str, float] = SHIPPED) -> Plan:
    """The plan for a table.

    Args:
        columns: what is known of each.
        wishes: what the person said.
        limits: thresholds by code: a column that L02 would block is left out, and a table that D02 would is named.

    Raises:
        ConfigError: the target is not what the task wants.
        DataError: a wish names a column that does not exist or that has two roles, or nothing is left to learn from.
    """
    by_name = {column.name: column for column in columns}
    _require(wishes, by_name)
    target = task_of(by_name[wishes.target], wishes.task)
    rest = [column for column in columns if column.name != target.column]
    decided: dict[str, Finding] = {}
    for column in rest:
        if finding := _wished(column, wishes) or _of_itself(column, columns):
            decided[column.name] = finding
    _decide_entities(rest, wishes, decided)
    _decide_time(rest, wishes, decided)
    scores = _decide_leaks(rest, target, decided, limits.get("L02", 1.0))
    worded = all(column.stored == "String" for column in columns)  # as a CSV has everything
    for column in rest:
        decided.setdefault(column.name, _feature(column, worded=worded))
    decided[target.column] = Finding(target.column, "target", target.why, target.decide)
    findings = tuple(decided[column.name] for column in columns)
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


def _wished(column: Column, wishes: Wishes) -> Finding | None:
    roles: dict[str, Role] = {
        "DROP": "dropped", "KEY": "key", "GROUP": "group", "TIME": "time", "WEIGHT": "weight", "SENSITIVE": "sensitive",
    }  # fmt: skip
    for word, role in roles.items():
        if column.name in wishes.columns[word]:
            return Finding(column.name, role, f"{word} says so")
    return None


def _of_itself(column: Column, columns: Sequence[Column]) -> Finding | None:
    """What a column shows to be without a look at the others."""
    if not column.name:
        return Finding(column.name, "dropped", "it has no name; pandas writes the numbers of rows so")
    words = set(words_of(column.name))
    if what := personal(column):
        return Finding(
            column.name, "dropped", f"it holds {what}: it is not taken in",
            "",
        )  # fmt: skip
    if not column.distinct:
        return Finding(column.name, "left out", "it has no value in any row")
    if column.distinct == 1 and not column.missing:
        return Finding(column.name, "left out", f"every row has the same value, {column.examples[0]!r}")
    if column.top >= NEAR_CONSTANT and not column.missing:
        return Finding(column.name, "left out", f"{column.top:.2%} of the rows have the same value")
    if weight := _weight(column, words, columns):
        return weight
    if words & SENSITIVE and column.few and column.distinct <= MOST_GROUPS_OF_PEOPLE:
        return Finding(
            column.name, "sensitive", "its name says that it tells groups of people apart: no feature, and judged by F01 to F03",
        )  # fmt: skip
    return None


def _weight(column: Column, words: set[str], columns: Sequence[Column]) -> Finding | None:
    if (
        column.kind not in ("integer", "number")
        or column.few
        or not ({"weight", "weights"} & words or words & _WEIGHTS)
    ):
        return None
    values = column.present
    if float(values.min() or 0) < 0:  # type: ignore[arg-type]
        return None
    others = {word for each in columns for word in words_of(each.name)}
    surely = bool(words & _WEIGHTS) or {"sample", "weight"} <= words or {"survey", "weight"} <= words
    if surely and not column.missing:
        return Finding(
            column.name, "weight", "its name is that of sample weights: they weigh rows and are no feature"
        )
    if others & _BODY:
        return None
    return Finding(
        column.name, "left out", "it may hold sample weights, which are never features",
        f"If it weighs rows, adopt again with WEIGHT={column.name}; if it is a measurement, take it out of features.exclude.",
    )  # fmt: skip


def _decide_entities(columns: Sequence[Column], wishes: Wishes, decided: dict[str, Finding]) -> None:
    """Keys, row numbers and groups."""
    open_columns = [column for column in columns if column.name not in decided]
    keyed = bool(wishes.key)
    for column in open_columns:
        found = entities.identifier(column)
        if found == "row number":
            why = "it numbers the rows: another export numbers them otherwise"
            decided[column.name] = Finding(column.name, "dropped", why)
        elif found:
            role: Role = "left out" if keyed else "key"
            why = f"no value comes twice, and {found}"
            decided[column.name] = Finding(
                column.name, role, why if role == "key" else f"{why}; another column is the key"
            )
            keyed = True
    if wishes.group:
        return
    open_columns = [column for column in open_columns if column.name not in decided]
    groups = [(column, why) for column in open_columns if (why := entities.group(column, open_columns))]
    groups.sort(key=lambda found: -found[0].distinct)
    for position, (column, why) in enumerate(groups):
        if position == 0:
            decided[column.name] = Finding(
                column.name, "group", f"{why}: rows that share it stay in one part",
                f"Do rows with the same {column.name} belong together? If not, empty data.group.",
            )  # fmt: skip
        else:
            decided[column.name] = Finding(
                column.name, "left out", f"{why}; the finer {groups[0][0].name} is the group"
            )


def _decide_time(columns: Sequence[Column], wishes: Wishes, decided: dict[str, Finding]) -> None:
    candidates = [column for column in columns if column.name not in decided and entities.moment(column)]
    whole = [column for column in candidates if not column.missing and column.distinct > 2]
    if not wishes.time and whole:
        best = max(whole, key=lambda column: (column.kind == "datetime", -columns.index(column)))
        also = (
            f"It could also be {', '.join(c.name for c in whole if c is not best)}. "
            if len(whole) > 1
            else ""
        )
        decided[best.name] = Finding(
            best.name, "time", f"{entities.moment(best)}: it says when a row was observed",
            f"{also}Does it say when a row was observed? If not, adopt again with another TIME=, or set split.method to \"hash\".",
        )  # fmt: skip
    for column in candidates:
        if column.name not in decided and column.kind == "datetime":
            decided[column.name] = Finding(
                column.name,
                "left out",
                "dates are no features",
                "Write what matters of it, such as an age, as a number.",
            )


def _decide_leaks(
    columns: Sequence[Column], target: Target, decided: dict[str, Finding], limit: float
) -> dict[str, Alone]:
    open_columns = [column for column in columns if column.name not in decided]
    scores = alone(open_columns, target.codes)
    for column in open_columns:
        score = scores.get(column.name)
        if score is not None and _upper(score.area, target) > limit:
            decided[column.name] = Finding(
                column.name, "left out",
                f"alone it may give the target away (area under the ROC curve {score.area:.3f}{score.how}, and up to "
                f"{_upper(score.area, target):.3f} on as few rows as the holdout has): it may be made after it",
            )  # fmt: skip
    return scores


def _feature(column: Column, *, worded: bool) -> Finding:
    if column.kind == "text":
        return Finding(
            column.name, "left out", f"text of {column.distinct:,} different values, which the model does not read",
            "Group its values into at most 200 categories, or write what matters of it as a column.",
        )  # fmt: skip
    said = {
        "boolean": "yes or no",
        "category": f"a category of {column.distinct} values",
        "integer": f"whole numbers, {column.distinct:,} different ones",
        "number": "numbers",
        "datetime": "dates",
    }[column.kind]
    return Finding(column.name, "feature", _spelt(column, said, worded=worded))


def _spelt(column: Column, said: str, *, worded: bool) -> str:
    details = []
    if (
        not worded
        and column.stored in ("String", "Categorical")
        and column.kind in ("integer", "number", "boolean", "datetime")
    ):
        details.append("stored as text")
    if column.number_form:
        details.append(f"written like {column.number_form}")
    if column.markers:
        details.append(f"{', '.join(map(repr, column.markers))} stand for nothing")
    if column.missing:
        details.append(f"{column.missing:.1%} missing")
    return "; ".join([said, *details])


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
    contract = contracted(kept, [name for name, each in role.items() if each == "key"])
    first, second, refused = _temporal(kept, role, target)
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
            *_suspects(role, scores, target, limits.get("L02", 1.0)),
            *_notes(kept, role, target, limits),
        ),
    )


def contracted(columns: Sequence[Column], key: Sequence[str]) -> Contract:
    """The contract of typed columns; only a key of one column is unique, as other values may well come again."""
    table = pl.DataFrame([column.values for column in columns])
    found = infer(table, unique=key if len(key) == 1 else ())
    kinds = {column.name: column.kind for column in columns}
    rules = (
        replace(rule, type=kinds[rule.name]) if kinds[rule.name] == "text" else rule for rule in found.columns
    )
    return Contract(tuple(rules))


def banded(column: Column) -> tuple[float, ...]:
    """The lower edges of four bands of a number, with as many rows each as may be."""
    edges = np.unique(np.quantile(column.present.to_numpy().astype(float), [0, 0.25, 0.5, 0.75]))
    return tuple(float(np.floor(edge)) if column.kind == "integer" else float(edge) for edge in edges)


def _temporal(
    columns: Sequence[Column], role: Mapping[str, Role], target: Target
) -> tuple[str, str, tuple[str, ...]]:
    """When validation and holdout start, or why the parts are not by time."""
    time = next((column for column in columns if role[column.name] == "time"), None)
    if time is None:
        return "", "", ()
    if "group" in role.values():
        return (
            "",
            "",
            (f"Parts are by group, not by {time.name}: a group that goes on would stand in two of them.",),
        )
    values = time.values
    if values.null_count():
        return "", "", (f"Parts are not by {time.name}, which is missing in {values.null_count():,} rows.",)
    ordered = values.sort()
    starts = [ordered[int(share * len(ordered))] for share in (0.6, 0.8)]
    if starts[0] == starts[1] or starts[0] == ordered[0]:
        later = values.unique().sort()
        starts = [later[-2], later[-1]] if len(later) > 2 else starts
    part = (values >= starts[0]).cast(pl.Int8) + (values >= starts[1]).cast(pl.Int8)
    whole = all(len(np.unique(target.codes[(part == number).to_numpy()])) > 1 for number in range(3))
    if not whole:
        return "", "", (f"Parts are not by {time.name}: cut by it, one of them has only one class.",)
    first, second = (start.isoformat() if isinstance(start, datetime) else str(start) for start in starts)
    return first, second, ()


def _upper(area: float, target: Target) -> float:
    """The upper bound of a column's area on a holdout of this table, as L02 will see it."""
    positives, negatives = _held_out(target)
    return min(area + 1.96 * standard_error(area, positives, negatives), 1.0)


def _held_out(target: Target) -> tuple[float, float]:
    rows = HOLDOUT * len(target.codes) * (1 - target.missing)
    return max(rows * target.rate, 1.0), max(rows * (1 - target.rate), 1.0)


def _wide(target: Target, limit: float | None) -> list[str]:
    """What D02 will say of so few rows."""
    positives, negatives = _held_out(target)
    half = 1.96 * standard_error(USUAL_AREA, positives, negatives)
    if limit is None or half <= limit:
        return []
    needed = len(target.codes) * (half / limit) ** 2
    return [
        f"D02 is likely to reject the model: with about {positives + negatives:,.0f} rows held out an area under the ROC curve of "
        f"{USUAL_AREA} is known to ±{half:.3f}, and gates.D02.threshold is {limit:g}. About {needed:,.0f} rows in all would do; "
        "or say in config.toml that a wider interval is good enough."
    ]


def _suspects(
    role: Mapping[str, Role], scores: Mapping[str, Alone], target: Target, limit: float
) -> list[str]:
    """What to ask of columns that reach much alone, the strongest first."""
    ranked = sorted(scores.items(), key=lambda item: -item[1].area)
    strong = [
        (name, score.area) for name, score in ranked if score.area >= SUSPECT and role[name] == "feature"
    ]
    blocked = [
        name for name, score in ranked if _upper(score.area, target) > limit and role[name] == "left out"
    ]
    notes = []
    if blocked:
        notes.append(
            f"Left out, as L02 would block them: {', '.join(blocked)}. Are they known when the prediction is made? Then take "
            "them out of features.exclude, and give gates.L02 another threshold or a waiver with the reason."
        )
    if strong:
        told = ", ".join(f"{name} ({area:.3f})" for name, area in strong)
        notes.append(
            f"Alone these reach a high area under the ROC curve: {told}. Are they known when the prediction is made?"
        )
    return notes


def _notes(
    columns: Sequence[Column], role: Mapping[str, Role], target: Target, limits: Mapping[str, float]
) -> list[str]:
    notes = [*target.notes, *_wide(target, limits.get("D02"))]
    notes += [
        f"The dates of {column.name} were read as {column.date_form or '%Y-%m-%d'}, and would fit {column.ambiguous} as well; "
        "if that is meant, change data.dates."
        for column in columns
        if column.ambiguous
    ]
    if asked := [column.name for column in columns if role[column.name] == "sensitive"]:
        notes.append(f"May the model use {', '.join(asked)}? If so, say why under features.allow_sensitive.")
    if asked := [
        c.name for c in columns if role[c.name] == "feature" and set(words_of(c.name)) & MAY_BE_SENSITIVE
    ]:
        notes.append(
            f"Should groups by {', '.join(asked)} be judged? Then adopt again, and name them with SENSITIVE=."
        )
    table = pl.DataFrame([column.values for column in columns if role[column.name] != "key"])
    repeated = table.height - table.unique().height
    if repeated:
        share = repeated / table.height
        notes.append(
            f"{repeated:,} rows ({share:.1%}) repeat another one in every column"
            + (
                ": if they are the same case, remove them from the source, or holdout scores flatter."
                if share > 0.001
                else "."
            )
        )
    if "key" not in role.values() and "group" not in role.values():
        notes.append(
            "No column identifies a row, so its content does; with KEY= rows keep their part when values are corrected."
        )
    if "sensitive" not in role.values():
        notes.append(
            "No sensitive attribute was found: fairness is not judged. Is anyone treated differently by these predictions? "
            "Name what tells groups apart with SENSITIVE=."
        )
    return notes
