"""What a column is for: what shows it, and what is safe where nothing does."""

from __future__ import annotations

from collections.abc import Sequence

from components.data.adopt import entities
from components.data.adopt.findings import Finding, Role, Wishes
from components.data.adopt.look import Column, ends, words_of
from components.data.adopt.personal import personal
from components.data.adopt.wording import average_words, wording

NEAR_CONSTANT = 0.999
MOST_GROUPS_OF_PEOPLE = 20
SENSITIVE = {"sex", "gender", "geschlecht", "sexe", "sexo", "genre", "genero", "religione", "race", "ethnicity", "ethnic", "ethnie", "religion", "disability", "disabled", "caste", "orientation", "nationality", "hispanic", "hisp", "minority", "female", "male"}  # fmt: skip
BY_GROUP = {"black", "white", "asian", "woman", "man", "women", "men"}
"""Words that name a group of people where the column says yes or no."""

_WEIGHTS = {"fnlwgt", "pwgtp", "perwt", "wgtp", "hhwt", "wgt"}
_BODY = {"height", "bmi", "stature", "waist", "length", "width", "horsepower", "displacement", "mpg"}


def wished(column: Column, wishes: Wishes) -> Finding | None:
    """What the person said of a column, if anything."""
    roles: dict[str, Role] = {
        "DROP": "dropped", "KEY": "key", "GROUP": "group", "TIME": "time", "WEIGHT": "weight", "SENSITIVE": "sensitive",
    }  # fmt: skip
    for word, role in roles.items():
        if column.name in wishes.columns[word]:
            return Finding(column.name, role, f"{word} says so")
    return None


def of_itself(column: Column, columns: Sequence[Column]) -> Finding | None:
    """What a column shows to be without a look at the others."""
    if not column.name:
        return Finding(column.name, "dropped", "it has no name; pandas writes the numbers of rows so")
    words = set(words_of(column.name))
    if what := personal(column):
        return Finding(column.name, "dropped", f"it holds {what}: it is not taken in")
    if not column.distinct:
        return Finding(column.name, "left out", "it has no value in any row")
    if column.distinct == 1 and not column.missing:
        return Finding(column.name, "left out", f"every row has the same value, {column.examples[0]!r}")
    if column.top >= NEAR_CONSTANT and not column.missing:
        return Finding(column.name, "left out", f"{column.top:.2%} of the rows have the same value")
    if weight := _weight(column, words, columns):
        return weight
    yes_or_no = words & BY_GROUP and column.distinct == 2
    if (words & SENSITIVE or yes_or_no) and column.few and column.distinct <= MOST_GROUPS_OF_PEOPLE:
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
    if ends(values)[0] < 0:
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


def decide_entities(columns: Sequence[Column], wishes: Wishes, decided: dict[str, Finding]) -> None:
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


def decide_time(columns: Sequence[Column], wishes: Wishes, decided: dict[str, Finding]) -> None:
    """The column that says when a row was observed; other dates may be features."""
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


def as_feature(column: Column, *, worded: bool) -> Finding:
    """What a column is that nothing speaks against; ``worded`` where the source has nothing but texts."""
    if column.kind == "text":
        return _of_text(column, worded=worded)
    if column.kind == "datetime":
        hours = bool((column.present.dt.truncate("1d") != column.present).any())
        said = f"date: year, month, day, day of the week{', hour' if hours else ''}, days since 1970"
        return Finding(
            column.name, "feature", _spelt(column, said, worded=worded),
            "Is it known when the prediction is made? If it is set later, adopt again with DROP=, or put it into features.exclude.",
        )  # fmt: skip
    said = {
        "boolean": "yes or no",
        "category": f"a category of {column.distinct} values",
        "integer": f"whole numbers, {column.distinct:,} different ones",
        "number": "numbers",
    }[column.kind]
    return Finding(column.name, "feature", _spelt(column, said, worded=worded))


def _of_text(column: Column, *, worded: bool) -> Finding:
    kind = wording(column)
    if kind == "categories":
        said = f"{column.distinct:,} categories: target encoding, new ones as all rows together"
        return Finding(column.name, "feature", _spelt(column, said, worded=worded))
    if kind == "prose":
        said = f"text of {average_words(column):.1f} words on average: TF-IDF of words and pairs, reduced"
        return Finding(
            column.name, "feature", _spelt(column, said, worded=worded),
            "Does it name people, or tell what came after the outcome? Then adopt again with DROP=.",
        )  # fmt: skip
    return Finding(
        column.name, "left out", f"short texts, {column.distinct:,} different ones: names or codes that say nothing of other rows",
        "Write what matters of it as a column, or give it the dtype Categorical and take it out of features.exclude.",
    )  # fmt: skip


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
