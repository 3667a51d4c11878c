"""What cannot be trained on is refused with a sentence, before anything is kept."""

import polars as pl
import pytest

from tests.flows.project import TARGET, Project, changed, rows, toml


def refused(project, *words):
    """What the flow printed as it refused."""
    done = project.train(*words)
    assert done.code != 0
    assert "Traceback" not in done.output
    return done.output


@pytest.fixture(scope="module")
def misconfigured(tmp_path_factory):
    """The flow's answer to a configuration with one fault of each kind."""
    faulty = changed(
        search={"trails": 3, "trials": "many", "folds": 1},
        split={"train": 0.9},
        gates={"Z99": {"threshold": 1.0}},
    )
    return refused(Project.make(tmp_path_factory.mktemp("misconfigured") / "project", rows(500), faulty))


@pytest.mark.parametrize(
    "sentence",
    [
        "unknown key 'search.trails'; the keys here are families, trials, folds",
        "search.trials is 'many': input should be a valid integer",
        "search.folds is 1: input should be greater than or equal to 2",
        "train, validation and holdout add up to 1.3; they must be above 0 and add up to 1",
    ],
)
def test_a_wrong_key_type_or_value_is_named_with_what_is_allowed(misconfigured, sentence):
    assert sentence in misconfigured


def test_a_family_that_does_not_exist_is_named_with_those_that_do(idle):
    (idle.root / "config.toml").write_text(toml(changed(search={"families": ["oracle"]})), encoding="utf-8")
    output = refused(idle)
    assert "'oracle'" in output
    assert "gradient_boosting" in output


def test_a_metric_that_does_not_exist_is_named_with_those_that_do(idle):
    (idle.root / "config.toml").write_text(toml(changed(objective={"metric": "luck"})), encoding="utf-8")
    output = refused(idle)
    assert "'luck'" in output
    assert "average_precision" in output


def test_a_column_that_does_not_exist_is_named_with_its_key(idle):
    (idle.root / "config.toml").write_text(toml(changed(data={"time": "yaer"})), encoding="utf-8")
    output = refused(idle)
    assert "data.time names ['yaer']" in output


def test_a_refused_configuration_starts_no_run(misconfigured):
    assert "Workflow starting" not in misconfigured


def test_a_day_until_which_numbers_that_are_no_years_are_wanted_is_refused(tmp_path):
    table = rows(500).with_columns(month=201601 + pl.int_range(pl.len()) % 12)
    project = Project.make(tmp_path / "project", table, changed(data={"time": "month"}))
    output = refused(project, "run", "--until", "2016-03-31")
    assert "holds numbers such as 2016" in output
    assert not project.store.names("snapshots")


TABLES = {
    "missing column": (rows(500).drop("age"), "missing columns: age"),
    "unexpected column": (rows(500).with_columns(extra=pl.lit(1)), "unexpected columns: extra"),
    "empty table": (rows(500).clear(), "no rows"),
    "single-class target": (rows(500).filter(pl.col(TARGET)), "needs at least two classes"),
    "target missing": (
        rows(500).with_columns(pl.lit(None, pl.Boolean).alias(TARGET)),
        "has no value in any row",
    ),
    "wrong type": (rows(500).with_columns(age=pl.lit("old")), "column 'age' should hold integer values"),
    "too many bad rows": (rows(500).with_columns(age=pl.col("age") * 10), "break schema.yaml"),
}
OFTEN = ("missing column", "single-class target")


@pytest.mark.parametrize(
    "fault", [name if name in OFTEN else pytest.param(name, marks=pytest.mark.system) for name in TABLES]
)
def test_a_table_that_cannot_be_learned_from_is_refused(tmp_path, fault):
    table, sentence = TABLES[fault]
    project = Project.make(tmp_path / "project", rows(500))
    table.write_parquet(project.root / "data" / "table.parquet")
    assert sentence in refused(project)
    assert not project.store.names("snapshots")


@pytest.mark.system
@pytest.mark.parametrize(
    ("section", "keys", "sentence"),
    [
        ("data", {"source": "data/nowhere.parquet"}, "does not exist"),
        ("data", {"target": "salary"}, "'salary'"),
        ("data", {"key": ["age"]}, "age"),
        ("data", {"weight": "salary"}, "'salary'"),
        ("data", {"positive": "perhaps"}, "'perhaps'"),
        ("fairness", {"sensitive": ["creed"]}, "'creed'"),
        ("objective", {"metric": "luck"}, "'luck'"),
    ],
)
def test_a_setting_that_does_not_fit_the_table_is_refused(tmp_path, section, keys, sentence):
    project = Project.make(tmp_path / "project", rows(500), changed(**{section: keys}))
    assert sentence in refused(project)
