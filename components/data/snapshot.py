"""Immutable snapshots of tables, named by a version that is computed from their content."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import polars as pl

from components.data.cellhash import Hashes, logical_type, mix
from components.data.rowhash import map_batches
from components.data.sources.pin import Pin
from components.errors import DataError
from components.store import Store

_SECOND_MIXER = np.uint64(0x9E3779B97F4A7C15)
_MASK_64 = (1 << 64) - 1


@dataclass(frozen=True)
class Snapshot:
    """A table that the store keeps.

    Attributes:
        version: Its content version.
        rows: Number of rows.
        columns: The columns' names.
        size_bytes: Size of the stored Parquet file.
        created: When it was first taken, as an ISO 8601 text in UTC.
        source: Where it was first taken from.
        pin: What exactly was read there; empty where the source keeps no versions.
    """

    version: str
    rows: int
    columns: tuple[str, ...]
    size_bytes: int
    created: str
    source: str
    pin: Pin = ()


def content_version(table: pl.DataFrame) -> str:
    """The version of a table's content, "d" and 16 hex digits: equal for equal rows, columns and logical types.

    The order of the rows and of the columns does not count, duplicates do. Storage does not count either: see
    :mod:`components.data.cellhash` for what is one value. It is the SHA-256 over the columns' names and types, the
    number of rows, and the multiset of rows as two sums modulo 2**64 of their hashes under different mixers
    (an additive multiset hash: Clarke et al., "Incremental multiset hash functions", 2003).

    Raises:
        DataError: If a column holds lists, structs, bytes or durations.
    """
    first = second = 0
    for one, two in map_batches(_sums, table):
        first, second = (first + one) & _MASK_64, (second + two) & _MASK_64
    types = sorted((name, logical_type(name, dtype)) for name, dtype in table.schema.items())
    content = json.dumps([types, table.height, first, second], separators=(",", ":"))
    return "d" + hashlib.sha256(content.encode()).hexdigest()[:16]


def take(table: pl.DataFrame, *, source: str, store: Store, pin: Pin = ()) -> Snapshot:
    """The snapshot of a table: written if the store has none of its version, else verified and left as it is.

    Raises:
        DataError: If the store holds a damaged snapshot of this version. Nothing is overwritten.
    """
    version = content_version(table)
    if store.exists(_description(version)):
        load(version, store)
        return _described(version, store)[0]
    data = _parquet(table)
    if not store.write_if_absent(_data(version), data):
        data = store.read(_data(version))
        _verified(data, version)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    taken = Snapshot(version, table.height, tuple(table.columns), len(data), created, source, pin)
    store.write_if_absent(_description(version), _sealed(taken, data))
    return _described(version, store)[0]


def load(version: str, store: Store) -> pl.DataFrame:
    """The rows of a version, once their content has been verified.

    Raises:
        DataError: If the store has no such version, or what it holds is damaged, naming the object.
    """
    described(version, store)
    _, digest = _described(version, store)
    try:
        data = store.read(_data(version))
    except FileNotFoundError:
        raise _damaged(_data(version), "it is missing") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise _damaged(_data(version), "its bytes are not those that were written")
    return _verified(data, version)


def described(version: str, store: Store) -> Snapshot:
    """What the store says of a version; its rows need not be there.

    Raises:
        DataError: If the store has no such version, or its description is damaged.
    """
    if not re.fullmatch(r"d[0-9a-f]{16}", version):
        raise DataError(
            f"{version!r} is no data version; one is 'd' and 16 hex digits, as `make versions` lists them."
        )
    if not store.exists(_description(version)):
        raise DataError(
            f"The store {store.root} has no data version {version}; `make versions` lists what it has."
        )
    return _described(version, store)[0]


def is_lost(version: str, store: Store) -> bool:
    """Whether the store describes a version but has lost its rows."""
    return bool(version) and not store.exists(_data(version))


def restore(table: pl.DataFrame, kept: Snapshot, store: Store) -> Snapshot:
    """The snapshot whose rows were lost, with these in their place.

    What is said of when and where it was taken first stays. The bytes of the file may be others, as another version of
    a library writes them, so that they are described anew, and first: a writer that dies leaves the rows lost, not wrong.

    Raises:
        DataError: If the rows are not those of the version. Nothing is written then.
    """
    if (found := content_version(table)) != kept.version:
        raise DataError(
            f"The rows that are there now are the data version {found}, not {kept.version}; restore "
            f"{_data(kept.version)} from a backup, or train on what there is, without --data-version."
        )
    data = _parquet(table)
    store.write(_description(kept.version), _sealed(replace(kept, size_bytes=len(data)), data))
    if not store.write_if_absent(_data(kept.version), data):
        data = store.read(_data(kept.version))
        _verified(data, kept.version)
        store.write(_description(kept.version), _sealed(replace(kept, size_bytes=len(data)), data))
    return _described(kept.version, store)[0]


def versions(store: Store) -> list[Snapshot]:
    """Every snapshot in the store, oldest first.

    Raises:
        DataError: If a snapshot's description is damaged, naming the object.
    """
    names = [name for name in store.names("snapshots") if name.endswith("/snapshot.json")]
    kept = [_described(name.split("/")[1], store)[0] for name in names]
    return sorted(kept, key=lambda snapshot: (snapshot.created, snapshot.version))


def quarantine(rows: pl.DataFrame, version: str, store: Store) -> str:
    """The name of the object that keeps the rows set aside on the way to a version, with their reasons.

    The same rows keep their name, so that a repeated run adds nothing; other rows get another.
    """
    name = f"quarantine/{version}/{content_version(rows)}.parquet"
    if not store.exists(name):
        store.write_if_absent(name, _parquet(rows))
    return name


def _sums(_: int, hashes: Hashes) -> tuple[int, int]:
    first = int(hashes.sum(dtype=np.uint64))
    return first, int(mix(hashes + _SECOND_MIXER).sum(dtype=np.uint64))


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


def _verified(data: bytes, version: str) -> pl.DataFrame:
    try:
        table = pl.read_parquet(BytesIO(data))
        found = content_version(table)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, DataError, OSError) as error:
        raise _damaged(_data(version), f"it cannot be read ({str(error).splitlines()[0]})") from None
    if found != version:
        raise _damaged(_data(version), f"its content is {found}")
    return table


def _sealed(taken: Snapshot, data: bytes) -> bytes:
    """The description as JSON, with the digest of the data and of the description itself."""
    content = {**asdict(taken), "data_sha256": hashlib.sha256(data).hexdigest()}
    # Descriptions from before there were pins have none either.
    if not taken.pin:
        del content["pin"]
    return json.dumps({**content, "sha256": _seal(content)}, indent=2).encode()


def _seal(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _described(version: str, store: Store) -> tuple[Snapshot, str]:
    """A snapshot and the SHA-256 of its data, from its description."""
    name = _description(version)
    try:
        content = json.loads(store.read(name))
        seal, digest = content.pop("sha256"), content["data_sha256"]
        whole = seal == _seal(content) and content["version"] == version
        del content["data_sha256"]
        pin = tuple((str(name), str(value)) for name, value in content.get("pin", ()))
        kept = Snapshot(**{**content, "columns": tuple(content["columns"]), "pin": pin})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(
            name, f"it is no description of a snapshot ({type(error).__name__}: {error})"
        ) from None
    if not whole:
        raise _damaged(name, "it was altered after it was written")
    return kept, digest


def _damaged(name: str, how: str) -> DataError:
    return DataError(
        f"{name} in the store is damaged: {how}. Nothing was overwritten; restore the object from a backup, or move it away."
    )


def _data(version: str) -> str:
    return f"snapshots/{version}/data.parquet"


def _description(version: str) -> str:
    return f"snapshots/{version}/snapshot.json"
