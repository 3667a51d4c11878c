"""Tensors of the Open Inference Protocol v2: from JSON or bytes to lists of values, and back."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from components.serving.answers import RequestError

NUMPY = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
"""How numpy calls the types of fixed width; texts are BYTES."""

_NOTHING = {"FP64": float("nan"), "INT64": -1, "BOOL": False, "BYTES": ""}
"""What stands in bytes for a row that was set aside; JSON has null."""


def rows_of(name: str, shape: Any) -> int:
    """How many rows a tensor of shape [n] or [n, 1] has.

    Raises:
        RequestError: the shape is another.
    """
    whole = isinstance(shape, list) and all(type(size) is int and 0 <= size <= 2**40 for size in shape)
    if not whole or len(shape) not in (1, 2) or shape[1:] not in ([], [1]):
        raise RequestError(400, f"Input {name[:200]!r}: the shape must be [n] or [n, 1], a value a row.")
    return int(shape[0])


def of_json(name: str, datatype: str, rows: int, data: Any) -> list[Any]:
    """The values of a tensor in JSON, flat or a list a row.

    Raises:
        RequestError: they are not as many as the shape says, or not of the datatype.
    """
    if not isinstance(data, list):
        raise RequestError(400, f"Input {name[:200]!r}: data must be a list.")
    values = [each[0] if type(each) is list and len(each) == 1 else each for each in data]
    if len(values) != rows:
        raise RequestError(
            400,
            f"Input {name[:200]!r}: the shape says {rows} rows, and data has {len(values)}; they must agree.",
        )
    wanted = _PYTHON[datatype]
    for row, value in enumerate(values):
        if value is not None and type(value) not in wanted:
            raise RequestError(400, f"Input {name[:200]!r}: the value of row {row} is not of {datatype}.")
    return values


_PYTHON: dict[str, tuple[type, ...]] = {
    **{
        name: (int, bool) if kind[-2] in "iu" else (int, float)
        for name, kind in NUMPY.items()
        if name != "BOOL"
    },
    "BOOL": (bool, int),
    "BYTES": (str,),
}


def of_bytes(name: str, datatype: str, rows: int, data: memoryview) -> list[Any]:
    """The values of a tensor in the bytes of the binary extension.

    Raises:
        RequestError: they are not as many as the shape says, or no texts in UTF-8.
    """
    if datatype == "BYTES":
        return _texts(name, rows, data)
    dtype = np.dtype(NUMPY[datatype])
    if len(data) != rows * dtype.itemsize:
        raise RequestError(
            400,
            f"Input {name[:200]!r}: {rows} rows of {datatype} are {rows * dtype.itemsize} bytes, not {len(data)}.",
        )
    values: list[Any] = np.frombuffer(data, dtype=dtype).tolist()
    return values


def _texts(name: str, rows: int, data: memoryview) -> list[Any]:
    values: list[Any] = []
    place = 0
    while place < len(data) and len(values) < rows:
        start = place + 4
        length = int.from_bytes(data[place:start], "little")
        place = start + length
        if place > len(data):
            break
        try:
            values.append(str(data[start:place], "utf-8"))
        except UnicodeDecodeError:
            raise RequestError(
                400, f"Input {name[:200]!r}: the value of row {len(values)} is not in UTF-8."
            ) from None
    if len(values) != rows or place != len(data):
        raise RequestError(
            400, f"Input {name[:200]!r}: the bytes do not hold {rows} texts, each after its length."
        )
    return values


def datatype_of(values: Sequence[Any]) -> str:
    """The datatype of predictions, by the first that there is."""
    value = next((value for value in values if value is not None), 0.0)
    if isinstance(value, str):
        return "BYTES"
    if isinstance(value, bool):
        return "BOOL"
    return "INT64" if isinstance(value, int) else "FP64"


def to_bytes(datatype: str, values: Sequence[Any]) -> bytes:
    """The values as the binary extension has them."""
    known = [_NOTHING[datatype] if value is None else value for value in values]
    if datatype != "BYTES":
        return np.array(known, dtype=NUMPY[datatype]).tobytes()
    texts = [str(value).encode() for value in known]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
