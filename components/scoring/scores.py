"""The place of a table's scores in the store: parts that are written once, and a manifest that is written last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from components.errors import DataError
from components.scoring.asked import WRITTEN
from components.scoring.identity import IDENTITY
from components.scoring.shards import Shard, fetched

if TYPE_CHECKING:
    from components.scoring.intake import Incoming
    from components.scoring.scorer import Scorer
    from components.store import Store

FORMAT = 1
VARIANT = "batch"
PART, REFUSED = "part", "refused"


@dataclass(frozen=True)
class Part:
    """An object of the store with rows of a scored table.

    Attributes:
        name: of the object.
        rows: how many it has.
        size_bytes: its size.
        sha256: of its bytes.
    """

    name: str
    rows: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Scores:
    """What done.json says of a table's scores.

    Attributes:
        score_id: names them, and the folder where they are.
        bundle_id: the bundle that scored.
        model_version: the run that made it.
        data_version: of the rows that were scored.
        rows: how many were scored.
        refused_rows: how many were not, as they break the contract.
        parts: where the scored ones are, in the order of the table.
        refused: where the others are, with their reasons.
        violations: what these break: column, rule, rows and an example.
        about: where the rows come from, and which run scored them; it does not count where two are compared.
        version: of this form.
    """

    score_id: str
    bundle_id: str
    model_version: str
    data_version: str
    rows: int
    refused_rows: int
    parts: tuple[Part, ...]
    refused: tuple[Part, ...]
    violations: tuple[Mapping[str, Any], ...]
    about: Mapping[str, Any] = field(default_factory=dict, compare=False)
    version: int = FORMAT

    def to_bytes(self) -> bytes:
        """The file's content."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, default=str).encode() + b"\n"

    @classmethod
    def parse(cls, name: str, content: bytes) -> Scores:
        """What a manifest says.

        Raises:
            DataError: it is none of this form.
        """
        try:
            said = json.loads(content)
            parts, refused = (tuple(Part(**each) for each in said.pop(key)) for key in ("parts", "refused"))
            found = cls(parts=parts, refused=refused, violations=tuple(said.pop("violations")), **said)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{name} in the store is damaged: {error!r}. {_mend(name)}") from None
        if found.version != FORMAT:
            raise DataError(
                f"{name} in the store is of the format {found.version!r}, this code reads {FORMAT}."
            )
        return found


def score_id(bundle_id: str, data_version: str, incoming: Incoming) -> str:
    """The name of what a bundle makes of a table: "s" and 16 hex digits, the same for the same rows in the same order.

    Everything that decides what stands in each part is in it, and nothing of the clock: who writes a part of this name
    writes the same.
    """
    shape = [FORMAT, bundle_id, data_version, incoming.order, [shard.rows for shard in incoming.shards]]
    return "s" + hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:16]


def place(score_id: str) -> str:
    """The folder of the scores in the store."""
    return f"scores/{score_id}"


def write_shard(
    shard: Shard, scorer: Scorer, *, folder: str, score_id: str, data_version: str, store: Store
) -> list[Part]:
    """The part with a shard's scores and that with its refused rows, as far as it has such rows.

    A part that is there stays, and is not scored again.

    Raises:
        DataError: what waits was altered, or a part that is there is damaged.
    """
    rows, refused = fetched(folder, shard, store)
    parts = []
    if rows is not None:
        name, rows = _part_name(score_id, PART, shard), _named(rows, score_id)
        if store.exists(name):
            _require_same(name, rows[IDENTITY], store)
            parts.append(_described(name, rows.height, store))
        else:
            parts.append(_kept(name, _table(rows, scorer, data_version), store))
    if refused is not None:
        parts.append(_kept(_part_name(score_id, REFUSED, shard), _named(refused, score_id), store))
    return parts


def of_parts(incoming: Incoming, parts: Sequence[Part], **others: Any) -> Scores:
    """The manifest of a table's parts, in the order of the table.

    Args:
        incoming: the table.
        parts: of all its shards.
        others: what else :class:`Scores` has.
    """
    ordered = sorted(parts, key=lambda part: part.name)
    folder = place(others["score_id"])
    scored, refused = (
        tuple(part for part in ordered if part.name.startswith(f"{folder}/{kind}-"))
        for kind in (PART, REFUSED)
    )
    violations = tuple(asdict(violation) for violation in incoming.violations)
    return Scores(
        parts=scored,
        refused=refused,
        rows=incoming.rows,
        refused_rows=incoming.refused,
        violations=violations,
        **others,
    )


