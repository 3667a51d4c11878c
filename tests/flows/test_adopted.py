"""A table that nobody described is adopted and trained on, with no line of Python edited."""

import json

import numpy as np
import polars as pl
import pytest

from components.data import snapshot
from components.data.split import VALIDATION
from tests.flows.project import TARGET, Project, rows

pytestmark = pytest.mark.system


def untidy(count: int = 4000) -> pl.DataFrame:
    """Real people, as somebody might hand them on: with made-up addresses, and in spellings of their own."""
    generator, table = np.random.default_rng(5), rows(count)
    return table.with_columns(
        pl.when(TARGET).then(pl.lit("Yes")).otherwise(pl.lit("No")).alias(TARGET),
        pl.when(pl.col("education") < 12).then(pl.lit(-999)).otherwise("education").alias("education"),
        pl.Series("e-mail", [f"person{n}@example.org" for n in range(count)]),
        pl.Series("moved in", [f"{n % 28 + 1:02}/{n % 12 + 1:02}/{2000 + n % 3}" for n in range(count)]),
        pl.Series("rent", [f"${value:,.2f}" for value in generator.lognormal(7, 0.5, count)]),
        pl.when(TARGET).then(pl.lit(None)).otherwise(pl.lit("2015-06-01")).alias("benefit since"),
        pl.Series("household_id", [f"H{n // 2}" for n in range(count)]),
    )


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.make(tmp_path_factory.mktemp("adopted") / "project", rows(500))
    untidy().write_csv(project.root / "data" / "untidy.csv")
    done = project.python("-m", "components.data.adopt", "data/untidy.csv", TARGET, "--sensitive", "sex,race")
    assert done.code == 0, done.output
    trained = project.train()
    assert trained.code == 0, trained.output
    return project


def test_the_run_ends_in_a_decision_on_the_adopted_table(adopted: Project) -> None:
    decision = json.loads((adopted.root / "build" / "latest" / "decision.json").read_text(encoding="utf-8"))
    checks = {check["code"]: check for check in decision["checks"]}
    assert decision["outcome"] in ("approved", "rejected")
    assert checks["B01"]["status"] == "passed"
    assert checks["L01"]["status"] == "passed"
    assert checks["L02"]["status"] == "passed"
    assert checks["P01"]["status"] == "not_applicable"


def test_nothing_personal_and_nothing_that_gives_the_answer_away_was_kept(adopted: Project) -> None:
    (kept,) = snapshot.versions(adopted.store)
    assert "e-mail" not in kept.columns
    assert not any(
        b"example.org" in path.read_bytes() for path in (adopted.root / "store").rglob("*") if path.is_file()
    )
    contract = json.loads(
        (adopted.root / "build" / "latest" / "bundle" / "contract.json").read_text(encoding="utf-8")
    )
    features = {rule["name"] for rule in contract["features"]}
    assert features == {"age", "education", "marital_status", "relationship", "foreign_born", "rent"}


def test_values_were_read_as_they_were_meant(adopted: Project) -> None:
    table = snapshot.load(snapshot.versions(adopted.store)[0].version, adopted.store)
    assert table["rent"].dtype == pl.Float64
    assert table["moved in"].dtype == pl.Datetime("us")
    assert table["education"].null_count() == (rows()["education"] < 12).sum()
    assert table[TARGET].dtype == pl.Boolean


def test_the_report_shows_how_the_metric_ages_on_rows_of_the_validation_part_alone(adopted: Project) -> None:
    found, split = adopted.artifact("backtest", "judge"), adopted.artifact("split", "judge")
    assert (found.labels, found.length, found.reason, found.left_out) == (
        ("2000", "2001", "2002"),
        "a year",
        "",
        (),
    )
    assert [age.age for age in found.ages] == [0, 1, 2]
    assert found.ages[0].rows == (split.part == VALIDATION).sum()
    assert all(age.difference.low <= age.difference.value <= age.difference.high for age in found.ages[1:])
    report = (adopted.root / "build" / "latest" / "report.html").read_text(encoding="utf-8")
    assert 'id="ageing-difference-title"' in report
    card = (adopted.root / "build/latest/bundle/documents/model_card.md").read_text(encoding="utf-8")
    assert "an age of 1 is\na year." in card


def test_without_a_time_the_report_says_what_to_name(trained: Project) -> None:
    report = (trained.build / "report.html").read_text(encoding="utf-8")
    assert (
        "There is no curve of the metric against the age of the model. No column says when a row was observed"
        in report
    )
