"""A server's settings are those of config.toml, and nothing else passes."""

import dataclasses
import tomllib
from pathlib import Path

import pytest

from components import config
from components.errors import DeploymentError
from components.serving.settings import ServingSettings

ROOT = Path(__file__).parents[3]
NOT_THE_SERVERS = {"log_days"}
"""Of the section, what a server does not do itself."""


def test_the_keys_and_defaults_are_those_of_the_configuration():
    assert dataclasses.asdict(ServingSettings()) == config.Serving().model_dump(exclude=NOT_THE_SERVERS)


def test_what_the_configuration_names_is_taken():
    named = tomllib.loads((ROOT / "config.toml").read_text())["serving"]
    assert named.keys() - NOT_THE_SERVERS == dataclasses.asdict(ServingSettings()).keys()
    handed = {name: value for name, value in named.items() if name not in NOT_THE_SERVERS}
    assert ServingSettings.from_json(handed).log_columns == tuple(named["log_columns"])


def test_a_server_is_told_what_is_not_its_default_so_that_older_ones_know_all_of_it():
    named = tomllib.loads((ROOT / "config.toml").read_text())["serving"]
    shipped = config.Serving(**{**named, "log_columns": tuple(named["log_columns"])})
    assert shipped.handed_on == {}
    handed = config.Serving(workers=3, log="strict", log_columns=("age",), log_days=90).handed_on
    assert handed == {"workers": 3, "log": "strict", "log_columns": ["age"]}
    assert ServingSettings.from_json(handed) == ServingSettings(workers=3, log="strict", log_columns=("age",))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"worker": 2}, r"\['worker'\] are unknown"),
        ({"workers": 0}, "workers is 0; it must be a whole number of at least 1"),
        ({"workers": True}, "workers is True"),
        ({"workers": 1.5}, "workers is 1.5"),
        ({"timeout_seconds": float("inf")}, "timeout_seconds is inf"),
        ({"timeout_seconds": "1"}, "timeout_seconds is '1'"),
        ({"bad_rows": "drop"}, "one of refuse, set_aside"),
        ({"log": None}, "log is None"),
        ({"log_columns": "age"}, "must be a list of columns"),
        ({"log_columns": [1]}, "must be a list of columns"),
    ],
)
def test_anything_else_is_refused(said, told):
    with pytest.raises(DeploymentError, match=told):
        ServingSettings.from_json(said)


def test_a_whole_number_serves_where_a_number_is_asked():
    assert ServingSettings.from_json({"drain_seconds": 3}).drain_seconds == 3.0


def test_a_star_among_the_logged_columns_is_all_of_them():
    assert ServingSettings(log_columns=("age", "*")).logged is None
    assert ServingSettings(log_columns=("age",)).logged == ("age",)
