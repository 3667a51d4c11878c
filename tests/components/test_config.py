"""config.toml: what it does not know it refuses, with the key, the value and what is allowed."""

from pathlib import Path

import pytest

from components import config
from components.errors import ConfigError
from components.validation import gates

SHIPPED = (Path(__file__).parents[2] / "config.toml").read_text(encoding="utf-8")


SCHEDULES = {
    "retraining": """ for the orchestrator's schedule, or "" for none.\nschedule = \"\"""",
    "monitoring": """ for the orchestrator's schedule of MonitorFlow, or "" for none.\nschedule = \"\"""",
}
"""The line of each section, with the end of the remark before it."""


def spoiled(old: str, new: str) -> str:
    assert old in SHIPPED
    return SHIPPED.replace(old, new, 1)


def test_the_shipped_configuration_is_accepted() -> None:
    settings = config.settings(config.parse(SHIPPED))
    assert set(settings.gates) | {"D03", "L01", "K03"} == set(
        config.GATES
    )  # without a threshold; for numbers
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
        ('query = ""', 'query = "SELECT 1"', ["data.query", "only sources of SQL"]),
        ('revision = ""', 'revision = "main"', ["data.revision", "DVC and Delta"]),
        ('source = "data/', 'source = "postgresql://ada:pa55@host/', ["password", "PGPASSWORD"]),
        ('slug = "', 'slug = "../', ["project.slug", "'../"]),
        ("[data]", "[data", ["not valid TOML", "line"]),
        ("threshold = 0.73", "threshold = false", ["gates.P01.threshold", "False", "valid number"]),
        ("threshold = 0.73", 'threshold = "0.73"', ["gates.P01.threshold", "'0.73'", "valid number"]),
        ("folds = 3", 'folds = "3"', ["search.folds", "'3'", "valid integer"]),
        ("folds = 3", "folds = true", ["search.folds", "True", "valid integer"]),
        ("folds = 3", "folds = 3.5", ["search.folds", "3.5", "valid integer"]),
        ("threshold = 1e-9", "# nothing", ["gates.T01", "give it a threshold"]),
        ("[gates.P01]", "[gates.L01]\nthreshold = 1e9\n[gates.P01]", ["gates.L01", "takes no threshold"]),
        ("bands = {", "bands = { agee = [30],", ["fairness.bands", "'agee'", "'age'"]),
        ("allow_sensitive = {", 'allow_sensitive = { creed = "it is told freely",', ["allow_sensitive", "'creed'"]),
        ("threshold = 0.95", "threshold = 95", ["gates.L02.threshold is 95", "from 0.5 to 1"]),
        (SCHEDULES["retraining"], '\nschedule = "every monday"', ["retraining.schedule", "every monday"]),
        (SCHEDULES["retraining"], '\nschedule = "30 3 * * 1"', ["retraining.schedule", "project.orchestrator"]),
        ("events = false", "events = true", ["retraining.events", "local", "Argo"]),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_what_is_allowed(old: str, new: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        config.parse(spoiled(old, new))
    assert all(word in str(error.value) for word in words), str(error.value)


def test_whole_numbers_may_stand_for_others() -> None:
    assert (
        config.settings(config.parse(spoiled("threshold = 0.73", "threshold = 1"))).gates["P01"].threshold
        == 1.0
    )


def test_a_model_that_no_gate_would_judge_is_refused() -> None:
    content = config.parse(SHIPPED)
    silent = {code: gate for code, gate in content["gates"].items() if code not in config.OF_THE_MODEL}
    with pytest.raises(ConfigError, match="none of B01, P01, U01 has a threshold"):
        config.settings(content | {"gates": silent})
    with pytest.raises(ConfigError, match=r"gates\.E01: this gate guards the evidence itself"):
        config.settings({key: value for key, value in content.items() if key != "gates"})


def test_gates_and_configuration_agree_on_what_must_be_judged() -> None:
    assert (config.NEEDED, config.OF_THE_MODEL) == (gates.ALWAYS, gates.OF_THE_MODEL)


def test_settings_do_not_change() -> None:
    settings = config.settings(config.parse(SHIPPED))
    with pytest.raises(ValueError, match="frozen"):
        settings.search.trials = 1  # type: ignore[misc]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml: not found"):
        config.load(tmp_path / "config.toml")


@pytest.mark.parametrize("section", SCHEDULES)
@pytest.mark.parametrize(
    ("orchestrator", "schedule", "wanted"),
    [("argo-workflows", "30 3 ? * MON *", "has 5"), ("step-functions", "30 3 * * 1", "has 6")],
)
def test_a_schedule_has_the_fields_of_its_orchestrator(
    orchestrator: str, schedule: str, wanted: str, section: str
) -> None:
    text = spoiled(SCHEDULES[section], f'\nschedule = "{schedule}"')
    text = text.replace('orchestrator = "local"', f'orchestrator = "{orchestrator}"')
    with pytest.raises(ConfigError, match=f"{section}.schedule.*{wanted}"):
        config.parse(text)


@pytest.mark.parametrize(("days", "window"), [(62, "day"), (74, "week"), (122, "month")])
def test_a_log_that_is_gone_before_its_labels_come_is_refused(days: int, window: str) -> None:
    text = spoiled("log_days = 0", f"log_days = {days}").replace('window = "day"', f'window = "{window}"')
    with pytest.raises(
        ConfigError, match=rf"serving.log_days is {days}, .* more than {days} days, twice both, or for ever"
    ):
        config.settings(config.parse(text))
    longer = text.replace(f"log_days = {days}", f"log_days = {days + 1}")
    assert config.settings(config.parse(longer)).serving.log_days == days + 1
