import sqlite3

import pytest

from components.errors import ConfigError, FlowprintError
from components.release.tracking import again_if_raced, connect, explained, refuse_sqlite


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "file:./mlruns", "mlruns", "./mlruns"])
def test_a_file_is_refused_on_a_cluster(uri):
    with pytest.raises(ConfigError, match="name the address of an MLflow server"):
        refuse_sqlite(uri, orchestrated=True)


@pytest.mark.parametrize("uri", ["https://mlflow.example", "postgresql://db/mlflow", "databricks"])
def test_a_server_is_allowed_on_a_cluster(uri):
    refuse_sqlite(uri, orchestrated=True)


def test_a_file_is_allowed_on_a_laptop():
    refuse_sqlite("sqlite:///mlflow.db", orchestrated=False)


def test_an_unreachable_server_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(FlowprintError, match=r"tracking\.uri in config\.toml") as caught, explained():
        connect("http://ada:pa55@127.0.0.1:9").get_experiment_by_name("x")
    assert "127.0.0.1" in str(caught.value)
    assert "pa55" not in str(caught.value)
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)


def test_our_own_faults_are_not_blamed_on_mlflow():
    with pytest.raises(KeyError), explained():
        raise KeyError("x")


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "mlflow.db").write_text("these are not the tables you are looking for" * 40)
    with pytest.raises((FlowprintError, sqlite3.DatabaseError), match="not a database"), explained():
        connect(f"sqlite:///{tmp_path}/mlflow.db")


def test_a_row_that_another_process_has_just_written_is_found_the_second_time():
    answers = iter([FlowprintError("(sqlite3.IntegrityError) UNIQUE constraint failed"), None])

    def call():
        if error := next(answers):
            raise error

    again_if_raced(call)
    with pytest.raises(KeyError):
        again_if_raced(lambda: {}["x"])
