"""Tables that well-known packages ship: what each notable column is taken for, what spoils them, and whole runs.

`make tables` trains on every one of them, and writes docs/reference/public-tables.md.
"""

import numpy as np
import polars as pl
import pytest

from benchmarks.public_tables import TABLES, Outcome, outcome
from components.data import schema, source
from components.data.adopt import __main__ as adopt
from components.data.adopt.findings import Wishes
from components.data.adopt.plan import Plan, plan
from components.data.spelling import respelled
from components.errors import FlowprintError

pytestmark = pytest.mark.system

TRAINED = {"penguins": 0.05, "loanapp": 0.02, "wagepan": 0.01}
"""Tables on which a whole run is made here, one a task, and by how much its score may lie below that of a model fitted by
hand; the few rows held out of the first ones cannot tell less."""


@pytest.fixture(scope="module", params=TABLES)
def adopted(request, tmp_path_factory) -> tuple[str, pl.DataFrame, Plan]:
    """A table as its CSV gives it, and the plan for it."""
    table = TABLES[request.param]
    path = tmp_path_factory.mktemp("table") / "table.csv"
    table.load().to_csv(path, index=False)
    given = source.load(str(path))
    said = adopt.parser().parse_args([str(path), table.target, *table.words])
    wishes = Wishes(table.target, sensitive=tuple(said.sensitive.split(",")) if said.sensitive else ())
    return request.param, given, plan(adopt.looked_at(given), wishes)


def accepted(found: Plan, given: pl.DataFrame) -> float:
    """The share of rows that the contract accepts.

    Raises:
        FlowprintError: it refuses the table as a whole.
    """
    conforming = schema.conform(respelled(given, found.spelling), found.contract)
    checked = schema.check(conforming, found.contract, target=found.target.column, key=found.named("key"))
    return checked.accepted.height / given.height


def verdict(found: Plan, given: pl.DataFrame) -> tuple[float, str]:
    """The share of rows that is accepted, and why the table is refused if it is."""
    try:
        return accepted(found, given), ""
    except FlowprintError as error:
        return 0.0, str(error)


def test_the_task_and_the_notable_columns_are_found(adopted):
    name, _, found = adopted
    assert found.target.task == TABLES[name].task
    roles = {finding.column: finding.role for finding in found.findings}
    assert {column: roles[column] for column in TABLES[name].roles} == TABLES[name].roles


def test_the_contract_accepts_the_table_it_came_from(adopted):
    _, given, found = adopted
    assert accepted(found, given) >= 1 - found.target.missing - 1e-9


def number(found: Plan) -> str:
    """A feature of many numbers."""
    kinds = {rule.name: rule for rule in found.contract.columns}
    wide = [
        name
        for name in found.named("feature")
        if kinds[name].maximum is not None
        and kinds[name].maximum > 10 * max(abs(kinds[name].minimum or 0), 0.1)
    ]
    return (wide or [name for name in found.named("feature") if kinds[name].maximum is not None])[0]


@pytest.mark.parametrize("how", ["renamed", "unit", "gone", "new values"])
def test_spoiled_copies_are_refused(adopted, how):
    name, given, found = adopted
    column = number(found)
    rows = np.random.default_rng(0).permutation(given.height) < given.height * 0.6
    spoiled = {
        "renamed": lambda: given.rename({column: f"{column}_"}),
        "unit": lambda: given.with_columns(
            pl.format("{}", pl.col(column).cast(pl.Float64, strict=False) * 1000 + 1e6)
        ),
        "gone": lambda: given.drop(column),
        "new values": lambda: given.with_columns(
            pl.when(pl.Series(rows)).then(pl.lit("never seen")).otherwise(column).alias(column)
        ),
    }[how]()
    share, said = verdict(found, spoiled)
    assert share < 0.9, f"{name}: {column}"
    assert not said or column in said


@pytest.fixture(scope="module", params=TRAINED)
def trained(request, tmp_path_factory) -> tuple[str, Outcome]:
    """A table that was adopted and trained on."""
    return request.param, outcome(TABLES[request.param], tmp_path_factory.mktemp(request.param))


def test_a_run_ends_in_a_decision_that_says_how_many_rows_are_wanting(trained):
    _, fared = trained
    checks = {check["code"]: check for check in fared.decision["checks"]}
    assert {checks[code]["status"] for code in ("L01", "E01", "T01")} == {"passed"}
    if checks["D02"]["status"] == "failed":
        assert "holdout rows are needed" in checks["D02"]["reason"]
    assert ("K03" in checks) == (checks["P01"]["title"] == "Primary metric (r2)")


def test_its_score_is_not_below_that_of_a_model_fitted_by_hand(trained):
    name, fared = trained
    value, _, high = fared.difference
    assert value >= -TRAINED[name]
    assert high > 0  # by hand is not shown to be better
