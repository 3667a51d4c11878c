"""The text part of a served program: what it looks words up in, as plain files; ONNX has no words."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from components.release.archive import zipped
from components.training.features import Columns
from components.training.texts import TextParts

TERMS, ARRAYS = "texts.json", "texts.npz"


def found(transformer: Any, columns: Columns) -> dict[str, TextParts]:
    """The fitted transformer of each text column of a fitted ColumnTransformer; none where it has another form."""
    parts = {}
    for _, part, names in getattr(transformer, "transformers_", ()):
        first = part.steps[0][1] if hasattr(part, "steps") else part
        if type(first) is TextParts and len(names) == 1 and names[0] in columns.texts:
            parts[str(names[0])] = first
    return parts


def files(parts: Mapping[str, TextParts]) -> dict[str, bytes]:
    """Each column's terms as JSON, and their weights and directions as arrays in the order of the columns.

    Without texts there are no files.
    """
    if not parts:
        return {}
    terms = {name: part.terms_ for name, part in parts.items()}
    arrays = {
        f"{key}_{place}.npy": _saved(values)
        for place, part in enumerate(parts.values())
        for key, values in (("idf", part.idf_), ("components", part.components_))
    }
    return {TERMS: json.dumps(terms).encode() + b"\n", ARRAYS: zipped(arrays)}


def _saved(values: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()
