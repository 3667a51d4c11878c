"""Immutable snapshots of tables, named by a version that is computed from their content."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from components.data.cellhash import Hashes, logical_type, mix
from components.data.rowhash import map_batches, row_hashes
from components.data.sources.pin import Pin
from components.errors import DataError
from components.store import Store

_SECOND_MIXER = np.uint64(0x9E3779B97F4A7C15)
_MASK_64 = (1 << 64) - 1
_BATCH_ROWS = 1 << 19

Pick = Callable[[int, pl.DataFrame], pl.DataFrame]
"""What is wanted of a batch of rows, of which the first one's number is given."""


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
    return _version(table.schema, table.height, [_table_sums(table)])


def take(table: pl.DataFrame, *, source: str, store: Store, pin: Pin = ()) -> Snapshot:
    """The snapshot of a table: written if the store has none of its version, else verified and left as it is.

    Raises:
        DataError: If the store holds a damaged snapshot of this version. Nothing is overwritten.
    """
    version = content_version(table)
    if store.exists(_description(version)):
        verify(version, store)
        return _described(version, store)[0]
    size, digest = _kept(table, version, store)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    taken = Snapshot(version, table.height, tuple(table.columns), size, created, source, pin)
    store.write_if_absent(_description(version), _sealed(taken, digest))
    return _described(version, store)[0]


def load(version: str, store: Store, where: NDArray[np.bool_] | None = None) -> pl.DataFrame:
    """The rows of a version, once the content of all of them has been verified.

    Args:
        version: Which.
        store: Where.
        where: The rows that are wanted, shape (rows,); all by default. The others are not held in memory together.

    Raises:
        DataError: If the store has no such version, or what it holds is damaged, naming the object.
        ValueError: If ``where`` is of another number of rows.
    """
    if where is None:
        return _loaded(version, store, lambda _, batch: batch)
    if len(where) != (rows := described(version, store).rows):
        raise ValueError(f"{len(where):,} rows are asked about, and the version {version} has {rows:,}")
    return _loaded(version, store, lambda start, batch: batch.filter(where[start : start + batch.height]))


def verify(version: str, store: Store) -> None:
    """Pass if the store has the rows of a version as they were written; memory does not grow with them.

    Raises:
        DataError: As :func:`load`.
    """
    _loaded(version, store, lambda _, batch: batch.clear())


@contextmanager
def scanned(version: str, store: Store) -> Iterator[pl.LazyFrame]:
    """The rows of a version, not in memory, once the content of all of them has been verified; errors as :func:`load`."""
    verify(version, store)
    with store.file(_data(version)) as path:
        yield pl.scan_parquet(path)


class Growing:
    """The version of a table whose rows come batch by batch, and a digest that tells their order too."""

    def __init__(self) -> None:
        self._sums: list[tuple[int, int]] = [(0, 0)]
        self._rows, self._order = 0, hashlib.sha256()

    def add(self, batch: pl.DataFrame) -> None:
        """The next rows."""
        hashes = row_hashes(batch)
        self._order.update(hashes.tobytes())
        self._sums = [(self._sums[0][0] + one, self._sums[0][1] + two) for one, two in [_sums(0, hashes)]]
        self._rows += batch.height

    def version(self, schema: Mapping[str, pl.DataType]) -> str:
        """What :func:`content_version` gives of all rows together."""
        return _version(schema, self._rows, self._sums)

    @property
    def order(self) -> str:
        """The SHA-256 of the rows' hashes in their order."""
        return self._order.hexdigest()


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
    with store.draft(_data(kept.version)) as draft:
        table.write_parquet(draft)
        taken = replace(kept, size_bytes=draft.stat().st_size)
        store.write(_description(kept.version), _sealed(taken, _digest(draft)))
        written = store.keep_if_absent(_data(kept.version), draft)
    if not written:
        size, digest = _there(kept.version, store)
        store.write(_description(kept.version), _sealed(replace(kept, size_bytes=size), digest))
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
        with store.draft(name) as draft:
            rows.write_parquet(draft)
            store.keep_if_absent(name, draft)
    return name


def _sums(_: int, hashes: Hashes) -> tuple[int, int]:
    first = int(hashes.sum(dtype=np.uint64))
    return first, int(mix(hashes + _SECOND_MIXER).sum(dtype=np.uint64))


def _loaded(version: str, store: Store, pick: Pick) -> pl.DataFrame:
    described(version, store)
    _, digest = _described(version, store)
    try:
        with store.file(_data(version)) as path:
            if _digest(path) != digest:
                raise _damaged(_data(version), "its bytes are not those that were written")
            return _verified(path, version, pick)
    except FileNotFoundError:
        raise _damaged(_data(version), "it is missing") from None


def _table_sums(table: pl.DataFrame) -> tuple[int, int]:
    first = second = 0
    for one, two in map_batches(_sums, table):
        first, second = first + one, second + two
    return first, second


def _version(schema: Mapping[str, pl.DataType], rows: int, sums: Sequence[tuple[int, int]]) -> str:
    """The version of a table by the sums over its batches."""
    first, second = (sum(each) & _MASK_64 for each in zip(*sums, strict=True))
    types = sorted((name, logical_type(name, dtype)) for name, dtype in schema.items())
    content = json.dumps([types, rows, first, second], separators=(",", ":"))
    return "d" + hashlib.sha256(content.encode()).hexdigest()[:16]


def _kept(table: pl.DataFrame, version: str, store: Store) -> tuple[int, str]:
    """The size and the SHA-256 of the rows' file, which is written unless it is there."""
    with store.draft(_data(version)) as draft:
        table.write_parquet(draft)
        if store.keep_if_absent(_data(version), draft):
            return draft.stat().st_size, _digest(draft)
    return _there(version, store)


def _there(version: str, store: Store) -> tuple[int, str]:
    """The size and the SHA-256 of the file of rows that another writer has kept.

    Raises:
        DataError: It does not hold them.
    """
    with store.file(_data(version)) as path:
        _verified(path, version, lambda _, batch: batch.clear())
        return path.stat().st_size, _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verified(path: Path, version: str, pick: Pick) -> pl.DataFrame:
    """What is picked of a file's rows, which are read and hashed in batches.

    Raises:
        DataError: They are not those of the version, or cannot be read.
    """
    try:
        scanned = pl.scan_parquet(path)
        schema, rows = scanned.collect_schema(), int(scanned.select(pl.len()).collect().item())
        sums, picked = [(0, 0)], [schema.to_frame()]
        for start in range(0, rows, _BATCH_ROWS):
            batch = scanned.slice(start, _BATCH_ROWS).collect()
            sums.append(_table_sums(batch))
            picked.append(pick(start, batch))
        found = _version(schema, rows, sums)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, DataError, OSError) as error:
        raise _damaged(_data(version), f"it cannot be read ({str(error).splitlines()[0]})") from None
    if found != version:
        raise _damaged(_data(version), f"its content is {found}")
    return pl.concat(picked)


def _sealed(taken: Snapshot, digest: str) -> bytes:
    """The description as JSON, with the digest of the data and of the description itself."""
    content = {**asdict(taken), "data_sha256": digest}
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
