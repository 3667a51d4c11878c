"""MLflow's scoring protocol: what `/invocations` takes, and how it answers."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from components.serving import bounds
from components.serving.answers import Answer, RequestError, told
from components.serving.table import (
    Table,
    decoded,
    of_columns,
    of_lists,
    of_records,
    require_distinct,
    require_rows,
)

if TYPE_CHECKING:
    from components.serving.scoring import Scored

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
CONTENT_TYPES = ("application/json", "text/csv")

_ENCODER = msgspec.json.Encoder()
_MOST_FIELD_CHARACTERS = 1 << 20


def table(content_type: str, body: bytes, max_rows: int, columns: int) -> Table:
    """The rows that a request sends.

    Args:
        content_type: JSON or CSV.
        body: an object with one of the four formats, or CSV whose first line names the columns.
        max_rows: more are refused.
        columns: of the contract.

    Raises:
        RequestError: the content type or the body is something else.
    """
    if content_type == "application/json" or _kind(content_type) == "application/json":
        bounds.require_json(body, max_rows, columns)
        return _of_json(decoded(body), max_rows)
    return _of_csv(body, max_rows, bounds.cells(max_rows, columns))


def _kind(content_type: str) -> str:
    """One of `CONTENT_TYPES`.

    Raises:
        RequestError: it is another, or in other letters than UTF-8.
    """
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if kind not in CONTENT_TYPES:
        raise RequestError(
            415, f"The content type is {kind[:100]!r}; send {' or '.join(CONTENT_TYPES)}, in UTF-8."
        )
    charset = parameters.partition("charset=")[2].strip(' "').lower()
    if charset not in ("", "utf-8", "utf8"):
        raise RequestError(415, f"The charset is {charset[:50]!r}; send UTF-8.")
    return kind


def _of_json(said: Any, max_rows: int) -> Table:
    found = [name for name in FORMATS if name in said] if isinstance(said, dict) else []
    if len(found) != 1 or said.keys() - {found[0], "params", "signature_name"}:
        raise RequestError(
            400, f"The body must be an object with one of {', '.join(FORMATS)}, and nothing else."
        )
    if said.get("params"):
        raise RequestError(400, "The model takes no params; leave them out.")
    content = said[found[0]]
    if found[0] == "dataframe_split":
        if not isinstance(content, dict) or not {"columns", "data"} <= content.keys() <= {
            "columns",
            "data",
            "index",
        }:
            raise RequestError(400, 'dataframe_split must be {"columns": [...], "data": [[...], ...]}.')
        return of_lists(content["columns"], content["data"], max_rows)
    if found[0] == "inputs":
        return _of_inputs(content, max_rows)
    return of_records(content, max_rows)


def _of_inputs(content: Any, max_rows: int) -> Table:
    if not isinstance(content, dict):
        return of_records(content, max_rows)
    lists = [isinstance(values, list) for values in content.values()]
    if all(lists):
        return of_columns(content, max_rows)
    if any(lists):
        name = next(name for name, values in content.items() if not isinstance(values, list))
        raise RequestError(
            400, f"inputs: column {name[:200]!r} is no list, and others are; send a list a column."
        )
    return of_columns({name: [value] for name, value in content.items()}, max_rows)


def _of_csv(body: bytes, max_rows: int, most: int) -> Table:
    csv.field_size_limit(_MOST_FIELD_CHARACTERS)
    try:
        text = bounds.Lines(io.StringIO(body.decode("utf-8-sig"), newline=""), most, max_rows)
        lines = csv.reader(text, strict=True)
        names = next(lines, [])
        text.read(len(names))
        require_distinct(names)
        rows: list[list[str]] = []
        for line in lines:
            text.read(len(line))
            if not line and len(names) != 1:
                continue
            if len(rows) == max_rows:
                require_rows(max_rows + 1, max_rows)
            rows.append(line or [""])
    except UnicodeDecodeError as error:
        raise RequestError(400, f"The CSV is not in UTF-8: {error.reason} at byte {error.start}.") from None
    except csv.Error as error:
        raise RequestError(400, f"The CSV cannot be read: {error}.") from None
    return of_lists(names, rows, max_rows)


@cache
def _answer(names: tuple[str, ...]) -> Callable[..., msgspec.Struct]:
    """The answer for a row, as an object with these names; a type of its own is quicker than a dictionary."""
    fields = [f"value_{place}" for place in range(len(names))]
    return msgspec.defstruct("Answer", fields, rename=dict(zip(fields, names, strict=True)), gc=False)


def answered(scored: Scored) -> Answer:
    """The answer: an object a row, or null for a row that was set aside, and then why."""
    answers: list[Any] = list(map(_answer(tuple(scored.predictions)), *scored.predictions.values()))
    if scored.rows is None:
        return Answer(200, _ENCODER.encode({"predictions": answers}))
    whole: list[Any] = [None] * scored.total
    for row, answer in zip(scored.rows, answers, strict=True):
        whole[row] = answer
    return Answer(200, _ENCODER.encode({"predictions": whole, **told(scored.problems)}))
