"""The contract as schema.yaml: a pandera schema for polars, which ``pandera.io.polars_io.from_yaml`` reads as well."""

from pathlib import Path
from typing import Any

import polars as pl
import yaml

from components.data.contract import STORED_AS, ColumnRule, ColumnType, Contract
from components.errors import ContractError

HEAD = """\
# The data contract: what each column of the table may hold. Rows that break it are set aside, with the reason.
# It was inferred from the table's own values. Review it once, then keep it; a change is a decision.
#
# dtype        Boolean, Int64, Float64, Categorical (one of few values), String (free text), Datetime (in UTC).
#              Numbers that are only names (codes, postal areas) belong under Categorical.
# greater_than_or_equal_to, less_than_or_equal_to
#              What was seen, and a tenth of its width on both sides. Put what is possible.
# isin         The values that were seen. Add those that may still come.
# nullable     Whether a value may be missing. unique: whether no value may come twice.
"""

_SCHEMA = {"schema_type": "polars_dataframe", "api": "polars", "strict": True, "coerce": True}
_LEAST, _MOST, _AMONG, _RANGE = "greater_than_or_equal_to", "less_than_or_equal_to", "isin", "in_range"
_CHECKS = (_LEAST, _MOST, _AMONG, _RANGE)
_DESCRIPTIVE = ("title", "description", "required", "coerce", "regex", "checks", "report_duplicates")
_DTYPE_OF: dict[ColumnType, str] = {kind: str(dtype) for kind, dtype in STORED_AS.items()}
_KIND_OF: dict[str, ColumnType] = {
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"), "integer"),
    **dict.fromkeys(("float32", "float64"), "number"),
    **dict.fromkeys(("categorical", "category"), "category"),
    **dict.fromkeys(("string", "str", "utf8"), "text"),
    **dict.fromkeys(("date", "datetime"), "datetime"),
}


def save(contract: Contract, path: Path) -> None:
    """Write the contract to ``path``, with a head that tells the reader what to review."""
    path.write_text(HEAD + to_yaml(contract), encoding="utf-8")


def load(path: Path) -> Contract:
    """The contract in the file ``path``.

    Raises:
        ContractError: If there is no such file, or it holds no contract.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ContractError(f"{path} does not exist; infer the contract from the table, and review it") from None
    except UnicodeDecodeError as error:
        raise ContractError(f"{path} is damaged: {error}; restore it from version control") from None
    return parse(text, name=path.name)


def parse(text: str, *, name: str = "schema.yaml") -> Contract:
    """The contract in the text of a schema.yaml; ``name`` is what errors call it.

    Raises:
        ContractError: If the text is no YAML or no contract, naming the column and the key at fault.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ContractError(f"{name} is no YAML: {' '.join(str(error).split())}; restore it, or infer it anew") from None
    if not isinstance(content, dict) or not isinstance(content.get("columns"), dict) or not content["columns"]:
        raise ContractError(f"{name} has no table of columns; restore it, or infer it anew")
    return Contract(tuple(_rule(name, str(column), body) for column, body in content["columns"].items()))


def to_yaml(contract: Contract) -> str:
    """The contract in pandera's own form for polars schemas."""
    schema_type, api = ({key: _SCHEMA[key]} for key in ("schema_type", "api"))
    options = {key: _SCHEMA[key] for key in ("strict", "coerce")}
    columns = {"columns": {rule.name: _column(rule) for rule in contract.columns}}
    return yaml.safe_dump(
        {**schema_type, **api, **options, **columns}, sort_keys=False, allow_unicode=True, width=110
    )


def _column(rule: ColumnRule) -> dict[str, Any]:
    body: dict[str, Any] = {"dtype": _DTYPE_OF[rule.type]}
    body |= {key: True for key in ("nullable", "unique") if getattr(rule, key)}
    for key, bound in ((_LEAST, rule.minimum), (_MOST, rule.maximum)):
        if bound is not None:
            body[key] = int(bound) if float(bound).is_integer() else bound
    return body | ({_AMONG: list(rule.categories)} if rule.categories is not None else {})


def _rule(name: str, column: str, body: Any) -> ColumnRule:
    if not isinstance(body, dict):
        raise ContractError(f"{name}: column {column!r} has no rules; give it at least a dtype")
    kind = _kind(name, column, body.get("dtype"))
    checks = _checks(name, column, body)
    least, most = (_bound(name, column, kind, key, checks.get(key)) for key in (_LEAST, _MOST))
    if least is not None and most is not None and least > most:
        raise ContractError(f"{name}: column {column!r} has its least value {least:g} above its greatest {most:g}")
    flags = {key: _flag(name, column, key, body.get(key, False)) for key in ("nullable", "unique")}
    return ColumnRule(column, kind, **flags, minimum=least, maximum=most, categories=_among(name, column, kind, checks))
