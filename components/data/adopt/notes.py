"""What a person should know of a table as a whole, and what to decide first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from components.data.adopt.findings import Role
from components.data.adopt.leaks import MEASURE, Alone, upper
from components.data.adopt.look import Column, ends, words_of
from components.data.adopt.precision import half_width, held_out
from components.data.adopt.target import Target
from components.data.rowhash import different, row_hashes

SUSPECT = 0.85
"""A column that reaches this area under the ROC curve alone is named; one that L02 would block is left out."""
MAY_BE_SENSITIVE = {"age", "birth", "born", "alter", "edad", "eta", "idade", "marital", "citizenship", "citizen", "country", "language", "pregnant", "pregnancy", "zip", "zipcode", "postcode"}  # fmt: skip


def _wide(target: Target, limit: float | None) -> list[str]:
    """What D02 will say of so few rows."""
    measure, usual, half = half_width(target)
    if limit is None or half <= limit:
        return []
    needed = len(target.codes) * (half / limit) ** 2
    return [
        f"D02 is likely to reject the model: with about {held_out(target):,.0f} rows held out {measure} of "
        f"{usual:g} is known to ±{half:.3f}, and gates.D02.threshold is {limit:g}. About {needed:,.0f} rows in all would do; "
        "or say in config.toml that a wider interval is good enough."
    ]


def suspects(
    role: Mapping[str, Role], scores: Mapping[str, Alone], target: Target, limit: float
) -> list[str]:
    """What to ask of columns that reach much alone, the strongest first."""
    ranked = sorted(scores.items(), key=lambda item: -item[1].area)
    strong = [
        (name, score.area) for name, score in ranked if score.area >= SUSPECT and role[name] == "feature"
    ]
    blocked = [
        name for name, score in ranked if upper(score.area, target) > limit and role[name] == "left out"
    ]
    parting = [
        f"{name} ({target.classes[score.of_class]}: {score.most:.3f})"
        for name, score in sorted(scores.items(), key=lambda item: -item[1].most)
        if target.task == "multiclass" and score.most > limit and role[name] == "feature"
    ]
    asked = []
    if blocked:
        asked.append(
            f"Left out, as L02 would block them: {', '.join(blocked)}. Are they known when the prediction is made? Then take "
            "them out of features.exclude, and give gates.L02 another threshold or a waiver with the reason."
        )
    unclear = [
        name for name, score in ranked if upper(score.area, target) > limit and role[name] == "feature"
    ]
    if unclear:
        asked.append(
            f"L02 may block the model: so few rows cannot clear {', '.join(unclear)} of giving the target away. If they are known "
            "when the prediction is made, give gates.L02 a waiver that says so; if not, exclude them."
        )
    if strong:
        told = ", ".join(f"{name} ({area:.3f})" for name, area in strong)
        asked.append(
            f"Alone these reach a high {MEASURE[target.task].rstrip(',')}: {told}. Are they known when the prediction is made?"
        )
    if parting:
        asked.append(
            f"Alone these all but tell one class from the rest (area under the ROC curve): {', '.join(parting)}. A measurement "
            "may; what was written down with the outcome does as well. L02 judges the mean over the classes and lets them pass: "
            "are they known when the prediction is made?"
        )
    return asked


def notes(
    columns: Sequence[Column], role: Mapping[str, Role], target: Target, limits: Mapping[str, float]
) -> list[str]:
    """What a person should know of the table as a whole, most urgent first."""
    told = [*target.notes, *_wide(target, limits.get("D02"))]
    told += [
        f"The dates of {column.name} were read as {column.date_form or '%Y-%m-%d'}, and would fit {column.ambiguous} as well; "
        "if that is meant, change data.dates."
        for column in columns
        if column.ambiguous and not column.number_form
    ]
    told += [
        f"The numbers of {column.name} were read as {column.number_form} (from {least:,g} to {most:,g}), and would fit {column.ambiguous} "
        f"as well; if that is meant, change data.numbers, and the limits of {column.name} in schema.yaml."
        for column in columns
        if column.ambiguous and column.number_form
        for least, most in [ends(column.values)]
    ]
    if asked := [column.name for column in columns if role[column.name] == "sensitive"]:
        told.append(f"May the model use {', '.join(asked)}? If so, say why under features.allow_sensitive.")
    if asked := [
        c.name for c in columns if role[c.name] == "feature" and set(words_of(c.name)) & MAY_BE_SENSITIVE
    ]:
        told.append(
            f"Should groups by {', '.join(asked)} be judged? Then adopt again, and name them with SENSITIVE=."
        )
    table = pl.DataFrame([column.values for column in columns if role[column.name] != "key"])
    repeated = table.height - different(row_hashes(table))
    if repeated:
        share = repeated / table.height
        told.append(
            f"{repeated:,} rows ({share:.1%}) repeat another one in every column"
            + (
                ": if they are the same case, remove them from the source, or holdout scores flatter."
                if share > 0.001
                else "."
            )
        )
    if "key" not in role.values() and "group" not in role.values():
        told.append(
            "No column identifies a row, so its content does; with KEY= rows keep their part when values are corrected."
        )
    if "sensitive" not in role.values():
        told.append(
            "No sensitive attribute was found: fairness is not judged. Is anyone treated differently by these predictions? "
            "Name what tells groups apart with SENSITIVE=."
        )
    return told
