"""The prediction log: what was asked, by which model it was answered, and how; only this module and `monitoring.erasure` touch its files.

A segment is a file of lines, each a checksum and one request as JSON. Lines are only ever appended, by one process; whoever takes
some out puts another file in the segment's place, and its process begins a new one.
"""

from __future__ import annotations

import fcntl
import os
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from components.errors import LogError

if TYPE_CHECKING:
    import polars as pl

SUFFIX = ".jsonl"
_CHECKSUM_CHARACTERS = 9
EARLY_BYTES = 1 << 20
"""When so much waits, it is written before the window ends, so that large requests take no memory for long."""

ROWS_AT_ONCE = 50_000
"""So many rows of a log are Python's objects while it is read."""

LogMode = Literal["window", "strict", "off"]


class Written(msgspec.Struct, frozen=True, array_like=True):
    """Inputs as their client wrote them, so that nobody writes them again.

    Attributes:
        kinds: of each column, as a letter: "b", "i", "n" or "c", for booleans, integers, numbers and categories.
        body: a request in MLflow's form `dataframe_split`, whose values are plain.
    """

    kinds: str
    body: msgspec.Raw

    @classmethod
    def of(cls, kinds: str, body: bytes) -> Written:
        """The inputs of a body; line feeds in it, which part its tokens, become spaces: a line is a request."""
        return cls(kinds, msgspec.Raw(body.replace(b"\n", b" ") if b"\n" in body else body))

    def columns(self) -> dict[str, list[Any]]:
        """One value a row, in the contract's types."""
        split = msgspec.json.decode(self.body)["dataframe_split"]
        columns = zip(*split["data"], strict=True)
        return {
            name: [None if value is None else _TYPES[kind](value) for value in values]
            for name, values, kind in zip(split["columns"], columns, self.kinds, strict=True)
        }


