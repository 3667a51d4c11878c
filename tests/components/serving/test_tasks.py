"""Bundles of several classes, of numbers and of what is served as Python are answered as MLflow's server answers them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.components.serving.conftest import serving
from tests.components.serving.tasks import CLASSES, TASKS, packed
from tests.components.serving.test_metrics import of


@pytest.fixture(scope="module", params=TASKS)
def task(request, tmp_path_factory) -> tuple[str, Path, pd.DataFrame]:
    """The name of a task, its bundle, and rows as a table has them, with a missing category and number."""
    folder = tmp_path_factory.mktemp(request.param) / "bundle"
    frame = packed(request.param, folder)
    return request.param, folder, frame.head(20)


@pytest.fixture(scope="module")
def served(task, tmp_path_factory):
    with serving(["--bundle", str(task[1])], tmp_path_factory.mktemp("server")) as running:
        yield running


def test_rows_are_answered_as_mlflows_server_answers_them(task, served):
    import mlflow.pyfunc
    from mlflow.pyfunc import scoring_server

    _, folder, rows = task
    body = json.dumps(
        {"dataframe_split": json.loads(rows.to_json(orient="split", index=False, double_precision=15))}
    )
    model = mlflow.pyfunc.load_model(str(folder))
    theirs = scoring_server.invocations(body, "application/json", model, model.metadata.get_input_schema())
    assert theirs.status == 200, theirs.response
    status, ours = served.post(body, content_type="application/json")
    assert status == 200, ours
    wanted = json.loads(theirs.response)["predictions"]
    assert [list(row) for row in ours["predictions"]] == [list(row) for row in wanted]
    for found, row in zip(ours["predictions"], wanted, strict=True):
        for name, value in row.items():
            assert found[name] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-12))


def test_tensors_are_answered_with_the_same(task, served):
    name, folder, rows = task
    contract = json.loads((folder / "contract.json").read_text())
    types = {rule["name"]: "BYTES" if rule["type"] == "category" else "FP64" for rule in contract["features"]}
    columns = json.loads(rows.to_json(orient="columns", double_precision=15))
    inputs = [
        {"name": each, "shape": [len(rows)], "datatype": types[each], "data": list(values.values())}
        for each, values in columns.items()
    ]
    status, content, _ = served.ask("POST", f"/v2/models/{name}/infer", {"inputs": inputs})
    assert status == 200, content
    records = json.loads(rows.to_json(orient="records", double_precision=15))
    _, wanted = served.post({"dataframe_records": records})
    for output in content["outputs"]:
        answered = [row[output["name"]] for row in wanted["predictions"]]
        assert output["data"] == (
            answered if output["datatype"] == "BYTES" else pytest.approx(answered, rel=1e-12)
        )


def test_decisions_and_scores_are_counted_by_the_task(task, served):
    name, _, rows = task
    records = json.loads(rows.to_json(orient="records"))
    served.post({"dataframe_records": records})
    found = of(served)
    counted = {each for each in found if each.startswith("serving_predictions_total")}
    decisions = set(CLASSES) if name == "classes" else {""}
    assert counted <= {
        f'serving_predictions_total{{variant="champion",decision="{each}"}}' for each in decisions
    }
    rows_answered = found['serving_rows_total{variant="champion"}']
    assert sum(found[each] for each in counted) == rows_answered
    assert found['serving_score_count{variant="champion",version="1"}'] == rows_answered
    buckets = [value for each, value in found.items() if each.startswith("serving_score_bucket")]
    assert len({value for value in buckets if 0 < value < rows_answered}) > 1  # the bins fit the scores