def publish(scores: Scores, store: Store) -> tuple[Scores, bool]:
    """What stands in the store as the scores of this name, and whether it came there by this call.

    Raises:
        DataError: parts are missing or too many, or what stands there is something else.
    """
    listed = {part.name for part in (*scores.parts, *scores.refused)}
    there = {name for name in store.names(place(scores.score_id)) if name != _done(scores.score_id)}
    if listed != there:
        differing = ", ".join(sorted(listed ^ there)[:3])
        raise DataError(
            f"{place(scores.score_id)} in the store does not hold just what was scored: {differing} and the like. "
            f"{_mend(_done(scores.score_id))}"
        )
    if store.write_if_absent(_done(scores.score_id), scores.to_bytes()):
        return scores, True
    found = Scores.parse(_done(scores.score_id), store.read(_done(scores.score_id)))
    if found != scores:
        raise DataError(
            f"{_done(scores.score_id)} in the store tells of other scores. {_mend(_done(scores.score_id))}"
        )
    return found, False


def published(score_id: str, store: Store) -> Scores | None:
    """The scores of this name, every part of which was read and its hash computed anew; None if they are not done.

    Raises:
        DataError: a part is missing or was altered.
    """
    if not store.exists(_done(score_id)):
        return None
    found = Scores.parse(_done(score_id), store.read(_done(score_id)))
    for part in (*found.parts, *found.refused):
        if not store.exists(part.name) or _described(part.name, part.rows, store) != part:
            raise DataError(
                f"{part.name} in the store is not what {_done(score_id)} says. {_mend(part.name)}"
            )
    return found


def _part_name(score_id: str, kind: str, shard: Shard) -> str:
    return f"{place(score_id)}/{kind}-{shard.number:05d}.parquet"


def _done(score_id: str) -> str:
    return f"{place(score_id)}/done.json"


def _mend(name: str) -> str:
    return f"Restore it from a backup, or move {name.rpartition('/')[0]} away and score again."


def _named(rows: pl.DataFrame, score_id: str) -> pl.DataFrame:
    """The rows with names that are theirs alone, whatever else is scored."""
    return rows.with_columns(pl.concat_str(pl.lit(f"{score_id}:"), IDENTITY).alias(IDENTITY))


def _table(rows: pl.DataFrame, scorer: Scorer, data_version: str) -> pl.DataFrame:
    model = scorer.model
    said = scorer.predictions(rows)
    told = {
        "model_version": model.version,
        "bundle_id": model.bundle_id,
        "variant": VARIANT,
        "data_version": data_version,
    }
    # As categories, each is written once a part and not looked at again for every row.
    constant = {name: pl.lit(value).cast(pl.Categorical) for name, value in told.items()}
    inputs = [name for name in rows.columns if name != IDENTITY]
    return (
        rows.with_columns(served_at=pl.lit(datetime.now(UTC)), **constant)
        .select(*WRITTEN, *inputs)
        .hstack(said)
    )


def _kept(name: str, rows: pl.DataFrame, store: Store) -> Part:
    """The part as it stands in the store, whoever was first to write it."""
    with store.draft(name) as draft:
        rows.write_parquet(draft, compression="zstd", compression_level=1)
        part = _part(name, rows.height, draft)
        if store.keep_if_absent(name, draft):
            return part
    return _described(name, rows.height, store)


def _described(name: str, rows: int, store: Store) -> Part:
    with store.file(name) as path:
        return _part(name, rows, path)


def _part(name: str, rows: int, path: Path) -> Part:
    with path.open("rb") as file:
        return Part(name, rows, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _require_same(name: str, identities: pl.Series, store: Store) -> None:
    """Pass if a part that was there is whole and of these rows."""
    try:
        with store.file(name) as path:
            found = pl.read_parquet(path)[IDENTITY]
        whole = found.equals(identities)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        whole = False
    if not whole:
        raise DataError(f"{name} in the store is damaged. {_mend(name)}")
