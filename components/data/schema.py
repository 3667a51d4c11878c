"""The data contract in one place: inferred from a table once, reviewed, frozen in schema.yaml, and checked ever after."""

from components.data.checks import check, too_many
from components.data.conformity import conform, conform_each
from components.data.contract import CheckedTable, ColumnRule, ColumnType, Contract, Violation
from components.data.contract_json import to_json
from components.data.contract_yaml import load, parse, save, to_yaml
from components.data.inference import infer

__all__ = [
    "CheckedTable",
    "ColumnRule",
    "ColumnType",
    "Contract",
    "Violation",
    "check",
    "conform",
    "conform_each",
    "infer",
    "load",
    "parse",
    "save",
    "to_json",
    "to_yaml",
    "too_many",
]
