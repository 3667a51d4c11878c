"""The account of one window: what is known of it, written once and kept in the store."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite
from typing import Any, Literal

from components.errors import FlowprintError
from components.monitoring.alerts import Judged
from components.monitoring.finding import Finding, finding_of
from components.monitoring.windows import Length, Window, window_of
from components.store import Store

Stage = Literal["served", "labelled"]
FOLDER = "monitoring"
TOLD = f"{FOLDER}/told"


@dataclass(frozen=True)
class Account:
    """What is known of one window; it is written once and stays.

    Attributes:
        window_id: names window, model and stage, and the object in the store.
        stage: "served" or "labelled".
        label: of the window.
        start: of the window, ISO 8601 in UTC.
        end: of the window.
        environment: where the model is served.
        bundle_id: of the model.
        rows: predictions, or labelled ones.
        findings: everything that was looked at.
        details: the numbers behind, as plain values.
        log: where the predictions are, if not in the store's log.
        reference: the table that columns were compared with, if not the bundle's reference.
    """

    window_id: str
    stage: Stage
    label: str
    start: str
    end: str
    environment: str
    bundle_id: str
    rows: int
    findings: tuple[Finding, ...]
    details: Mapping[str, Any]
    log: str = ""
    reference: str = ""

    @property
    def name(self) -> str:
        """Of the object in the store."""
        return f"{FOLDER}/{self.window_id}.json"

    @property
    def loud(self) -> bool:
        """Whether anything alarms."""
        return any(each.alarm for each in self.findings)

    @property
    def judged(self) -> Judged:
        """What alerts are made from."""
        return Judged(self.window_id, self.label, self.findings)

    def of(self, log: str, reference: str) -> Account:
        """The same as the account of another log than the store's, or by another reference; "" for the usual ones."""
        reference = reference if self.stage == "served" else ""
        watched = watch_id(log, reference)
        named = f"{self.window_id}-{watched}" if watched else self.window_id
        return replace(self, window_id=named, log=log, reference=reference)

    def to_json(self) -> dict[str, Any]:
        """Every attribute as a plain value."""
        findings = [each.to_json() for each in self.findings]
        return {**vars(self), "findings": findings, "details": _plain(self.details)}


def account_of(told: Mapping[str, Any]) -> Account:
    """The account that :meth:`Account.to_json` told of."""
    return Account(**{**told, "findings": tuple(finding_of(each) for each in told["findings"])})


def watch_id(*named: str) -> str:
    """A short name for a log and a reference that are not the usual ones; "" for the usual."""
    return hashlib.sha256("\n".join(named).rstrip("\n").encode()).hexdigest()[:8] if any(named) else ""


def window_id(
    environment: str, window: Window, bundle_id: str, stage: Stage, *, log: str = "", reference: str = ""
) -> str:
    """Names a window of a model's life; another log, or another reference, has accounts of its own.

    What came true does not hang on what columns are compared with: labelled windows are those of the log alone.
    """
    usual = f"{environment}-{window.label}-{bundle_id[:12]}-{stage}"
    watched = watch_id(log, reference if stage == "served" else "")
    return f"{usual}-{watched}" if watched else usual


def keep(store: Store, account: Account) -> Account:
    """The account that the store has of this window: this one, or the one that another monitor wrote first."""
    content = json.dumps(account.to_json(), indent=1, allow_nan=False).encode() + b"\n"
    store.write_if_absent(account.name, content)
    return read(store, account.window_id) or account


def untold(store: Store, known: Sequence[Account]) -> list[Account]:
    """Those of which nobody was told yet, as :func:`tell` notes it."""
    there = set(store.names(TOLD))
    return [each for each in known if _told(each) not in there]


def tell(store: Store, known: Sequence[Account]) -> None:
    """Note that everybody was told who is to be told of these."""
    for each in untold(store, known):
        store.write_if_absent(_told(each), b"{}\n")


def _told(account: Account) -> str:
    """The note's name: another account of the same window, made after somebody removed the first, has another."""
    content = json.dumps([(each.key, each.alarm, each.severity) for each in account.findings]).encode()
    return f"{TOLD}/{account.window_id}-{hashlib.sha256(content).hexdigest()[:8]}.json"


def read(store: Store, window_id: str) -> Account | None:
    """The account of a window; None if there is none yet.

    Raises:
        FlowprintError: it cannot be read.
    """
    name = f"{FOLDER}/{window_id}.json"
    try:
        return account_of(json.loads(store.read(name)))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise FlowprintError(
            f"{name}: no account of a window ({error}); restore it from a backup of the store, or remove it to have the "
            "window looked at again."
        ) from error


def history(
    store: Store, environment: str, bundle_id: str, length: Length, *, log: str = "", reference: str = ""
) -> list[Account]:
    """All accounts of a model in an environment by windows of one length, of one log and one reference, by time."""
    label = r"\d{4}[-\dTW]*"  # what follows an environment's name begins another one where it is no time
    ends = {
        "served": "-".join(filter(None, ("served", watch_id(log, reference)))),
        "labelled": "-".join(filter(None, ("labelled", watch_id(log)))),
    }
    wanted = re.compile(
        rf"{FOLDER}/({re.escape(environment)}-{label}-{bundle_id[:12]}-({'|'.join(ends.values())}))\.json"
    )
    named = (found[1] for name in store.names(FOLDER) if (found := wanted.fullmatch(name)))
    known = (each for each in (read(store, name) for name in named) if each is not None)
    mine = (
        each
        for each in known
        if (each.environment, each.bundle_id) == (environment, bundle_id)
        and window_of(length, datetime.fromisoformat(each.start)).label == each.label
    )
    return sorted(mine, key=lambda each: (each.end, each.start, each.stage))


def _plain(value: Any) -> Any:
    """The value as JSON has it; numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value
