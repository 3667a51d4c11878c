"""The files that make a bundle an MLflow model, written without importing MLflow."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    import pandas as pd

_TYPES = {"boolean": "boolean", "integer": "long", "number": "double", "datetime": "any"}


def mlmodel_files(
    features: Iterable[Mapping[str, Any]],
    example: pd.DataFrame,
    *,
    outputs: Mapping[str, str],
    created: str,
    facts: dict[str, str],
) -> dict[str, bytes]:
    """MLmodel, python_env.yaml, input_example.json, and the same rows as a request: serving_input_example.json.

    Args:
        features: name, type and nullability of each column that the program reads, as contract.json has them.
        example: a few rows with these columns, as the table has them.
        outputs: MLflow's type of each prediction.
        created: when the bundle was made, ISO 8601.
        facts: what MLflow shows beside the model.
    """
    python = ".".join(str(part) for part in sys.version_info[:3])
    model = {
        "flavors": {
            "python_function": {
                "loader_module": "program",
                "code": "program.pyz",
                "env": {"virtualenv": "python_env.yaml"},
                "python_version": python,
                "streamable": False,
            }
        },
        "metadata": facts,
        "mlflow_version": metadata.version("mlflow"),
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "type": "dataframe",
            "pandas_orient": "split",
            "serving_input_path": "serving_input_example.json",
        },
        "signature": {
            "inputs": _schema((rule["name"], _mlflow_type(rule)) for rule in features),
            "outputs": _schema((name, kind) for name, kind in outputs.items()),
            "params": None,
        },
        "utc_time_created": created,
    }
    rows = _split(example)
    environment = {"python": python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
    return {
        "MLmodel": _yaml(model),
        "python_env.yaml": _yaml(environment),
        "input_example.json": _json(rows),
        "serving_input_example.json": _json({"dataframe_split": rows}),
    }


def _mlflow_type(rule: Mapping[str, Any]) -> str:
    """MLflow's word for the column's type.

    MLflow converts neither whole numbers to others nor others to whole ones, and pandas stores whole numbers with a
    gap as floats, truth values with a gap as objects: columns that may have gaps may hold any type. So may dates, which
    MLflow's own type takes as datetimes alone, and not as the texts that JSON has; the program reads both.
    """
    kind = _TYPES.get(rule["type"], "string")
    return "any" if rule["nullable"] and kind in ("boolean", "long") else kind


def _schema(columns: Iterable[tuple[str, str]]) -> str:
    return json.dumps([{"type": kind, "name": name, "required": True} for name, kind in columns])


def _split(rows: pd.DataFrame) -> dict[str, Any]:
    values = rows.astype(object).where(rows.notna(), None).to_numpy().tolist()
    return {"columns": list(rows.columns), "data": [[_plain(value) for value in row] for row in values]}


def _plain(value: Any) -> Any:
    """The value as JSON has it: dates as ISO 8601 texts."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, allow_nan=False).encode() + b"\n"


def _yaml(content: dict[str, Any]) -> bytes:
    text: str = yaml.safe_dump(content, sort_keys=True, allow_unicode=True)
    return text.encode()
