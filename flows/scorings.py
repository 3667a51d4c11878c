"""What a scoring run asks and reads: the bundle, the table, and the shards of each task."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from components.data.intake import Period
from components.errors import ConfigError, RefusalError, redacted
from components.release import candidates
from components.release.ledger import Entry, Ledger, champions
from flows.orchestration import ROOT, anchored

if TYPE_CHECKING:
    from components.data.source import Taken
    from components.scoring.asked import Asked
    from components.scoring.shards import Shard


def chosen(run: Any) -> Entry:
    """The entry of the ledger that names the bundle: the environment's champion, or the decision on the one that is wanted.

    Raises:
        RefusalError: there is no champion, no such bundle, or it may not answer there.
    """
    entries, environment = Ledger(run.durable).entries(), run.target.environment
    if run.wanted:
        decision = candidates.find(entries, run.wanted)
        candidates.require_allowed(entries, decision, run.target)
        return decision
    standing = champions(entries, environment)
    if not standing:
        raise RefusalError(
            f"{environment} has no champion that could score; deploy one (make deploy), or name a bundle: BUNDLE=."
        )
    return standing[-1]


def asked(run: Any, files: Mapping[str, bytes]) -> Asked:
    """What the bundle's contract and the settings ask of the table.

    Raises:
        ConfigError: a period is named, and no column for it.
    """
    from components.data.spelling import Spelling
    from components.scoring.asked import Asked

    data = run.settings.data
    if (run.since or run.until) and not data.time:
        raise ConfigError("since and until choose rows by time; name the column in data.time of config.toml.")
    return Asked.of_bundle(
        json.loads(files["contract.json"]),
        period=Period(data.time, run.since, run.until),
        key=data.key,
        spelling=Spelling((), data.missing, data.numbers, data.dates),
        reserved=tuple(json.loads(files["smoke.json"])["predictions"]),
    )


@contextmanager
def table(run: Any) -> Iterator[Taken]:
    """The table, not in memory where it is one of files: a version of the store, the source that is named, or the configured one.

    Raises:
        ConfigError: both a source and a version are named, or revision and query do not go with the source.
        DataError: it cannot be read.
    """
    from components.data import snapshot, source

    if run.version:
        if run.source or run.revision or run.query:
            raise ConfigError("A data version is in the store and has no source; name one or the other.")
        kept = snapshot.described(run.version, run.durable)
        with snapshot.scanned(run.version, run.durable) as frame:
            yield source.Taken(frame, kept.pin)
        return
    location, revision, query = _source(run)
    yield source.take(anchored(location), revision=revision, query=query, root=ROOT)


def about(run: Any, taken: Taken) -> dict[str, Any]:
    """Where the rows come from, and who scores them, for the record."""
    return {
        "run": run.origin,
        "environment": run.target.environment,
        "source": f"data version {run.version}" if run.version else redacted(_source(run)[0]),
        "pin": dict(taken.pin),
        "time": run.settings.data.time if run.since or run.until else "",
        "since": run.since,
        "until": run.until,
        "key": list(run.settings.data.key),
    }


def groups(run: Any) -> list[list[Shard]]:
    """The shards of each task; one task without any where all is scored already."""
    shards, tasks = run.incoming.shards, run.settings.scoring.tasks
    return [[]] if run.again else [list(shards[first::tasks]) for first in range(min(tasks, len(shards)))]


def _source(run: Any) -> tuple[str, str, str]:
    """Location, revision and query; a source that is named has none of the configured one's."""
    data = run.settings.data
    named = bool(run.source)
    return (
        run.source or data.source,
        run.revision or ("" if named else data.revision),
        run.query or ("" if named else data.query),
    )
