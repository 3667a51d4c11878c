"""The server described for OpenAPI: what each path takes and answers, with the columns as the contract has them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from components.serving import inference_protocol, mlflow_protocol, tensors
from components.serving.columns import Rule
from components.serving.contract import Rules
from components.serving.values import LEAST_INTEGER, MOST_INTEGER

if TYPE_CHECKING:
    from components.serving.model import Model
    from components.serving.settings import ServingSettings

Json = dict[str, Any]

MOST_EXPLAINED = 16
"""Rows of a request for explanations; `explanation.MOST_ROWS`, which is not loaded for this."""

MOMENT = "^[1-8][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-](0[0-9]|1[0-2]):[0-5][0-9])?)?$"
_TYPES = {
    "boolean": "boolean", "integer": "integer", "number": "number", "category": "string", "text": "string",
    "datetime": "string",
}  # fmt: skip
_LENIENCE = "Rows are read as in training: texts that spell a number, a truth value or nothing (`NA`, `null`) are taken for it."


def document(model: Model, settings: ServingSettings, outputs: Json, version: str, *, token: bool) -> Json:
    """The whole description.

    Args:
        model: the one in service.
        settings: of the server.
        outputs: predictions of some rows, by name.
        version: of the server.
        token: whether clients must bear one.
    """
    named = f"/v2/models/{model.name}"
    reads: Json = {
        "/ping": _read("Whether the server lives", {"application/json": {}}, probe=True),
        "/health": _read("Whether the server lives", {"application/json": {}}, probe=True),
        "/version": _read("The server's version", {"text/plain": {"schema": {"type": "string"}}}),
        "/metrics": _read(
            "What the server counts, for Prometheus", {"text/plain": {"schema": {"type": "string"}}}
        ),
        "/openapi.json": _read("This description", _content({"type": "object"})),
        "/v2": _read(
            "The server, as the Open Inference Protocol tells it", _content(_object("name", "version"))
        ),
        "/v2/health/live": _read("Whether the server lives", _content(_flags("live")), probe=True),
        "/v2/health/ready": _read(
            "Whether requests are wanted", _content(_flags("ready")), probe=True, may=("503",)
        ),
        named: _read("What the model takes and gives", _content(_object("name", "platform"))),
        f"{named}/ready": _read(
            "Whether requests are wanted", _content(_flags("ready")), probe=True, may=("503",)
        ),
        f"{named}/versions/{model.version}": _read("The same", _content(_object("name", "platform"))),
    }
    infer = _post(
        "Predictions, by the Open Inference Protocol v2", _infer_content(model, settings), _inferred(outputs)
    )
    posts = {
        "/invocations": _post(
            "Predictions, by MLflow's scoring protocol", _invocations(settings.max_rows), _predicted(outputs)
        ),
        "/explain": _post(
            "What each feature adds to a row's score (Shapley values)",
            _invocations(min(settings.max_rows, MOST_EXPLAINED)),
            _content(_object(explanations={"type": "array", "items": _explained()})),
        ),
        f"{named}/infer": infer,
        f"{named}/versions/{model.version}/infer": infer,
    }
    described: Json = {
        "openapi": "3.1.0",
        "info": {"title": model.name, "version": version, "description": _LENIENCE},
        "paths": {path: {"get": said} for path, said in reads.items()}
        | {path: {"post": said} for path, said in posts.items()},
        "components": {
            "schemas": {"Row": row_schema(model.rules), "Error": _error(), "Problem": _problem()},
        },
    }
    if token:
        described["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        described["security"] = [{"bearer": []}]
    return described


def row_schema(rules: Rules) -> Json:
    """One row as an object: every such row is answered."""
    return {
        "type": "object",
        "properties": {rule.name: value_schema(rule) for rule in (*rules.features, *rules.optional)},
        "required": [rule.name for rule in rules.features],
        "additionalProperties": False,
    }


def value_schema(rule: Rule) -> Json:
    """What a column's value may be, in the type that the contract names."""
    schema: Json = {"type": _TYPES[rule.type]}
    if rule.type in ("integer", "number"):
        ends = (
            (LEAST_INTEGER, MOST_INTEGER)
            if rule.type == "integer"
            else (-sys.float_info.max, sys.float_info.max)
        )
        schema["minimum"] = ends[0] if rule.minimum is None else rule.minimum
        schema["maximum"] = ends[1] if rule.maximum is None else rule.maximum
    elif rule.type == "datetime":
        schema["pattern"] = MOMENT
    elif rule.textual:
        schema |= (
            {"minLength": 1}
            if rule.categories is None
            else {"enum": [each for each in rule.categories if each]}
        )
    if rule.nullable:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"].append(None)
    return schema


