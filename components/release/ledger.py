"""The ledger of decisions: one object an entry, never overwritten, each naming the hash of the one before."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from components.errors import LedgerError
from components.store import Store

Event = Literal[
    "approved", "rejected", "promoted", "refused", "rolled back", "set beside", "waived", "approved by a person",
    "alerted", "retraining requested", "retraining begun", "retraining ended",
    "expired", "erased",
]  # fmt: skip
ORIGIN = "0" * 64
PRODUCTION = "production"
"""Where a promotion was made that names no environment."""
_NAME = re.compile(r"ledger/(\d{8})\.json")
_ATTEMPTS = 10_000
_AT_ONCE = 256
_MEND = "Restore the object from a backup of the store; nothing was overwritten"


@dataclass(frozen=True)
class Entry:
    """One recorded event.

    Attributes:
        number: Position in the ledger, from 1.
        event: What happened, one of ``Event``.
        at: When, UTC in ISO 8601.
        by: Who.
        why: The reason, as a sentence.
        run: Pathspec of the Metaflow run that the event is about.
        bundle_id: The bundle that the event is about, or "" if there is none.
        details: Plain JSON values, such as ``holdout_id`` and ``once_key``.
        previous: The hash of the entry before; 64 zeros for the first.
        hash: SHA-256 of everything above.
    """

    number: int
    event: str
    at: str
    by: str
    why: str
    run: str
    bundle_id: str
    details: dict[str, Any]
    previous: str
    hash: str

    def to_bytes(self) -> bytes:
        """The one form in which the entry is stored."""
        return (json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()

    def digest(self) -> str:
        """The hash that the entry's other fields give."""
        facts = {name: value for name, value in asdict(self).items() if name != "hash"}
        text = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