_TYPES: Mapping[str, Callable[[Any], Any]] = {"b": bool, "i": int, "n": float, "c": str}


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One request that was answered.

    Attributes:
        request_id: names it.
        at: when it was answered, seconds since 1970 in UTC.
        variant: "champion", "challenger" or "shadow".
        bundle_id: the bundle that answered.
        version: the run that made the bundle.
        columns: the inputs, one value a row.
        predictions: by name, one value a row.
        rows: the numbers of the rows in the request, where some were set aside; otherwise None.
        written: in place of columns the inputs as they were written; who reads a log gets them by column.
    """

    request_id: str
    at: float
    variant: str
    bundle_id: str
    version: str
    columns: Mapping[str, Sequence[Any]]
    predictions: Mapping[str, Sequence[Any]]
    rows: Sequence[int] | None = None
    written: Written | None = None

    @property
    def height(self) -> int:
        """How many rows were answered."""
        return len(next(iter(self.predictions.values()), ()))

    @property
    def numbers(self) -> Sequence[int]:
        """The numbers of the rows in the request."""
        return range(self.height) if self.rows is None else self.rows

    @property
    def names(self) -> tuple[str, ...]:
        """Of the inputs and the predictions."""
        return (*self.columns, *self.predictions)


class _Named(msgspec.Struct, frozen=True, array_like=True):
    """The beginning of a record."""

    request_id: str


class PredictionLog:
    """The writing end, of one process.

    In the mode "window" a record waits in memory, at most ``window_seconds``, for a thread that writes: what the process
    had not written when it is killed is lost. In the mode "strict" it is written before :meth:`append` returns, so that a
    killed process loses nothing. What was handed to the operating system survives the process, not the machine.

    Args:
        folder: where the segments are kept, in a folder for each day.
        worker: names the process among those that write there.
        mode: "window", "strict" or "off".
        window_seconds: how long a record may wait.
        names: the inputs that may be kept; None for all.
        segment_bytes: after which a new segment is begun.
        buffer_bytes: how much may wait while nothing can be written; beyond it, the oldest is dropped.

    Attributes:
        failing: why nothing can be written at present; "" if all is well.
        lost: how many predictions were dropped.
        written_bytes: how much was written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        worker: str,
        mode: LogMode = "window",
        window_seconds: float = 1.0,
        names: Sequence[str] | None = None,
        segment_bytes: int = 64 << 20,
        buffer_bytes: int = 64 << 20,
    ) -> None:
        self._folder, self._worker, self._mode = Path(folder), worker, mode
        self._window_seconds, self._segment_bytes, self._buffer_bytes = (
            window_seconds,
            segment_bytes,
            buffer_bytes,
        )
        self._names = None if names is None else frozenset(names)
        self._encoder = msgspec.json.Encoder(enc_hook=_plain)
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._waiting_bytes = 0
        self._segment: _Segment | None = None
        self._segments = 0
        self._writing, self._changing = threading.Lock(), threading.Lock()
        self._due, self._closed = threading.Event(), False
        self.failing, self.lost, self.written_bytes = "", 0, 0
        self._thread = threading.Thread(target=self._write_on, name="prediction-log", daemon=True)
        if mode == "window":
            self._thread.start()

    @property
    def waits(self) -> bool:
        """Whether a record may wait, so that it may as well come behind the answer."""
        return self._mode != "strict"

    @property
    def keeps_all(self) -> bool:
        """Whether all inputs are kept, so that a request may be kept as it was written."""
        return self._names is None

    def append(self, *records: Record) -> None:
        """Keep the records of one request: all of them, or none.

        Raises:
            LogError: only in the mode "strict": it could not be written.
        """
        if self._mode == "off":
            return
        lines = b"".join(map(self._line, records))
        if self._mode == "window":
            self._wait(lines, sum(record.height for record in records))
            return
        with self._writing:
            try:
                self._write(lines)
            except OSError as error:
                self.failing = _why(error, self._folder)
                raise LogError(self.failing) from error
            self.failing = ""

    def flush(self) -> bool:
        """Whether all that waited is written."""
        with self._writing:
            while self._waiting:
                with self._changing:
                    batch = list(self._waiting)
                    self._waiting.clear()
                    self._waiting_bytes = 0
                try:
                    self._write(b"".join(line for line, _ in batch))
                except OSError as error:
                    self.failing = _why(error, self._folder)
                    self._put_back(batch)
                    return False
                self.failing = ""
        return True

    def close(self) -> bool:
        """Whether all that waited is written; nothing may be appended any more."""
        self._closed = True
        self._due.set()
        if self._thread.is_alive():
            self._thread.join()
        whole = self.flush()
        if not whole:
            self.lost += sum(rows for _, rows in self._waiting)
            self._waiting.clear()
        if self._segment:
            self._segment.close()
            self._segment = None
        return whole

    def _line(self, record: Record) -> bytes:
        if self._names is not None:
            assert record.written is None, "of what is given as it was written, all is kept"
            kept = {name: values for name, values in record.columns.items() if name in self._names}
            record = msgspec.structs.replace(record, columns=kept)
        return framed(self._encoder.encode(record))

    def _wait(self, line: bytes, rows: int) -> None:
        with self._changing:
            self._waiting.append((line, rows))
            self._waiting_bytes += len(line)
            self._drop_oldest()
        if self._waiting_bytes >= EARLY_BYTES and not self.failing:
            self._due.set()

    def _put_back(self, batch: list[tuple[bytes, int]]) -> None:
        with self._changing:
            self._waiting.extendleft(reversed(batch))
            self._waiting_bytes += sum(len(line) for line, _ in batch)
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        while self._waiting_bytes > self._buffer_bytes:
            line, rows = self._waiting.popleft()
            self._waiting_bytes -= len(line)
            self.lost += rows

    def _write_on(self) -> None:
        while not self._closed:
            self._due.wait(self._window_seconds)
            self._due.clear()
            self.flush()

    def _write(self, lines: bytes) -> None:
        """Append the lines whole, or raise with nothing of them in a segment."""
        segment, self._segment = self._segment, None  # kept again only if all goes well
        try:
            if segment is None or not segment.takes(len(lines), self._segment_bytes):
                if segment:
                    segment.close()
                self._segments += 1
                segment = _Segment.begin(self._folder, f"{self._worker}-{self._segments:04d}")
            while not segment.append(lines):  # some of its lines were taken out just now
                segment.close()
                self._segments += 1
                segment = _Segment.begin(self._folder, f"{self._worker}-{self._segments:04d}")
        except OSError:
            if segment:
                segment.close()
            raise
        self._segment = segment
        self.written_bytes += len(lines)


class _Segment:
    """A file that is being appended to."""

    def __init__(self, descriptor: int, day: str) -> None:
        self._descriptor, self._day, self._size = descriptor, day, 0

    @classmethod
    def begin(cls, folder: Path, name: str) -> _Segment:
        now = datetime.now(UTC)
        day = f"{now:%Y-%m-%d}"
        (folder / day).mkdir(parents=True, exist_ok=True)
        path = folder / day / f"{now:%H%M%S%f}-{name}{SUFFIX}"
        return cls(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640), day)

    def takes(self, more: int, limit: int) -> bool:
        """Whether so many bytes more belong here: of the same day, not too many, in a file that is still there."""
        there = os.fstat(self._descriptor).st_nlink > 0
        return there and self._day == f"{datetime.now(UTC):%Y-%m-%d}" and self._size + more <= limit

    def append(self, lines: bytes) -> bool:
        """Whether the lines were written; not where another file was put in this one's place."""
        rest = memoryview(lines)
        with locked(self._descriptor, fcntl.LOCK_SH):
            if not os.fstat(self._descriptor).st_nlink:
                return False
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:
                os.ftruncate(self._descriptor, self._size)
                raise
        self._size += len(lines)
        return True

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._descriptor)


