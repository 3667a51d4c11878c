"""The command behind `make adopt`: describes a table to the project, so that `make train` can learn from it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from components import address, config
from components.data import schema, source
from components.data.adopt import files
from components.data.adopt.account import account, explained
from components.data.adopt.findings import Wishes
from components.data.adopt.look import Column, look, require_columns
from components.data.adopt.plan import Plan, plan
from components.data.intake import conformed
from components.errors import FlowprintError, redacted


def main(words: Sequence[str] | None = None) -> int:
    """Adopt a table, or explain one of its columns; 0, or 1 if nothing could be done, which changes nothing."""
    given = parser().parse_args(words)
    wishes = Wishes(
        target=given.target, time=given.time, group=_list(given.group), key=_list(given.key), weight=given.weight,
        sensitive=_list(given.sensitive), drop=_list(given.drop), task=given.task,
    )  # fmt: skip
    root = Path(given.project)
    try:
        if not given.data or not given.target:
            raise FlowprintError(
                "Name the table and the column to predict: make adopt DATA=path TARGET=column."
            )
        location = address.moved(given.data, lambda path: placed(path, root))
        asked = {"revision": given.revision, "query": given.query}
        taken = source.take(address.anchored(location, root), **asked, root=root)
        columns = looked_at(taken)
        found = plan(columns, wishes, limits=limits(root), earlier=task(root))
        if given.explain:
            sys.stdout.write(f"{told(given.explain, columns, found)}\n")
            return 0
        del columns  # their values are not needed any more, and the contract's check reads them anew
        kept = adopt(taken, found, root, location, **asked)
    except FlowprintError as error:
        sys.stderr.write(f"{error}\nNothing was changed.\n")
        return 1
    copies = [path.relative_to(root).as_posix() for path in kept]
    sys.stdout.write(f"{account(found, redacted(given.data), copies)}\n")
    return 0


def parser() -> argparse.ArgumentParser:
    """The words of the command line."""
    command = argparse.ArgumentParser(prog="python -m components.data.adopt", description=__doc__)
    command.add_argument("data", help="what data.source of config.toml shall be: a path, or an address")
    command.add_argument("target", help="the column to predict")
    command.add_argument("--revision", default="", help="of a file tracked by DVC, or of a Delta table")
    command.add_argument("--query", default="", help="the SQL that gives the rows of a source of SQL")
    command.add_argument("--time", default="", help="the column that says when a row was observed")
    command.add_argument(
        "--group", default="", help="columns whose equal values belong together, parted by commas"
    )
    command.add_argument("--key", default="", help="columns that identify a row")
    command.add_argument("--weight", default="", help="the column of sample weights")
    command.add_argument("--sensitive", default="", help="columns that tell groups of people apart")
    command.add_argument("--drop", default="", help="columns that shall not be taken in")
    command.add_argument("--task", default="", choices=["", "binary", "multiclass", "regression"])
    command.add_argument(
        "--explain", default="", metavar="COLUMN", help="tell everything about one column; change nothing"
    )
    command.add_argument("--project", default=".", help="the project's folder")
    return command


def limits(root: Path) -> dict[str, float]:
    """The thresholds of the project's gates, by code.

    Raises:
        ConfigError: there is no config.toml in the folder, or it is no TOML.
    """
    gates = files.read(root / "config.toml").get("gates", {})
    return {code: float(gate["threshold"]) for code, gate in gates.items() if "threshold" in gate}


def task(root: Path) -> str:
    """The task for which the project's config.toml was written."""
    return str(files.read(root / "config.toml").get("data", {}).get("task", "binary"))


def looked_at(table: source.Taken | pl.DataFrame) -> list[Column]:
    """Every column of a table, read one after another; numbers that fit two forms in that of the others, where these have one.

    Raises:
        DataError: the table is empty, or a column holds what no contract can describe.
    """
    taken = source.Taken(table.lazy()) if isinstance(table, pl.DataFrame) else table
    require_columns(taken.names, taken.rows)
    columns = [look(taken.column(name)) for name in taken.names]
    forms = {each.number_form for each in columns if each.number_form and not each.ambiguous}
    if len(forms) != 1:
        return columns
    form = forms.pop()
    return [look(taken.column(each.name), form) if each.ambiguous == form else each for each in columns]


def adopt(
    taken: source.Taken, found: Plan, root: Path, location: str, *, revision: str = "", query: str = ""
) -> list[Path]:
    """Write what describes the table; the copies that were kept of what was there.

    Raises:
        FlowprintError: what would be written does not hold for the table; nothing is written then.
    """
    written = {
        "config.toml": files.configured(files.read(root / "config.toml"), found, location, revision, query),
        "schema.yaml": files.contract(found, location),
        "data/datasheet.toml": files.datasheet(found, location),
    }
    config.parse(written["config.toml"])
    contract = schema.parse(written["schema.yaml"])
    checked = schema.check(
        conformed(taken, contract, found.spelling),
        contract,
        target=found.target.column,
        key=found.named("key"),
    )
    schema.too_many(checked, files.quarantined_fraction(found))
    return files.replace_files(root, written)


def placed(location: str, root: Path) -> str:
    """Where the project finds what lies at a path: a path below its folder, if that is where it lies."""
    path = Path(location).resolve()
    return (
        path.relative_to(root.resolve()).as_posix()
        if path.is_relative_to(root.resolve())
        else path.as_posix()
    )


def told(name: str, columns: Sequence[Column], found: Plan) -> str:
    """What is known of one column.

    Raises:
        FlowprintError: the table has no such column.
    """
    for column, finding in zip(columns, found.findings, strict=True):
        if column.name == name:
            return explained(column, finding)
    raise FlowprintError(f"The table has no column {name!r}; it has {', '.join(c.name for c in columns)}.")


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


if __name__ == "__main__":
    sys.exit(main())
