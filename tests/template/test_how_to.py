"""The examples of the how-to pages run as they stand there, in a fresh project."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from components import config
from tests.template.baking import ROOT, bake, git, run

PAGE = (ROOT / "docs" / "how-to" / "read-from-other-sources.md").read_text(encoding="utf-8")
VENV = Path(sys.prefix)
SOURCES = {"DuckDB: SQL over files": "duckdb:", "SQLite": "sqlite:///", "DVC": "dvc://", "Delta": "delta://"}


def blocks(language: str) -> dict[str, str]:
    """The example in a language that stands under each heading."""
    found: dict[str, str] = {}
    for section in PAGE.split("\n## ")[1:]:
        if block := re.search(rf"```{language}\n(.*?)```", section, flags=re.DOTALL):
            found[section.partition("\n")[0]] = block[1]
    return found


def with_this_environment(text: str) -> str:
    """The commands of an example, with the environment that is there already."""
    old = " ".join(f"--assume-old={VENV / stamp}" for stamp in (".runtime", ".dev", "bin/uv"))
    text = text.replace('"$PWD/.venv/', f'"{VENV}/').replace(".venv/bin/", f"{VENV}/bin/")
    return text.replace("make adopt", f"make VENV={VENV} {old} adopt")


def test_every_kind_of_source_has_an_example() -> None:
    assert {**blocks("bash"), **blocks("toml")}.keys() == {*SOURCES, "S3", "PostgreSQL"}


@pytest.mark.parametrize("section", SOURCES)
def test_a_table_is_adopted_as_the_page_says(section: str, template: Path, tmp_path: Path) -> None:
    project = bake(template, tmp_path)
    git(project, "init", "--quiet")
    done = run("bash", "-euc", with_this_environment(blocks("bash")[section]), cwd=project)
    assert "Next: make train" in done.stdout
    assert config.load(project / "config.toml").data.source.startswith(SOURCES[section])


@pytest.mark.parametrize("section", ["S3", "PostgreSQL"])
def test_a_configuration_is_accepted_as_the_page_says(section: str) -> None:
    shipped = tomllib.loads((ROOT / "config.toml").read_text(encoding="utf-8"))
    said = tomllib.loads(blocks("toml")[section])["data"]
    data = config.settings(shipped | {"data": shipped["data"] | said}).data
    assert data.source == said["source"]
