import json

import pytest

from components.release.run_record import DataInput


def described(source: str = "data/acs.parquet", **columns: str):
    return DataInput("acs", "d0123456789abcdef", source, 43_348, columns or {"age": "integer"}).to_mlflow()


def test_digest_is_the_content_version():
    assert described().digest == "d0123456789abcdef"


def test_profile_has_the_number_of_rows():
    assert json.loads(described().profile) == {"num_rows": 43_348}


@pytest.mark.parametrize(
    ("contract", "mlflow"),
    [
        ("boolean", "boolean"),
        ("integer", "long"),
        ("number", "double"),
        ("category", "string"),
        ("text", "string"),
        ("datetime", "datetime"),
    ],
)
def test_contract_types_become_mlflows(contract, mlflow):
    (column,) = json.loads(described(age=contract).schema)["mlflow_colspec"]
    assert (column["name"], column["type"]) == ("age", mlflow)


def test_what_exactly_was_read_stands_with_the_source():
    data = DataInput("acs", "d1", "s3://bucket/acs", 1, {}, pin="version id bucket/acs 3f2a")
    assert json.loads(data.to_mlflow().source) == {
        "uri": "s3://bucket/acs",
        "pin": "version id bucket/acs 3f2a",
    }


@pytest.mark.parametrize(
    ("source", "kind", "shown"),
    [
        ("data/acs.parquet", "local", {"uri": "data/acs.parquet"}),
        ("s3://bucket/acs", "s3", {"uri": "s3://bucket/acs"}),
        ("https://ada:pa55@host/t.csv?token=pa55", "http", {"url": "https://***@host/t.csv?***"}),
    ],
)
def test_source_is_named_as_mlflow_does_and_without_secrets(source, kind, shown):
    dataset = described(source)
    assert (dataset.source_type, json.loads(dataset.source)) == (kind, shown)
