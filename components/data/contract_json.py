"""The contract as contract.json in a bundle: what the server checks of a request, without polars or pandera.

Batch scoring reads it back, to check whole tables by it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from components.data.contract import STORED_AS, ColumnRule, Contract
from components.data.names import reserved
from components.errors import BundleError, ContractError

VERSION = 1


def to_json(
    contract: Contract, features: Sequence[str], optional: Sequence[str] = (), kept: Sequence[str] = ()
) -> dict[str, Any]:
    """What a row of a request may hold, as plain JSON.

    A row must hold the ``features`` and may hold the ``optional`` columns (sensitive ones, for the log), and those that are
    ``kept`` for monitoring alone (group and weight), of which any value of their type is right, or none; a column's rules are those of schema.yaml, without uniqueness, which no single row can show. A value is right if it is null
    and ``nullable``; or of its ``type``, at least ``minimum``, at most ``maximum`` and among the ``categories``, where
    these are not null. Datetimes are ISO 8601 texts.

    Raises:
        ContractError: If the contract has no such column, or one has a name that predictions or their log have.
    """
    if taken := reserved({*features, *optional, *kept}):
        raise ContractError(
            f"The columns {taken} have the names of predictions or of the prediction log's own columns, beside which they would "
            "be logged; rename them in the source and in schema.yaml."
        )
    return {
        "version": VERSION,
        "features": [_plain(contract.column(name)) for name in features],
        "optional": [_plain(contract.column(name)) for name in optional if name not in features]
        + [
            _plain(ColumnRule(name, contract.column(name).type, nullable=True))
            for name in dict.fromkeys(kept)
            if name not in (*features, *optional)
        ],
    }


def from_json(content: Mapping[str, Any]) -> tuple[Contract, Contract]:
    """The rules of the columns that a row must have, and of those that it may have, as :func:`to_json` wrote them.

    Raises:
        BundleError: If it is of another version, or no contract.
    """
    if content.get("version") != VERSION:
        raise BundleError(
            f"contract.json: version {content.get('version')!r}, but this code reads {VERSION}; use the code that packed it."
        )
    try:
        features, optional = (
            Contract(tuple(_rule(rule) for rule in content[part])) for part in ("features", "optional")
        )
    except (KeyError, TypeError) as error:
        raise BundleError(f"contract.json: not a contract ({error!r}); get the bundle again.") from error
    return features, optional


def _rule(rule: Mapping[str, Any]) -> ColumnRule:
    if rule["type"] not in STORED_AS:
        raise TypeError(f"the type {rule['type']!r} of column {rule['name']!r}")
    categories = rule["categories"]
    return ColumnRule(
        rule["name"],
        rule["type"],
        nullable=rule["nullable"],
        minimum=rule["minimum"],
        maximum=rule["maximum"],
        categories=None if categories is None else tuple(categories),
    )


def _plain(rule: ColumnRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "type": rule.type,
        "nullable": rule.nullable,
        "minimum": rule.minimum,
        "maximum": rule.maximum,
        "categories": None if rule.categories is None else list(rule.categories),
    }
