"""The server answers as MLflow's own would, for the same bundle."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.components.serving.conftest import ROW

pytestmark = pytest.mark.filterwarnings("ignore")


def plain(rows: pd.DataFrame) -> dict:
    return json.loads(rows.to_json(orient="split", index=False))


def as_requests(rows: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """The same rows in every form that MLflow knows."""
    split = plain(rows)
    records = [dict(zip(split["columns"], row, strict=True)) for row in split["data"]]
    inputs = {name: [record[name] for record in records] for name in split["columns"]}
    return {
        "dataframe_split": ("application/json", json.dumps({"dataframe_split": split})),
        "dataframe_records": ("application/json", json.dumps({"dataframe_records": records})),
        "instances": ("application/json", json.dumps({"instances": records})),
        "inputs": ("application/json", json.dumps({"inputs": inputs})),
        "csv": ("text/csv", rows.to_csv(index=False)),
    }


FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs", "csv")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", [1, 40])
def test_every_form_is_answered_as_mlflows_server_answers_it(server, bundle, rows, form, number):
    import mlflow.pyfunc
    from mlflow.pyfunc import scoring_server

    content_type, body = as_requests(rows.head(number))[form]
    model = mlflow.pyfunc.load_model(str(bundle))
    theirs = scoring_server.invocations(body, content_type, model, model.metadata.get_input_schema())
    assert theirs.status == 200, theirs.response
    status, ours = server.post(body, content_type=content_type)
    assert status == 200
    wanted = json.loads(theirs.response)
    assert [list(row) for row in ours["predictions"]] == [list(row) for row in wanted["predictions"]]
    for name in ("y_score", "y_pred"):
        np.testing.assert_allclose(
            [row[name] for row in ours["predictions"]],
            [row[name] for row in wanted["predictions"]],
            atol=1e-14,
        )


def test_mlflows_own_client_is_answered_as_the_model_itself_predicts(server, bundle, rows):
    import mlflow.pyfunc
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    rows = pd.DataFrame(**plain(rows))
    client = ScoringServerClient("127.0.0.1", server.port)
    client.wait_server_ready()
    assert client.get_version()
    said = client.invoke(rows).get_predictions()
    wanted = mlflow.pyfunc.load_model(str(bundle)).predict(rows)
    assert list(said.columns) == list(wanted.columns)
    np.testing.assert_allclose(said["y_score"], wanted["y_score"], rtol=0, atol=1e-14)
    np.testing.assert_array_equal(said["y_pred"], wanted["y_pred"])
    with pytest.raises(Exception, match=r"error code 422, .*column 'age': above"):
        client.invoke(rows.assign(age=1000))


@pytest.mark.parametrize("path", ["/ping", "/health"])
def test_probes_are_answered(server, path):
    assert server.ask("GET", path)[0] == 200


def test_the_version_is_told(server):
    status, _, answer = server.ask("GET", "/version")
    assert status == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_an_answer_names_its_request(server):
    _, _, answer = server.ask("POST", "/invocations", {"instances": [ROW]}, x_request_id="mine-1")
    assert answer.headers["x-request-id"] == "mine-1"
    _, _, other = server.ask("POST", "/invocations", {"instances": [ROW]})
    assert other.headers["x-request-id"] not in ("", "mine-1")
