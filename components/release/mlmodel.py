"""The files that make a bundle an MLflow model, written without importing MLflow."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    import pandas as pd

_OUTPUTS = (("y_score", "double"), ("y_pred", "long"))


def mlmodel_files(
    inputs: dict[str, str], X_example: pd.DataFrame, *, created: str, facts: dict[str, str]
) -> dict[str, bytes]:
    """MLmodel, python_env.yaml, input_example.json, and the same rows as a request: serving_input_example.json.

    Args:
        inputs: the kind of each column that the program reads, "double" or "string".
        X_example: a few rows in the form of `features.inputs`.
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
            "inputs": _schema(inputs.items()),
            "outputs": _schema(_OUTPUTS),
            "params": None,
        },
        "utc_time_created": created,
    }
    example = _split(X_example)
    environment = {"python": python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
    return {
        "MLmodel": _yaml(model),
        "python_env.yaml": _yaml(environment),
        "input_example.json": _json(example),
        "serving_input_example.json": _json({"dataframe_split": example}),
    }


def _schema(columns: Any) -> str:
    return json.dumps([{"type": kind, "name": name, "required": True} for name, kind in columns])


def _split(X: pd.DataFrame) -> dict[str, Any]:
    values = X.astype(object).where(X.notna(), None).to_numpy().tolist()
    return {"columns": list(X.columns), "data": values}


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, allow_nan=False).encode() + b"\n"


def _yaml(content: dict[str, Any]) -> bytes:
    text: str = yaml.safe_dump(content, sort_keys=True, allow_unicode=True)
    return text.encode()
