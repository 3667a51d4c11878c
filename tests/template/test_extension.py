"""How the root's own files take the answers, and no text is written twice."""

import tomllib

import pytest

from local_extensions import root_text, root_toml, toml
from tests.template.baking import ROOT


@pytest.mark.parametrize(
    "value", ["plain", "O'Neill", 'say "no"', "back\\slash", "ä山", "tab\tnewline\n", "\U0001f600"]
)
def test_a_string_survives_toml(value: str) -> None:
    assert tomllib.loads(f"key = {toml(value)}")["key"] == value


def test_lists_and_tables_survive_toml() -> None:
    value = [{"name": "Ada"}, {"name": "O'Neill", "email": "o@example.org"}]
    assert tomllib.loads(f"key = {toml(value)}")["key"] == value


def test_an_answer_takes_the_place_of_the_roots_value() -> None:
    before = (ROOT / "config.toml").read_text(encoding="utf-8")
    name = tomllib.loads(before)["project"]["name"]
    assert root_toml("config.toml", {"name": "Mine"}) == before.replace(f'"{name}"', '"Mine"', 1)


def test_an_answer_without_a_place_comes_first() -> None:
    assert root_toml("config.toml", {"new": "x"}).split("[project]\n")[1].startswith('new = "x"\n')


def test_keys_of_other_sections_keep_their_values() -> None:
    root = tomllib.loads((ROOT / "config.toml").read_text(encoding="utf-8"))
    assert tomllib.loads(root_toml("config.toml", {"source": "mine.csv"}))["data"] == root["data"]


def test_an_answer_is_text_and_no_pattern() -> None:
    assert tomllib.loads(root_toml("config.toml", {"name": r"\g<0> \1"}))["project"]["name"] == r"\g<0> \1"


def test_lines_for_the_template_only_stay_there() -> None:
    assert "# template only" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "# template only" not in root_text("pyproject.toml")


def test_a_file_without_a_project_section_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no \[project\] section"):
        root_toml("Makefile", {"name": "x"})
