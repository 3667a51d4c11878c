"""The account of one window: what is known of it, written once and kept in the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from components.errors import FlowprintError
from components.monitoring.alerts import Judged
from components.monitoring.finding import Finding, finding_of
from components.monitoring.windows import Window
from components.store import Store

Stage = Literal["served", "labelled"]
FOLDER = "monitoring"


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

    @property
    def name(self) -> str:
        """Of the object in the store."""
        return f"{FOLDER}/{self.window_id}.json"

    @property
    def judged(self) -> Judged:
        """What alerts are made from."""
        return Judged(self.window_id, self.label, self.findings)

    def to_json(self) -> dict[str, Any]:
        """Every attribute as a plain value."""
        findings = [each.to_json() for each in self.findings]
        return {**vars(self), "findings": findings, "details": _plain(self.details)}


def account_of(told: Mapping[str, Any]) -> Account:
    """The account that :meth:`Account.to_json` told of."""
    return Account(**{**told, "findings": tuple(finding_of(each) for each in told["findings"])})


def window_id(environment: str, window: Window, bundle_id: str, stage: Stage) -> str:
    """Names a window of a model's life."""
    return f"{environment}-{window.label}-{bundle_id[:12]}-{stage}"


def keep(store: Store, account: Account) -> Account:
    """The account that the store has of this window: this one, or the one that another monitor wrote first."""
    content = json.dumps(account.to_json(), indent=1, allow_nan=False).encode() + b"\n"
    store.write_if_absent(account.name, content)
    return read(store, account.window_id) or account


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


def history(store: Store, environment: str, bundle_id: str) -> list[Account]:
    """All accounts of a model in an environment, by time."""
    end = (f"-{bundle_id[:12]}-served.json", f"-{bundle_id[:12]}-labelled.json")
    names = [
        name.removeprefix(f"{FOLDER}/").removesuffix(".json")
        for name in store.names(FOLDER)
        if name.startswith(f"{FOLDER}/{environment}-") and name.endswith(end)
    ]
    found = [each for each in (read(store, name) for name in names) if each is not None]
    return sorted(found, key=lambda each: (each.end, each.start, each.stage))


def _plain(value: Any) -> Any:
    """The value as JSON has it; numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value