@contextmanager
def locked(descriptor: int, how: int) -> Iterator[None]:
    """While nobody takes lines out of the file, or nobody else appends to it; where the disk knows no locks, without one."""
    with suppress(OSError):
        fcntl.flock(descriptor, how)
    try:
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def segments(folder: Path) -> list[Path]:
    """The segments of a log, oldest first by their days and times.

    Below the folder are folders of days; or folders of pods that share a volume, and in each the folders of days.
    """
    found = [path for depth in ("*", "*/*") for path in Path(folder).glob(f"{depth}/*{SUFFIX}")]
    return sorted(found, key=lambda path: (path.parent.name, path.name, path))


def records(segment: Path) -> Iterator[Record | None]:
    """The records of a segment in their order, None for each line that was damaged.

    The last line of a process that was killed while it wrote is one.
    """
    decoder = msgspec.json.Decoder(Record)
    with segment.open("rb") as lines:
        for line in lines:
            yield parsed(line, decoder)


def parsed(line: bytes, decoder: msgspec.json.Decoder[Record]) -> Record | None:
    """The record of a line; None where it was damaged."""
    payload = line[_CHECKSUM_CHARACTERS:-1]
    try:
        return _by_column(decoder.decode(payload)) if framed(payload) == line else None
    except msgspec.DecodeError:
        return None


def _by_column(record: Record) -> Record:
    if record.written is None:
        return record
    return msgspec.structs.replace(record, columns=record.written.columns(), written=None)


def request_ids(segment: Path) -> Iterator[str]:
    """The ids of the requests in a segment, without what was asked and answered; lines that are no record are left out."""
    decoder = msgspec.json.Decoder(_Named)
    with segment.open("rb") as lines:
        for line in lines:
            with suppress(msgspec.DecodeError):
                yield decoder.decode(line[_CHECKSUM_CHARACTERS:]).request_id


def read(folder: Path) -> tuple[pl.DataFrame, int]:
    """Every prediction of a log, one a row, and how many damaged lines were passed over.

    Columns are `prediction_id` (the request's id and the row's number in it), `served_at` (UTC), `model_version`,
    `bundle_id`, `variant`, the inputs as they were sent, and the predictions by their names.
    """
    import polars as pl

    tables: list[pl.DataFrame] = []
    alike: list[Record] = []
    damaged = rows = 0
    for record in (record for segment in segments(folder) for record in records(segment)):
        if record is None:
            damaged += 1
            continue
        if alike and (record.names != alike[0].names or rows >= ROWS_AT_ONCE):
            tables.append(_table(alike))
            alike, rows = [], 0
        alike.append(record)
        rows += record.height
    if alike:
        tables.append(_table(alike))
    return (pl.concat(tables, how="diagonal_relaxed") if tables else pl.DataFrame()), damaged


def _table(alike: Sequence[Record]) -> pl.DataFrame:
    """The rows of records that have the same names."""
    import polars as pl

    each = [record for record in alike for _ in range(record.height)]
    told = [{**record.columns, **record.predictions} for record in alike]
    columns = {name: [value for values in told for value in values[name]] for name in told[0]}
    return pl.DataFrame(
        {
            "prediction_id": [
                f"{record.request_id}:{number}" for record in alike for number in record.numbers
            ],
            "served_at": [datetime.fromtimestamp(record.at, UTC) for record in each],
            "model_version": [record.version for record in each],
            "bundle_id": [record.bundle_id for record in each],
            "variant": [record.variant for record in each],
            **{name: pl.Series(name, values, strict=False) for name, values in columns.items()},
        }
    )


def framed(payload: bytes) -> bytes:
    """The line of a record: its checksum, and the record as JSON."""
    return b"%08x %b\n" % (zlib.crc32(payload), payload)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a log keeps plain values, not {type(value).__name__}")


def _why(error: OSError, folder: Path) -> str:
    return f"{folder}: predictions cannot be logged ({error.strerror or error}); free the disk, or make the folder."