def _invocations(max_rows: int) -> Json:
    rows: Json = {
        "type": "array",
        "items": {"$ref": "#/components/schemas/Row"},
        "minItems": 1,
        "maxItems": max_rows,
    }
    values = {"type": "array", "minItems": 1, "maxItems": max_rows}
    split = _object(
        columns={"type": "array", "items": {"type": "string"}}, data={**values, "items": {"type": "array"}}
    )
    forms = {
        "dataframe_split": split,
        "dataframe_records": rows,
        "instances": rows,
        "inputs": {"type": "object", "additionalProperties": values},
    }
    one_of = [{**_object(**{name: schema}), "additionalProperties": False} for name, schema in forms.items()]
    return {
        **_content({"oneOf": one_of}),
        mlflow_protocol.CONTENT_TYPES[1]: {"schema": {"type": "string"}},
    }


def _infer_content(model: Model, settings: ServingSettings) -> Json:
    names = [rule.name for rule in (*model.rules.features, *model.rules.optional)]
    tensor = _object(
        name={"type": "string", "enum": names},
        shape={"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": settings.max_rows}},
        datatype={"type": "string", "enum": [*tensors.NUMPY, "BYTES"]},
    )
    tensor["properties"] |= {"data": {"type": "array"}, "parameters": {"type": "object"}}
    asked = _object(inputs={"type": "array", "items": tensor, "minItems": 1})
    asked["properties"] |= {
        "id": {"type": "string"},
        "outputs": {"type": "array", "items": _object("name")},
        "parameters": {"type": "object"},
    }
    return {
        **_content(asked),
        inference_protocol.CONTENT_TYPES[2]: {"schema": {"type": "string", "format": "binary"}},
    }


def _predicted(outputs: Json) -> Json:
    row = _object(**{name: _output(values) for name, values in outputs.items()})
    answers = {"type": "array", "items": {"anyOf": [row, {"type": "null"}]}}
    said = _object(predictions=answers)
    problems = {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}}
    said["properties"] |= {"problems": problems, "problems_total": {"type": "integer"}}
    return _content(said)


def _inferred(outputs: Json) -> Json:
    tensor = _object(
        name={"type": "string", "enum": list(outputs)}, datatype={"type": "string"}, shape={"type": "array"}
    )
    said = _object("model_name", "model_version", "id", outputs={"type": "array", "items": tensor})
    return {**_content(said), inference_protocol.CONTENT_TYPES[2]: {}}


def _output(values: list[Any]) -> Json:
    kinds = {"INT64": "integer", "BYTES": "string", "BOOL": "boolean"}
    return {"type": kinds.get(tensors.datatype_of(values), "number")}


def _explained() -> Json:
    figures = ("y_score", "expected", "contributions", "standard_errors")
    return _object(**{name: {"type": ["number", "object"]} for name in figures})


def _error() -> Json:
    said = _object("error", "error_code", "message")
    problems = {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}}
    said["properties"] |= {"problems": problems, "problems_total": {"type": "integer"}}
    return said


def _problem() -> Json:
    return _object("column", "rule", "found", row={"type": ["integer", "null"]})


def _read(summary: str, content: Json, *, probe: bool = False, may: tuple[str, ...] = ()) -> Json:
    said: Json = {"summary": summary, "responses": {"200": {"description": "so it is", "content": content}}}
    if probe:
        said["security"] = []
    said["responses"] |= {status: {"description": "not now", "content": content} for status in may}
    return said | {"responses": said["responses"] | _errors("401", "405", "408", "413", "415", "431")}


def _post(summary: str, taken: Json, given: Json) -> Json:
    statuses = ("400", "401", "405", "408", "413", "415", "422", "431", "503")
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": taken},
        "responses": {"200": {"description": "the predictions", "content": given}, **_errors(*statuses)},
    }


_WHY = {
    "400": "the body is no request", "401": "the token is another", "405": "the method is another",
    "408": "the request came too slowly", "413": "the request is too long", "415": "the content type is another",
    "422": "rows break the contract", "431": "the headers are too long", "503": "the server is busy, or cannot log",
}  # fmt: skip


def _errors(*statuses: str) -> Json:
    content = _content({"$ref": "#/components/schemas/Error"})
    return {status: {"description": _WHY[status], "content": content} for status in statuses}


def _content(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _flags(*names: str) -> Json:
    return _object(**{name: {"type": "boolean"} for name in names})


def _object(*texts: str, **properties: Any) -> Json:
    """An object with these texts and properties, all of them required."""
    both = {name: {"type": "string"} for name in texts} | properties
    return {"type": "object", "properties": both, "required": list(both)}
