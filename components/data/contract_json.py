"""The contract as contract.json in a bundle: what the server checks of a request, without polars or pandera."""

from collections.abc import Sequence
from typing import Any

from components.data.contract import ColumnRule, Contract


def to_json(contract: Contract, features: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
    """What a row of a request may hold, as plain JSON.

    A row must hold the ``features`` and may hold the ``optional`` columns (sensitive ones, for the log); a column's
    rules are those of schema.yaml, without uniqueness, which no single row can show. A value is right if it is null
    and ``nullable``; or of its ``type``, at least ``minimum``, at most ``maximum`` and among the ``categories``, where
    these are not null. Datetimes are ISO 8601 texts.

    Raises:
        ContractError: If the contract has no such column.
    """
    return {
        "version": 1,
        "features": [_plain(contract.column(name)) for name in features],
        "optional": [_plain(contract.column(name)) for name in optional if name not in features],
    }


def _plain(rule: ColumnRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "type": rule.type,
        "nullable": rule.nullable,
        "minimum": rule.minimum,
        "maximum": rule.maximum,
        "categories": None if rule.categories is None else list(rule.categories),
    }