class Ledger:
    """Events in the order in which they happened.

    Args:
        store: Where the entries are kept, under ``ledger/``.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(
        self,
        *,
        event: Event,
        run: str,
        bundle_id: str,
        by: str,
        why: str,
        details: Mapping[str, Any] | None = None,
        once_key: str | None = None,
        given: Callable[[Sequence[Entry]], None] | None = None,
    ) -> Entry:
        """The entry that records the event; writers at the same time each get a place in the chain.

        Args:
            event: What happened.
            run: Pathspec of the run concerned.
            bundle_id: The bundle concerned, or "".
            by: Who did it.
            why: For which reason.
            details: Plain JSON values worth keeping.
            once_key: Names the event; appending it again returns the entry that is there.
            given: Looks at the entries that this one would directly follow, and raises if it may not: nothing
                another writer does can come between.

        Raises:
            LedgerError: The chain is broken, the event is unknown, the details are no JSON, or ``once_key``
                was used for another event or bundle.
            FlowprintError: What ``given`` raised; nothing was appended.
        """
        facts = _facts(event, run, bundle_id, by, why, details or {}, once_key)
        known: list[Entry] = []
        entry: Entry | None = None
        for _ in range(_ATTEMPTS):
            known = self._read_on(known)
            if entry in known:  # it was kept, but the answer that said so was lost
                return entry
            for earlier in known:
                if once_key and earlier.details.get("once_key") == once_key:
                    return _same(earlier, facts)
            if given:
                given(known)
            entry = _sealed(facts, len(known) + 1, _head(known))
            if self._store.write_if_absent(_name(entry.number), entry.to_bytes()):
                return entry
        raise LedgerError("ledger: no free place was found; can this user list the objects of the store?")

    def entries(self) -> list[Entry]:
        """All entries, oldest first, after every hash of the chain was recomputed.

        Raises:
            LedgerError: Names the entry that is altered or missing.
        """
        return self._read_on([])

    def head(self) -> str:
        """The hash of the newest entry, which vouches for all before it; 64 zeros for an empty ledger."""
        return _head(self.entries())

    def champion(self, environment: str = PRODUCTION) -> Entry | None:
        """The newest promotion into the environment that was not rolled back, or None."""
        standing = champions(self.entries(), environment)
        return standing[-1] if standing else None

    def decision(self, run: str) -> Entry | None:
        """The entry that approved or rejected the run, or None."""
        decided = (entry for entry in self.entries() if entry.event in ("approved", "rejected"))
        return next((entry for entry in decided if entry.run == run), None)

    def recorded(self, once_key: str) -> Entry | None:
        """The entry that was appended with this key, or None."""
        return next((entry for entry in self.entries() if entry.details.get("once_key") == once_key), None)

    def holdout_uses(self, holdout_id: str, *, once_key: str | None = None) -> int:
        """How many decisions used this holdout; the one recorded under ``once_key`` is left out.

        Args:
            holdout_id: Names the held-out rows.
            once_key: The key of the run that asks, so that asking again after a retry gives the same number.
        """
        return sum(
            entry.event in ("approved", "rejected")
            and entry.details.get("holdout_id") == holdout_id
            and (once_key is None or entry.details.get("once_key") != once_key)
            for entry in self.entries()
        )

    def check_head(self, number: int, head: str) -> None:
        """Pass if the entry that was the newest at some time is still there.

        Args:
            number: Its number, as it was kept elsewhere.
            head: Its hash, as it was kept elsewhere.

        Raises:
            LedgerError: The tail from that entry on was cut off or written anew.
        """
        entries = self.entries()
        if number > len(entries):
            raise LedgerError(
                f"the ledger ends at entry {len(entries)}, but entry {number} was recorded elsewhere: its tail, "
                f"from {_name(len(entries) + 1)} on, is missing. {_MEND}."
            )
        if number and entries[number - 1].hash != head:
            raise LedgerError(
                f"{_name(number)}: its hash is {entries[number - 1].hash[:12]}, but {head[:12]} was recorded "
                f"elsewhere: the ledger was written anew from there or before. {_MEND}."
            )

    def _read_on(self, known: list[Entry]) -> list[Entry]:
        """The known entries and those that came after them, verified."""
        numbers = [int(found[1]) for name in self._store.names("ledger") if (found := _NAME.fullmatch(name))]
        last = max(numbers, default=0)
        entries = list(known)
        with ThreadPoolExecutor(8) as pool:
            # Entries are asked for by number: a listing made while others write may leave out one that is there.
            while len(entries) < last:
                wanted = range(len(entries) + 1, min(len(entries) + _AT_ONCE, last) + 1)
                for number, content in zip(wanted, pool.map(self._content, wanted), strict=True):
                    entries.append(_verified(number, content, _head(entries)))
        return entries

    def _content(self, number: int) -> bytes:
        try:
            return self._store.read(_name(number))
        except FileNotFoundError:
            raise LedgerError(f"{_name(number)}: missing, while later entries exist. {_MEND}.") from None


def champions(entries: Sequence[Entry], environment: str = PRODUCTION) -> list[Entry]:
    """The promotions into an environment that were not rolled back: the champion last, the one before it before."""
    standing: dict[str, Entry] = {}
    for entry in entries:
        there = entry.details.get("environment", PRODUCTION) == environment
        if there and entry.event in ("promoted", "rolled back"):
            standing.pop(entry.bundle_id, None)
        if there and entry.event == "promoted":
            standing[entry.bundle_id] = entry
    return list(standing.values())


def formers(entries: Sequence[Entry], promotion: Entry) -> list[Entry]:
    """The promotions of other bundles into the same environment before this one, newest first, each bundle once."""
    environment = promotion.details.get("environment", PRODUCTION)
    earlier: dict[str, Entry] = {}
    for entry in reversed(entries):
        there = entry.details.get("environment", PRODUCTION) == environment
        if there and entry.event == "promoted" and entry.number < promotion.number:
            earlier.setdefault(entry.bundle_id, entry)
    return [entry for entry in earlier.values() if entry.bundle_id != promotion.bundle_id]


def of_project(path: Path = Path("config.toml")) -> Ledger:
    """The ledger of the project with this config.toml."""
    from components import config

    return Ledger(Store(config.load(path).store.root))


def _name(number: int) -> str:
    return f"ledger/{number:08d}.json"


def _facts(
    event: str, run: str, bundle_id: str, by: str, why: str, details: Mapping[str, Any], once_key: str | None
) -> Entry:
    """The entry without its place in the chain."""
    if event not in get_args(Event):
        raise LedgerError(f"{event!r} is no event of the ledger; use one of: {', '.join(get_args(Event))}.")
    try:
        text = json.dumps({**details, **({"once_key": once_key} if once_key else {})}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise LedgerError(
            f"details of a ledger entry: {error}; wanted are finite, plain JSON values."
        ) from None
    return Entry(0, event, "", by, why, run, bundle_id, json.loads(text), "", "")


def _sealed(facts: Entry, number: int, previous: str) -> Entry:
    now = datetime.now(UTC).isoformat(timespec="microseconds")  # of two entries of the same facts
    entry = replace(facts, number=number, at=now, previous=previous)
    return replace(entry, hash=entry.digest())


def _verified(number: int, content: bytes, previous: str) -> Entry:
    """The entry, if its bytes, number, hash and predecessor are what they must be."""
    try:
        entry = Entry(**json.loads(content))
        intact = (entry.to_bytes(), entry.digest(), entry.number) == (content, entry.hash, number)
    except (ValueError, TypeError):
        intact = False
    if not intact:
        raise LedgerError(f"{_name(number)}: its content does not match its hash: it was altered. {_MEND}.")
    if entry.previous != previous:
        before = _name(number - 1) if number > 1 else "the beginning"
        raise LedgerError(
            f"{_name(number)}: it follows an entry with the hash {entry.previous[:12]}, but {before} has "
            f"{previous[:12]}: {before} was altered together with its hash. {_MEND}."
        )
    return entry


def _head(entries: Sequence[Entry]) -> str:
    return entries[-1].hash if entries else ORIGIN


def _same(earlier: Entry, now: Entry) -> Entry:
    said = [f"{entry.event!r} of bundle {entry.bundle_id[:12] or '-'}" for entry in (earlier, now)]
    if (earlier.event, earlier.bundle_id) != (now.event, now.bundle_id):
        raise LedgerError(
            f"{_name(earlier.number)} already records {now.details['once_key']!r} as {said[0]}, and now it would "
            f"be {said[1]}: a recorded decision stands; start a new run."
        )
    return earlier
