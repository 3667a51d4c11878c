"""`make adopt`: the files that it writes, and what it leaves alone when it cannot."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from components import config
from components.data import schema, source
from components.data.adopt.__main__ import main
from components.data.spelling import Spelling, respelled
from components.errors import ContractError

ROOT = Path(__file__).parents[4]
ROWS = 2000


def messy() -> pl.DataFrame:
    """What a CSV from somewhere looks like."""
    generator = np.random.default_rng(3)
    age = generator.integers(18, 80, ROWS)
    bought = generator.random(ROWS) < 1 / (1 + np.exp(-(age - 50) / 10))
    return pl.DataFrame(
        {
            "customer_id": [f"C{n // 2:05}" for n in range(ROWS)],
            "email": [f"p{n}@example.org" for n in range(ROWS)],
            "age": age,
            "income": [f"{value:,.2f} €" for value in generator.lognormal(10, 0.5, ROWS)],
            "joined": [f"{n % 28 + 1:02}/{n % 12 + 1:02}/20{n % 20 + 1:02}" for n in range(ROWS)],
            "debt": np.where(generator.random(ROWS) < 0.1, -999, generator.integers(0, 50, ROWS)),
            "town": generator.choice(["Bath", "Ely", "Wells", "?"], ROWS),
            "gender": generator.choice(["f", "m"], ROWS),
            "refund": np.where(bought, "n", "y"),
            "Bought": np.where(bought, "Yes", "No"),
        }
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's own three files, and a table beside them."""
    for name in ("config.toml", "schema.yaml", "data/datasheet.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    messy().write_csv(tmp_path / "data" / "table.csv")
    return tmp_path


def adopted(project: Path, *words: str) -> int:
    return main([str(project / "data" / "table.csv"), "Bought", "--project", str(project), *words])


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_the_configuration_speaks_of_the_table_and_of_no_other(project: Path) -> None:
    assert adopted(project) == 0
    settings = config.settings(config.parse((project / "config.toml").read_text(encoding="utf-8")))
    assert settings.data.source == "data/table.csv"
    assert (settings.data.target, settings.data.positive) == ("Bought", "true")
    assert settings.data.group == ("customer_id",)
    assert settings.data.drop == ("email",)
    assert settings.data.missing == {"debt": ("-999",), "town": ("?",)}
    assert settings.data.numbers == {"income": "1,234.5"}
    assert settings.data.dates == {"joined": "%d/%m/%Y"}
    assert settings.fairness.sensitive == ("gender",)
    assert "refund" in settings.features.exclude
    assert not settings.fairness.waived
    assert all(settings.gates[code].threshold is None for code in ("P01", "P02"))
    assert settings.gates["U01"].threshold == 0
    assert settings.objective.false_negative < 0 == settings.objective.true_positive
    assert not any(gate.waiver for gate in settings.gates.values())
    assert (
        settings.search.trials
        == config.settings(config.parse((ROOT / "config.toml").read_text(encoding="utf-8"))).search.trials
    )


def test_the_comments_and_what_was_there_are_kept(project: Path) -> None:
    before = contents(project)
    adopted(project)
    after = contents(project)
    kept = {name.partition(".before-")[0]: content for name, content in after.items() if ".before-" in name}
    assert kept == {name: before[name] for name in ("config.toml", "schema.yaml", "data/datasheet.toml")}
    assert b"# A Parquet or CSV file or a folder of them" in after["config.toml"]
    assert not [name for name in after if ".new-" in name]


def test_adopting_again_keeps_nothing_that_is_the_same(project: Path) -> None:
    adopted(project)
    once = contents(project)
    adopted(project)
    assert contents(project) == once


def taken(project: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> schema.CheckedTable:
    """The table as the adopted project takes it in, after a change."""
    change(messy()).write_csv(project / "data" / "table.csv")
    data = config.settings(config.parse((project / "config.toml").read_text(encoding="utf-8"))).data
    contract = schema.load(project / "schema.yaml")
    table = source.load(str(project / "data" / "table.csv"))
    table = respelled(table, Spelling(data.drop, data.missing, data.numbers, data.dates))
    checked = schema.check(schema.conform(table, contract), contract, target=data.target, key=data.key)
    schema.too_many(checked, data.max_quarantined_fraction)
    return checked


def test_the_contract_accepts_the_table_that_it_came_from_and_its_next_rows(project: Path) -> None:
    adopted(project)
    assert taken(project, lambda table: table).quarantined.height == 0
    assert (
        taken(
            project, lambda table: table.sample(fraction=1, shuffle=True, seed=1).head(1500)
        ).quarantined.height
        == 0
    )


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda table: table.rename({"age": "Age"}), "missing columns: age"),
        (lambda table: table.drop("town"), "missing columns: town"),
        (lambda table: table.with_columns(age=pl.col("age") * 12), "above"),
        (lambda table: table.with_columns(age=pl.col("debt"), debt=pl.col("age")), "age: "),
        (lambda table: table.with_columns(town=pl.lit("Paris")), "no known category"),
        (lambda table: table.with_columns(age=pl.lit(None)), "age: missing"),
        (lambda table: table.with_columns(income=pl.lit("a lot")), "'income' should hold number"),
    ],
)  # fmt: skip
def test_the_contract_refuses_a_spoiled_copy(
    project: Path, spoil: Callable[[pl.DataFrame], pl.DataFrame], said: str
) -> None:
    adopted(project)
    with pytest.raises(ContractError, match=said):
        taken(project, spoil)


