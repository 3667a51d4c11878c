"""The Open Inference Protocol v2 over HTTP: what `/v2/models/NAME/infer` takes, and how it answers.

A tensor is a column. The binary extension is known: `Inference-Header-Content-Length` says where the JSON ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from components.serving import bounds, tensors
from components.serving.answers import Answer, RequestError, told
from components.serving.columns import Rule
from components.serving.table import Table, decoded, of_columns, require_distinct, require_rows

if TYPE_CHECKING:
    from components.serving.model import Model
    from components.serving.scoring import Scored

DATATYPES = {
    "boolean": "BOOL", "integer": "INT64", "number": "FP64", "category": "BYTES", "text": "BYTES", "datetime": "BYTES",
}  # fmt: skip
"""The datatype of each type of the contract; any datatype is taken, and its values are checked."""

CONTENT_TYPES = ("", "application/json", "application/octet-stream")
_LENGTH = b"inference-header-content-length"


class Asked(msgspec.Struct, frozen=True):
    """What a request for inference says.

    Attributes:
        table: the rows.
        id: as the client calls the request; "" if it does not.
        outputs: the predictions that are wanted and whether in bytes; None for all.
        binary: whether those that are not named are wanted in bytes.
    """

    table: Table
    id: str
    outputs: dict[str, bool] | None
    binary: bool


def asked(headers: dict[bytes, bytes], body: bytes, max_rows: int, width: int) -> Asked:
    """What the request asks.

    Args:
        headers: its last ones of each name.
        body: all of it.
        max_rows: more are refused.
        width: how many columns the contract has.

    Raises:
        RequestError: it is no request for inference.
    """
    kind = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if kind not in CONTENT_TYPES:
        raise RequestError(
            415, f"The content type is {kind[:100]!r}; send application/json or application/octet-stream."
        )
    length = _json_length(headers, body)
    head, rest = body[:length], memoryview(body)[length:]
    bounds.require_json(head, max_rows, width, lists_a_row=width)  # each value may be a list of its own
    said = decoded(head)
    inputs = said.get("inputs") if isinstance(said, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(each, dict) for each in inputs):
        raise RequestError(400, 'The body must be {"inputs": [{"name", "shape", "datatype", "data"}, ...]}.')
    columns: dict[str, list[Any]] = {}
    require_distinct([str(each.get("name")) for each in inputs])
    for tensor in inputs:
        name, values, rest = _input(tensor, rest, max_rows)
        columns[name] = values
    if len(rest):
        raise RequestError(
            400, f"{len(rest)} bytes follow the last input; binary_data_size says how many it has."
        )
    name = said.get("id", "")
    if not isinstance(name, str):
        raise RequestError(400, "The id must be a text.")
    return Asked(
        of_columns(columns, max_rows),
        name,
        _outputs(said),
        _parameters(said).get("binary_data_output") is True,
    )


def _json_length(headers: dict[bytes, bytes], body: bytes) -> int:
    given = headers.get(_LENGTH)
    if given is None:
        return len(body)
    if not given.isdigit() or len(given) > 18 or int(given) > len(body):
        raise RequestError(
            400,
            f"Inference-Header-Content-Length is {given[:20].decode('latin-1')!r}, and the body has {len(body)} bytes.",
        )
    return int(given)


def _input(tensor: dict[str, Any], rest: memoryview, max_rows: int) -> tuple[str, list[Any], memoryview]:
    name, datatype = tensor.get("name"), tensor.get("datatype")
    if not isinstance(name, str):
        raise RequestError(400, "An input has no name; give each one.")
    if not isinstance(datatype, str) or datatype not in (*tensors.NUMPY, "BYTES"):
        raise RequestError(
            400, f"Input {name[:200]!r}: the datatype must be one of {', '.join((*tensors.NUMPY, 'BYTES'))}."
        )
    rows = tensors.rows_of(name, tensor.get("shape"))
    require_rows(rows, max_rows)
    size = _parameters(tensor).get("binary_data_size")
    if size is None:
        return name, tensors.of_json(name, datatype, rows, tensor.get("data")), rest
    if type(size) is not int or not 0 <= size <= len(rest):
        raise RequestError(
            400, f"Input {name[:200]!r}: binary_data_size does not fit the {len(rest)} bytes that are left."
        )
    return name, tensors.of_bytes(name, datatype, rows, rest[:size]), rest[size:]


def _parameters(of: dict[str, Any]) -> dict[str, Any]:
    found = of.get("parameters")
    if found is not None and not isinstance(found, dict):
        raise RequestError(400, "parameters must be an object.")
    return found or {}


def _outputs(said: dict[str, Any]) -> dict[str, bool] | None:
    outputs = said.get("outputs")
    if not outputs:
        return None
    if not isinstance(outputs, list) or not all(
        isinstance(each, dict) and isinstance(each.get("name"), str) for each in outputs
    ):
        raise RequestError(400, 'outputs must be [{"name": "y_score"}, ...].')
    default = _parameters(said).get("binary_data_output") is True
    return {each["name"]: _parameters(each).get("binary_data", default) is True for each in outputs}


def answered(asked: Asked, request_id: str, scored: Scored) -> Answer:
    """The answer: a tensor a prediction; null, or nothing in bytes, for a row that was set aside, and then why.

    Raises:
        RequestError: an output is asked for that the model does not have.
    """
    model, predictions, rows, problems = (
        scored.variant.model,
        scored.predictions,
        scored.rows,
        scored.problems,
    )
    wanted = asked.outputs if asked.outputs is not None else dict.fromkeys(predictions, asked.binary)
    require_outputs(wanted, predictions)
    outputs: list[dict[str, Any]] = []
    parts: list[bytes] = []
    for name, binary in wanted.items():
        values = predictions[name]
        datatype = tensors.datatype_of(values)
        if rows is not None:
            values = _spread(values, rows, asked.table.rows)
        output: dict[str, Any] = {"name": name, "datatype": datatype, "shape": [asked.table.rows]}
        if binary:
            parts.append(tensors.to_bytes(datatype, values))
            output["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            output["data"] = values
        outputs.append(output)
    said: dict[str, Any] = {
        "model_name": model.name,
        "model_version": model.version,
        "id": asked.id or request_id,
        "outputs": outputs,
    }
    if problems:
        said["parameters"] = {"problems": msgspec.json.encode(told(problems)).decode()}
    head = msgspec.json.encode(said)
    if not parts:
        return Answer(200, head)
    length = (_LENGTH, b"%d" % len(head))
    return Answer(200, b"".join([head, *parts]), b"application/octet-stream", (length,))


def require_outputs(wanted: dict[str, bool], known: dict[str, Any]) -> None:
    """None, if the model has every output that is wanted.

    Raises:
        RequestError: it has not.
    """
    if unknown := [name for name in wanted if name not in known]:
        raise RequestError(400, f"The model has no output {unknown[0][:200]!r}; it has {', '.join(known)}.")


def _spread(values: Sequence[Any], rows: Sequence[int], total: int) -> list[Any]:
    whole: list[Any] = [None] * total
    for row, value in zip(rows, values, strict=True):
        whole[row] = value
    return whole


def metadata(model: Model, outputs: dict[str, list[Any]]) -> dict[str, Any]:
    """What the model takes and gives, as the protocol tells it.

    Args:
        model: the one in service.
        outputs: predictions of some rows, by name.
    """

    def tensor(rule: Rule) -> dict[str, Any]:
        return {"name": rule.name, "datatype": DATATYPES[rule.type], "shape": [-1]}

    return {
        "name": model.name,
        "versions": [model.version],
        "platform": "flowprint",
        "inputs": [tensor(rule) for rule in model.rules.features],
        "outputs": [
            {"name": name, "datatype": tensors.datatype_of(values), "shape": [-1]}
            for name, values in outputs.items()
        ],
    }
