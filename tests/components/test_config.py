"""config.toml: what it does not know it refuses, with the key, the value and what is allowed."""

from pathlib import Path

import pytest

from components import config
from components.errors import ConfigError

SHIPPED = (Path(__file__).parents[2] / "config.toml").read_text(encoding="utf-8")


def spoiled(old: str, new: str) -> str:
    assert old in SHIPPED
    return SHIPPED.replace(old, new, 1)


def test_the_shipped_configuration_is_accepted() -> None:
    settings = config.settings(config.parse(SHIPPED))
    assert set(settings.gates) | {"D03", "L01"} == set(config.GATES)
    assert all(gate.threshold is not None and gate.waiver is None for gate in settings.gates.values())


def test_sensitive_columns_are_no_features_unless_allowed_with_a_reason() -> None:
    settings = config.settings(config.parse(SHIPPED))
    assert {"sex", "race", "disability", "year", "employed"} <= set(settings.not_features)
    assert "age" not in settings.not_features


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("trials = ", "trial = ", ["search.trial", "unknown key", "trials, folds"]),
        ("folds = 3", "folds = 1", ["search.folds", "1", "greater than or equal to 2"]),
        ("folds = 3", 'folds = "many"', ["search.folds", "'many'", "valid integer"]),
        ("train = 0.6", "train = 0.7", ["split", "1.1", "add up to 1"]),
        ('method = "hash"', 'method = "random"', ["split.method", "'random'", "'hash' or 'temporal'"]),
        ('method = "hash"', 'method = "temporal"', ["validation_from and holdout_from"]),
        ('time = "year"', 'time = ""', ["data.time"]),
        ("[gates.P01]", "[gates.P99]", ["gates.P99", "no gate has this code", "P01"]),
        ("[gates.P01]", "[gates.P01]\nlimit = 3", ["unknown key 'gates.P01.limit'", "threshold, waiver"]),
        ("[gates.T01]", '[gates.T01]\nwaiver = "we are in a hurry"', ["gates.T01", "cannot be waived"]),
        ("[gates.P01]", '[gates.P01]\nwaiver = "because"', ["gates.P01.waiver", "at least 10"]),
        ("threshold = 0.73", "threshold = nan", ["gates.P01.threshold", "finite"]),
        ('target = "employed"', "", ["data.target", "missing"]),
        ('slug = "', 'slug = "../', ["project.slug", "'../"]),
        ("[data]", "[data", ["not valid TOML", "line"]),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_what_is_allowed(old: str, new: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        config.parse(spoiled(old, new))
    assert all(word in str(error.value) for word in words), str(error.value)


def test_settings_do_not_change() -> None:
    settings = config.settings(config.parse(SHIPPED))
    with pytest.raises(ValueError, match="frozen"):
        settings.search.trials = 1  # type: ignore[misc]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml: not found"):
        config.load(tmp_path / "config.toml")
