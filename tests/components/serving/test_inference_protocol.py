"""A client that others wrote for the Open Inference Protocol is answered as MLflow's is."""

import json

import numpy as np
import pytest
from tritonclient import http, utils

from tests.components.serving.conftest import ROW

NAME = "job_coaching"
TYPES = {"age": "INT64", "education": "INT64", "foreign_born": "BOOL"}


@pytest.fixture
def client(server):
    client = http.InferenceServerClient(f"127.0.0.1:{server.port}")
    yield client
    client.close()


def tensors(rows, *, binary: bool) -> list:
    made = []
    for name in rows.columns:
        kind = TYPES.get(name, "BYTES")
        values = rows[name].astype(object).to_numpy() if kind == "BYTES" else rows[name].to_numpy()
        values = values.astype({"INT64": np.int64, "BOOL": bool}.get(kind, object))
        tensor = http.InferInput(name, list(values.shape), kind)
        tensor.set_data_from_numpy(values, binary_data=binary)
        made.append(tensor)
    return made


@pytest.mark.parametrize("binary", [True, False], ids=["bytes", "json"])
@pytest.mark.parametrize("number", [1, 40])
def test_tensors_are_answered_as_rows_are(server, client, rows, binary, number):
    _, wanted = server.post(
        {"dataframe_split": json.loads(rows.head(number).to_json(orient="split", index=False))}
    )
    outputs = [http.InferRequestedOutput(name, binary_data=binary) for name in ("y_score", "y_pred")]
    result = client.infer(NAME, tensors(rows.head(number), binary=binary), outputs=outputs, request_id="mine")
    assert result.get_response()["id"] == "mine"
    for name in ("y_score", "y_pred"):
        answered = [row[name] for row in wanted["predictions"]]
        assert result.as_numpy(name).tolist() == answered
        assert result.get_output(name)["shape"] == [number]


def test_without_outputs_all_of_them_come_in_bytes(client, rows):
    result = client.infer(NAME, tensors(rows, binary=True))
    assert result.as_numpy("y_score").dtype == np.float64
    assert result.as_numpy("y_pred").dtype == np.int64


def test_the_client_finds_the_server_and_the_model_ready(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(NAME)
    assert client.is_model_ready(NAME, "12")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]


def test_the_metadata_is_the_contracts(client):
    said = client.get_model_metadata(NAME)
    assert (said["name"], said["versions"]) == (NAME, ["12"])
    assert {each["name"]: each["datatype"] for each in said["inputs"]} == dict.fromkeys(ROW, "BYTES") | TYPES
    assert {each["name"]: each["datatype"] for each in said["outputs"]} == {
        "y_score": "FP64",
        "y_pred": "INT64",
    }


def test_another_model_or_version_is_not_there(client):
    for name, version in (("other", ""), (NAME, "13")):
        with pytest.raises(utils.InferenceServerException, match="is not served"):
            client.get_model_metadata(name, version)


def test_a_broken_rule_reaches_the_client(client, rows):
    old = rows.astype({"age": int})
    old.loc[old.index[3], "age"] = 940
    with pytest.raises(utils.InferenceServerException, match="row 3, column 'age': above") as refused:
        client.infer(NAME, tensors(old, binary=True))
    assert refused.value.status() == "422"


def tensor(name: str = "age", **said) -> dict:
    return {"name": name, "shape": [1], "datatype": "INT64", "data": [40], **said}


WHOLE = [
    tensor(),
    tensor("education", data=[16]),
    tensor("foreign_born", datatype="BOOL", data=[False]),
    tensor("marital_status", datatype="BYTES", data=["married"]),
    tensor("relationship", datatype="BYTES", shape=[1, 1], data=[["householder"]]),
]
PATH = f"/v2/models/{NAME}/infer"


def test_the_protocols_own_example_is_answered(server):
    status, content, _ = server.ask(
        "POST", PATH, {"id": "42", "inputs": WHOLE, "outputs": [{"name": "y_score"}]}
    )
    assert (status, content["id"], len(content["outputs"])) == (200, "42", 1)
    assert 0 < content["outputs"][0]["data"][0] < 1


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([tensor(), tensor()], "'age' comes twice"),
        ([tensor(shape=[2])], "the shape says 2 rows, and data has 1"),
        ([tensor(shape=[1, 2])], "must be [n] or [n, 1]"),
        ([tensor(shape=[-1])], "must be [n] or [n, 1]"),
        ([tensor(shape=[10**9])], "at most 10,000"),
        ([tensor(shape=[0], data=[])], "no rows"),
        ([tensor(data=["40"])], "row 0 is not of INT64"),
        ([tensor(data=4)], "data must be a list"),
        ([tensor(datatype="TEXT")], "the datatype must be one of"),
        ([tensor(datatype={})], "the datatype must be one of"),
        ([tensor(parameters={"binary_data_size": 8})], "does not fit the 0 bytes"),
        ([tensor(parameters=[1])], "parameters must be an object"),
        ([{"shape": [1]}], "An input has no name"),
        ([tensor(), tensor("education", shape=[2], data=[1, 2])], "Ragged columns"),
        ("age", "The body must be"),
        ([], "no rows"),
        ([1], "The body must be"),
    ],
)
def test_what_is_no_request_is_told_what_is_wrong(server, inputs, told):
    status, content, _ = server.ask("POST", PATH, {"inputs": inputs})
    assert 400 <= status < 500
    assert told in content["error"]


def test_an_output_that_there_is_not_is_refused_before_anything_is_scored(server):
    status, content, _ = server.ask("POST", PATH, {"inputs": WHOLE, "outputs": [{"name": "y_scroe"}]})
    assert (status, "no output 'y_scroe'" in content["error"]) == (400, True)


@pytest.mark.parametrize(
    ("length", "size", "raw", "told"),
    [
        ("999999", 8, b"", "the body has"),
        ("-1", 8, b"", "the body has"),
        (None, 7, b"1234567", "1 rows of INT64 are 8 bytes, not 7"),
        (None, 8, b"123456789", "1 bytes follow the last input"),
        (None, 9, b"12345678", "does not fit"),
    ],
)
def test_bytes_that_do_not_fit_are_refused(server, length, size, raw, told):
    head = json.dumps(
        {
            "inputs": [
                {"name": "age", "shape": [1], "datatype": "INT64", "parameters": {"binary_data_size": size}}
            ]
        }
    )
    named = {"inference_header_content_length": length or str(len(head))}
    status, content, _ = server.ask("POST", PATH, head.encode() + raw, **named)
    assert (status, told in content["error"]) == (400, True), content


@pytest.mark.parametrize(
    "raw", [b"\x05\0\0\0mar", b"\xff\xff\xff\xff", b"\x01\0\0\0\xff", b"\x01\0\0\0a\x01\0\0\0b", b"\x01"]
)
def test_texts_in_bytes_that_are_none_are_refused(server, raw):
    tensor = {
        "name": "marital_status",
        "shape": [1],
        "datatype": "BYTES",
        "parameters": {"binary_data_size": len(raw)},
    }
    head = json.dumps({"inputs": [tensor]})
    status, _, _ = server.ask(
        "POST", PATH, head.encode() + raw, inference_header_content_length=str(len(head))
    )
    assert status == 400