def test_the_account_says_what_was_found_what_to_decide_and_what_comes_next(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adopted(project)
    said = capsys.readouterr().out
    for words in (
        "e-mail addresses",
        "rows that share it stay in",
        "'-999' stand for nothing",
        "alone it may give the target away",
        "To decide:",
        "What is each outcome worth",
    ):
        assert words in said
    assert said.endswith("Next: make train\n")
    assert max(map(len, said.splitlines()[1:])) <= 120


def test_one_column_is_explained_and_nothing_is_changed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(project)
    assert adopted(project, "--explain", "debt") == 0
    said = capsys.readouterr().out
    assert "stand for nothing" in said
    assert "'-999'" in said
    assert contents(project) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--key", "gone"], "KEY names ['gone']"),
        (["--key", "town"], "repeated key"),
        (["--task", "regression"], "makes it binary"),
        (["--explain", "gone"], "no column 'gone'"),
    ],
)
def test_what_fails_says_why_and_changes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    before = contents(project)
    assert adopted(project, *words) == 1
    told = capsys.readouterr().err
    assert said in told
    assert told.endswith("Nothing was changed.\n")
    assert contents(project) == before


def test_without_a_target_it_says_what_to_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table.csv", ""]) == 1
    assert "DATA=path TARGET=column" in capsys.readouterr().err


def test_a_folder_without_a_project_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    messy().write_csv(tmp_path / "table.csv")
    assert main([str(tmp_path / "table.csv"), "Bought", "--project", str(tmp_path / "none")]) == 1
    assert "config.toml does not exist" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv"]


def test_a_query_is_written_beside_its_source(project: Path) -> None:
    query = "SELECT * FROM 'data/*.csv' -- all of it"
    words = ["duckdb:", "Bought", "--query", query, "--project", str(project)]
    assert main(words) == 0
    data = config.load(project / "config.toml").data
    assert (data.source, data.query, data.revision) == ("duckdb:", query, "")
    assert "of a query" in (project / "data" / "datasheet.toml").read_text(encoding="utf-8")


def test_a_revision_is_written_and_the_path_is_the_projects(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("deltalake")
    messy().write_delta(project / "data" / "table")
    messy()[:100].write_delta(project / "data" / "table", mode="overwrite")
    monkeypatch.chdir(project / "data")
    assert main(["delta://table", "Bought", "--revision", "0", "--project", str(project)]) == 0
    data = config.load(project / "config.toml").data
    assert (data.source, data.revision, data.query) == ("delta://data/table", "0", "")


def test_a_plain_table_takes_an_older_query_away(project: Path) -> None:
    main(["duckdb:", "Bought", "--query", "SELECT * FROM 'data/table.csv'", "--project", str(project)])
    assert adopted(project) == 0
    assert config.load(project / "config.toml").data.query == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["postgresql://ada:pa55@host/db", "a", "--query", "SELECT 1"], "PGPASSWORD"),
        (["duckdb:", "a"], "needs the SQL query"),
        (["data/table.csv", "a", "--revision", "3"], "only files tracked by DVC and Delta tables"),
    ],
)
def test_what_does_not_go_together_changes_nothing(
    project: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(project)
    assert main([*words, "--project", str(project)]) == 1
    told = capsys.readouterr().err
    assert sentence in told
    assert "pa55" not in told
    assert contents(project) == before
