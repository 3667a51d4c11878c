"""The files that describe a table: config.toml, schema.yaml and the datasheet, written together or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomlkit

from components import address
from components.data import schema
from components.data.adopt.objective import objective
from components.data.adopt.plan import Plan
from components.errors import ConfigError

UNDECIDED = ("P01", "P02")
"""Gates whose limits depend on what the table is for, which only people can say."""

STATEMENT = "Nobody has stated yet which decision the predictions serve; state it in objective.statement"
DOCUMENTS = {
    "owner": "whoever adopted the table and has not said yet who keeps the model",
    "intended_users": "Only those who try it out: nobody has said yet who may rely on the model",
    "out_of_scope": "Every decision about people or things, as long as nobody has said what the model is for",
    "ethical_considerations": "Nobody has weighed yet whom wrong predictions harm",
}
DATASHEET = {
    "motivation": "Nobody has said yet why the data were collected.",
    "instances": "One row of the table is one case; nobody has said yet what a case is.",
    "collection": "Nobody has said yet how the data were collected.",
    "labelling": "Nobody has said yet how the target came about.",
    "uses": "Nobody has said yet what the data may be used for.",
    "distribution": "Nobody has said yet under which terms the data may be passed on.",
    "maintenance": "Nobody has said yet who keeps the data.",
}
HEAD = """\
# The data contract: what each column of the table may hold. Rows that break it are set aside, with the reason.
# It was inferred from {rows:,} rows of {source}. Review it once, then keep it; a change is a decision.
#
# greater_than_or_equal_to, less_than_or_equal_to
#              What was seen, and a tenth of its width on both sides. Put what is possible.
# isin         The values that were seen, and no other. Add those that may still come.
# nullable     Whether a value may be missing: so it is where one was. unique: whether no value may come twice.
"""


def read(path: Path) -> tomlkit.TOMLDocument:
    """The project's config.toml, with its comments.

    Raises:
        ConfigError: it does not exist, or is no TOML.
    """
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist; run this in the project's folder, or name it with --project."
        ) from None
    except tomlkit.exceptions.ParseError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}; restore it.") from None


def configured(
    document: tomlkit.TOMLDocument, plan: Plan, source: str, revision: str = "", query: str = ""
) -> str:
    """config.toml for the table; its comments, and whatever does not speak of the table, are kept."""
    target = plan.target
    document["project"]["description"] = f"Predicts {target.column}"
    _set(document, "data", {
        "source": source, "revision": revision, "query": query, "target": target.column, "positive": target.positive, "task": target.task,
        "time": plan.time, "since": "", "until": "",
        "key": list(plan.named("key")), "group": list(plan.named("group")), "weight": next(iter(plan.named("weight")), ""),
        "drop": list(plan.spelling.drop), "missing": _inline({k: list(v) for k, v in plan.spelling.missing.items()}),
        "numbers": _inline(plan.spelling.numbers), "dates": _inline(plan.spelling.dates),
        "max_quarantined_fraction": quarantined_fraction(plan),
    })  # fmt: skip
    _set(document, "split", {
        "method": "temporal" if plan.holdout_from else "hash", "salt": f"adopted-{target.column}",
        "validation_from": plan.validation_from, "holdout_from": plan.holdout_from, "columns": [],
    })  # fmt: skip
    _set(document, "features", {"exclude": list(plan.named("left out")), "allow_sensitive": _inline({})})
    said, unknown = objective(target)
    nested = {
        key: _inline({k: _inline(v) for k, v in value.items()})
        for key, value in said.items()
        if key == "worth"
    }
    _set(document, "objective", {"statement": STATEMENT, **said, **nested})
    for key in unknown:
        document["objective"].pop(key, None)
    _set(document, "documents", DOCUMENTS)
    fairness = document["fairness"]
    fairness["sensitive"] = list(plan.named("sensitive"))
    if target.task != "binary":
        fairness["reduction"] = ""
    fairness["bands"] = _inline({name: list(edges) for name, edges in plan.bands.items()})
    if "waived" in fairness:
        del fairness["waived"]
    gates = document["gates"]
    for code, threshold in plan.limits.items():
        if code not in gates or "threshold" not in gates[code] or gates[code]["threshold"] != threshold:
            gates.setdefault(code, tomlkit.table())["threshold"] = threshold
    for code in [code for code in gates if code not in plan.limits and code == "K03"]:
        del gates[code]
    for gate in gates.values():
        gate.pop("waiver", None)
    document["gates"].setdefault("U01", tomlkit.table())["threshold"] = 0.0
    for code in UNDECIDED:
        document["gates"].get(code, {}).pop("threshold", None)
    return tomlkit.dumps(document)


def quarantined_fraction(plan: Plan) -> float:
    """The fraction of rows that may be set aside: a twentieth, besides those without a target."""
    return round(0.05 + plan.target.missing, 4)


def contract(plan: Plan, source: str) -> str:
    """schema.yaml for the table."""
    return HEAD.format(rows=plan.target.rows, source=source) + schema.to_yaml(plan.contract)


def datasheet(plan: Plan, source: str) -> str:
    """datasheet.toml for the table: what only people can say, and that they have not said it."""
    document = tomlkit.document()
    document.add(
        tomlkit.comment(
            "What only people can say of the data; the datasheet of every run repeats it. Say it."
        )
    )
    document["title"] = (
        f"The table {Path(address.place(source)).name or 'of a query'}, to predict {plan.target.column}"
    )
    for key, text in DATASHEET.items():
        document[key] = text
    return tomlkit.dumps(document)


def replace_files(root: Path, files: Mapping[str, str]) -> list[Path]:
    """Write the files below the root and keep what they replace beside them; the copies that were kept.

    Everything is written under another name first, so that a full disk changes nothing.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    fresh = {root / name: root / f"{name}.new-{os.getpid()}" for name in files}
    try:
        for name, text in files.items():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh[target].write_text(text, encoding="utf-8")
        kept = []
        for target, written in fresh.items():
            if target.exists() and target.read_bytes() != written.read_bytes():
                copy = target.with_name(f"{target.name}.before-{stamp}")
                copy.write_bytes(target.read_bytes())
                kept.append(copy)
        for target, written in fresh.items():
            written.replace(target)
    finally:
        for written in fresh.values():
            written.unlink(missing_ok=True)
    return kept


def _set(document: tomlkit.TOMLDocument, section: str, values: Mapping[str, Any]) -> None:
    table = document.setdefault(section, tomlkit.table())
    for key, value in values.items():
        table[key] = value


def _inline(values: Mapping[str, Any]) -> Any:
    table = tomlkit.inline_table()
    table.update(dict(values))
    return table
