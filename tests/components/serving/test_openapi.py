"""The server is what it says of itself: what the description allows is answered, and nothing makes it fail."""

import json
import math
import subprocess
import sys
from pathlib import Path

import openapi_spec_validator as validator
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.serving.columns import Rule
from components.serving.contract import Rules
from components.serving.openapi import row_schema, value_schema
from tests.components.serving.conftest import COLUMNS, ROW

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def schemathesis(port: int, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """A run of schemathesis against the server; no request may take twenty seconds."""
    program = Path(sys.executable).with_name("schemathesis")
    url, checks = f"http://127.0.0.1:{port}/openapi.json", ["--checks", CHECKS, "--request-timeout", "20"]
    command = [program, "run", url, *checks, "--seed", "1", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def values(schema: dict) -> st.SearchStrategy:
    """The values that a column's schema allows."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kinds = {
        "null": lambda: st.none(),
        "boolean": lambda: st.booleans(),
        "integer": lambda: st.integers(math.ceil(schema["minimum"]), math.floor(schema["maximum"])),
        "number": lambda: st.floats(schema["minimum"], schema["maximum"]),
        "string": lambda: (
            st.from_regex(schema["pattern"], fullmatch=True)
            if "pattern" in schema
            else st.text(min_size=schema["minLength"])
        ),
    }
    return st.one_of(kinds[each]() for each in types)


def objects(schema: dict) -> st.SearchStrategy:
    """The rows that a row's schema allows."""
    made = {name: values(each) for name, each in schema["properties"].items()}
    required = {name: made.pop(name) for name in schema["required"]}
    return st.fixed_dictionaries(required, optional=made)


@pytest.fixture(scope="module")
def description(server):
    return server.ask("GET", "/openapi.json")[1]


def test_the_description_is_valid_openapi(description):
    validator.validate(description)


def test_the_columns_are_the_contracts(description, bundle):
    contract = json.loads((bundle / "contract.json").read_text())
    row = description["components"]["schemas"]["Row"]
    assert (
        row["required"]
        == [rule["name"] for rule in contract["features"]]
        == list(row["properties"])[: len(COLUMNS.names)]
    )
    age, marital = (
        next(rule for rule in contract["features"] if rule["name"] == name)
        for name in ("age", "marital_status")
    )
    assert row["properties"]["age"] == {
        "type": "integer",
        "minimum": age["minimum"],
        "maximum": age["maximum"],
    }
    assert row["properties"]["marital_status"]["enum"] == marital["categories"]
    assert {"sex", "race"} <= row["properties"].keys()


TABLES = ("/invocations", "/explain")


def test_every_path_that_is_described_is_there(server, description):
    for path, methods in description["paths"].items():
        (method,) = methods
        status, content, _ = server.ask(
            method.upper(), path, {"instances": [ROW]} if path in TABLES else None
        )
        assert status in ((200,) if method == "get" or path in TABLES else (400,)), (path, content)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_row_that_the_description_allows_is_answered(server, description, data):
    row = data.draw(objects(description["components"]["schemas"]["Row"]))
    status, content = server.post({"instances": [row]})
    assert status == 200, content


KINDS = [
    Rule("x", "number", False, None, 10.5, None, True),
    Rule("x", "integer", True, None, None, None, True),
    Rule("x", "datetime", False, None, None, None, True),
    Rule("x", "text", False, None, None, None, True),
    Rule("x", "category", True, None, None, ("a", "", "b"), True),
    Rule("x", "boolean", True, None, None, None, True),
]


@pytest.mark.parametrize("rule", KINDS, ids=lambda rule: rule.type)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_every_value_that_a_schema_allows_keeps_the_rule(rule, data):
    rules = Rules([rule], [])
    value = data.draw(values(value_schema(rule)))
    assert not rules.check({"x": [value]}, 1).problems
    assert row_schema(rules)["properties"]["x"] == value_schema(rule)


def test_a_token_is_described_where_one_is_asked(bundle):
    from components.serving.model import Model
    from components.serving.openapi import document
    from components.serving.settings import ServingSettings

    outputs = {"y_score": [0.5], "y_pred": [1]}
    said = document(Model.load(bundle), ServingSettings(), outputs, "1", token=True)
    assert said["security"] == [{"bearer": []}]
    assert said["paths"]["/ping"]["get"]["security"] == []


def test_schemathesis_finds_no_failure(server, tmp_path):
    """Some hundred cases; tests/system runs thousands."""
    done = schemathesis(server.port, tmp_path, "--phases", "fuzzing", "--max-examples", "8")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
