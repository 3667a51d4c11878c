"""The contract as schema.yaml: a pandera schema for polars, which ``pandera.io.polars_io.from_yaml`` reads as well."""

from pathlib import Path
from typing import Any

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

_LEAST, _MOST, _AMONG, _RANGE = "greater_than_or_equal_to", "less_than_or_equal_to", "isin", "in_range"
_KEYS = ("dtype", "nullable", "unique", _LEAST, _MOST, _RANGE, _AMONG, "title", "description", "coerce")
_KIND_OF: dict[str, ColumnType] = {
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"), "integer"),
    **dict.fromkeys(("float32", "float64"), "number"),
    **dict.fromkeys(("categorical", "category"), "category"),
    **dict.fromkeys(("string", "str", "utf8"), "text"),
    **dict.fromkeys(("date", "datetime"), "datetime"),
}


class _OnOneLine(list[str]):
    """A list that is written between brackets."""


class _Dumper(yaml.SafeDumper):
    """Writes plain values, and some lists on one line."""


_Dumper.add_representer(
    _OnOneLine,
    lambda dumper, values: dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True),
)


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
        raise ContractError(
            f"{path} does not exist; infer the contract from the table, and review it."
        ) from None
    except UnicodeDecodeError as error:
        raise ContractError(f"{path} is damaged: {error}; restore it from version control.") from None
    return parse(text, name=path.name)


def parse(text: str, *, name: str = "schema.yaml") -> Contract:
    """The contract in the text of a schema.yaml; ``name`` is what errors call it.

    Raises:
        ContractError: If the text is no YAML or no contract, naming the column and the key at fault.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ContractError(
            f"{name} is no YAML: {' '.join(str(error).split())}; restore it, or infer it anew."
        ) from None
    columns = content.get("columns") if isinstance(content, dict) else None
    if not isinstance(columns, dict) or not columns:
        raise ContractError(f"{name} has no table of columns; restore it, or infer it anew.")
    rules = []
    for column, body in columns.items():
        try:
            rules.append(_rule(str(column), body))
        except ValueError as error:
            raise ContractError(f"{name}: column {str(column)!r} {error}.") from None
    return Contract(tuple(rules))


def to_yaml(contract: Contract) -> str:
    """The contract in pandera's own form for polars schemas."""
    schema = {
        "schema_type": "polars_dataframe",
        "api": "polars",
        "strict": True,
        "coerce": True,
        "columns": {rule.name: _written(rule) for rule in contract.columns},
    }
    return str(yaml.dump(schema, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))


def _written(rule: ColumnRule) -> dict[str, Any]:
    body: dict[str, Any] = {"dtype": str(STORED_AS[rule.type])}
    body |= {key: True for key in ("nullable", "unique") if getattr(rule, key)}
    for key, bound in ((_LEAST, rule.minimum), (_MOST, rule.maximum)):
        if bound is not None:
            body[key] = int(bound) if float(bound).is_integer() else bound
    return body | ({_AMONG: _OnOneLine(rule.categories)} if rule.categories is not None else {})


def _rule(column: str, body: Any) -> ColumnRule:
    """The rule of a column; a ValueError says what is wrong with it."""
    if not isinstance(body, dict):
        raise ValueError("has no rules; give it at least a dtype")
    for key in body:
        if key not in _KEYS:
            raise ValueError(f"has the key {key!r}, which is not known here; the keys are {', '.join(_KEYS)}")
    kind = _kind(body.get("dtype"))
    least, most = _bounds(body, kind)
    return ColumnRule(
        column, kind, _flag(body, "nullable"), _flag(body, "unique"), least, most, _categories(body, kind)
    )


def _kind(dtype: Any) -> ColumnType:
    kind = _KIND_OF.get(str(dtype).split("(")[0].lower())
    if kind is None:
        known = ", ".join(str(stored) for stored in STORED_AS.values())
        raise ValueError(f"has the dtype {dtype!r}; it must be one of {known}")
    return kind


def _bounds(body: dict[str, Any], kind: ColumnType) -> tuple[float | None, float | None]:
    both = body.get(_RANGE, {})
    if not isinstance(both, dict):
        raise ValueError(f"has {_RANGE}: {both!r}; it must have min_value and max_value")
    least, most = body.get(_LEAST, both.get("min_value")), body.get(_MOST, both.get("max_value"))
    for bound in (least, most):
        if bound is None:
            continue
        if kind not in ("integer", "number"):
            raise ValueError(f"holds {kind} values, which have no range; take the range away")
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            raise ValueError(f"has the bound {bound!r}; it must be a number")
    if least is not None and most is not None and least > most:
        raise ValueError(f"has its least value {least:g} above its greatest {most:g}")
    if not (both.get("include_min", True) and both.get("include_max", True)):
        raise ValueError(
            "leaves the bounds out of its range; only ranges that include their bounds are known here"
        )
    return least, most


def _flag(body: dict[str, Any], key: str) -> bool:
    if not isinstance(body.get(key, False), bool):
        raise ValueError(f"has {key}: {body[key]!r}; it must be true or false")
    return bool(body.get(key, False))


def _categories(body: dict[str, Any], kind: ColumnType) -> tuple[str, ...] | None:
    values = body.get(_AMONG)
    if values is None:
        return None
    if kind not in ("category", "text"):
        raise ValueError(f"holds {kind} values, which have no list of categories; take {_AMONG} away")
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(
            f"has {_AMONG}: {values!r}; it must be a list of texts: put numbers, yes and no in quotes"
        )
    return tuple(values)
