"""Which bundle is to be deployed, and whether it may: what the ledger says of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from components.errors import ApprovalError, ConfigError, RefusalError
from components.release.ledger import PRODUCTION, Entry, champions

TEST = "test"
"""The one environment that takes the bundle of a rejected run: it shows what serving would cost."""

OFF = "off"
"""The mode in which a challenger no longer stands beside the champion."""

MODES = ("", "shadow", "split", OFF)
"""Ways to deploy: as the champion, or beside it."""

LEAST_LETTERS = 10
"""Of a reason that a person gives."""

_PREFIX = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True)
class Target:
    """Where a bundle is to go, and what is asked of it there.

    Attributes:
        environment: its name.
        live: whether it is the one that users meet, whose champion the model registry names too.
        approval: whether a person must have approved the bundle.
    """

    environment: str
    live: bool
    approval: bool


def target(environment: str, environments: Sequence[str], approval: bool) -> Target:
    """What is asked of a bundle in an environment; "" is the last one, which users meet.

    Raises:
        ConfigError: there is no environment of this name.
    """
    live = environments[-1]
    name = environment or live
    if name not in environments:
        raise ConfigError(
            f"{name!r} is no environment; config.toml has deploy.environments = {list(environments)}."
        )
    return Target(name, name == live, approval and name == live)


def decisions(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that approved or rejected a run, oldest first."""
    return [entry for entry in entries if entry.event in ("approved", "rejected") and entry.bundle_id]


def find(entries: Sequence[Entry], wanted: str) -> Entry:
    """The decision on the bundle that is meant.

    Args:
        entries: of the ledger.
        wanted: a bundle id, the first 8 or more letters of one, or the pathspec of a training run.

    Raises:
        RefusalError: no decision is on such a bundle, or several are.
    """
    found = [entry for entry in decisions(entries) if _is_meant(entry, wanted)]
    if len({entry.bundle_id for entry in found}) > 1:
        raise RefusalError(f"{wanted!r} begins the ids of {len(found)} bundles; give more letters.")
    if not found:
        raise RefusalError(
            f"No decision in the ledger is on {wanted!r}; give a bundle id, at least its first 8 letters, or a run "
            "such as TrainFlow/12 (`make ledger` lists them)."
        )
    return found[-1]


def newest(entries: Sequence[Entry], environment: str) -> Entry:
    """The newest approval of a bundle that nobody rolled back, unless it stands in the environment all the same.

    Raises:
        RefusalError: there is none.
    """
    taken_back = {entry.bundle_id for entry in entries if entry.event == "rolled back"} - {
        entry.bundle_id for entry in champions(entries, environment)
    }
    for entry in reversed(decisions(entries)):
        if entry.event == "approved" and entry.bundle_id not in taken_back:
            return entry
    raise RefusalError(
        "The ledger has no approved bundle that was not rolled back; train one (`make train`), or name one: BUNDLE=."
    )


def former(entries: Sequence[Entry], environment: str) -> tuple[Entry, Entry]:
    """The decision on the bundle to which a rollback returns, and the promotion that it takes back.

    Raises:
        RefusalError: there is no champion, or there was none before it.
    """
    standing = champions(entries, environment)
    if len(standing) < 2:
        found = f"{len(standing)} promotion{'s' * (len(standing) != 1)} into {environment} that still stand"
        raise RefusalError(f"The ledger has {found}: there is no champion before to return to.")
    return find(entries, standing[-2].bundle_id), standing[-1]


def challenger(entries: Sequence[Entry], environment: str) -> Entry | None:
    """The entry that set a bundle beside the champion; None if none did since the champion was made, or it was ended."""
    told = [
        entry
        for entry in entries
        if entry.details.get("environment", PRODUCTION) == environment
        and entry.event in ("promoted", "rolled back", "set beside")
    ]
    return told[-1] if told and told[-1].event == "set beside" and told[-1].details["mode"] != OFF else None


def require_mode(mode: str, share: float) -> None:
    """Pass if there is such a way to deploy.

    Raises:
        ConfigError: there is none, or the share is none.
    """
    if mode not in MODES:
        raise ConfigError(f"{mode!r} is no mode; there are {', '.join(MODES[1:])}, and none to promote.")
    if not 0 <= share <= 1:
        raise ConfigError(f"The share is {share:g}; it must be from 0 to 1.")


def beside(entries: Sequence[Entry], environment: str) -> str:
    """The hash of the entry that :func:`challenger` finds; "" for none."""
    found = challenger(entries, environment)
    return found.hash if found else ""


def ended(entries: Sequence[Entry], environment: str) -> Entry:
    """The decision on the challenger that no longer is to stand beside the champion.

    Raises:
        RefusalError: none stands there.
    """
    found = challenger(entries, environment)
    if found is None:
        raise RefusalError(f"Nothing stands beside the champion of {environment}.")
    return find(entries, found.bundle_id)


def require_beside(entries: Sequence[Entry], decision: Entry, environment: str) -> None:
    """Pass if there is a champion, another one, beside which the bundle can be set.

    Raises:
        RefusalError: there is none, or it is this bundle.
    """
    standing = champions(entries, environment)
    if not standing:
        raise RefusalError(
            f"{environment} has no champion beside which a bundle could be set; deploy one first."
        )
    if standing[-1].bundle_id == decision.bundle_id:
        raise RefusalError(
            f"Bundle {decision.bundle_id[:12]} is the champion of {environment} and cannot be its challenger."
        )


def require_same_beside(entries: Sequence[Entry], known: str, environment: str) -> None:
    """Pass if what stands beside the champion is still what was found at the start, by the hash of its entry.

    Raises:
        RefusalError: another deployment was first.
    """
    if beside(entries, environment) != known:
        found = challenger(entries, environment)
        now = f"bundle {found.bundle_id[:12]} ({found.details['mode']})" if found else "nothing"
        raise RefusalError(
            f"Another deployment was first: {now} now stands beside the champion of {environment}. Look, and deploy again."
        )


def require_allowed(entries: Sequence[Entry], decision: Entry, to: Target, *, again: bool = False) -> None:
    """Pass if a bundle may go to an environment.

    Args:
        entries: of the ledger.
        decision: the entry that decided on the bundle.
        to: where it is to go.
        again: whether it returns to where it was promoted before, or decides nothing there, which asks for no person's
            approval.

    Raises:
        RefusalError: its run was rejected.
        ApprovalError: a person has not approved it where one must.
    """
    of_bundle = [entry for entry in entries if entry.bundle_id == decision.bundle_id]
    decided = decisions(of_bundle)
    if to.environment != TEST and not (decided and all(entry.event == "approved" for entry in decided)):
        raise RefusalError(
            f"Run {decision.run} was rejected; its bundle {decision.bundle_id[:12]} may go to the environment {TEST!r} "
            "alone, to show what serving it would cost."
        )
    if to.approval and not again and not any(entry.event == "approved by a person" for entry in of_bundle):
        raise ApprovalError(
            f"config.toml asks that a person approves each promotion, and nobody approved bundle "
            f"{decision.bundle_id[:12]}: make approve RUN={decision.run} REASON='...'."
        )


def require_champion(entries: Sequence[Entry], bundle_id: str, environment: str) -> None:
    """Pass if the champion is still the one that was compared with; "" for none.

    Raises:
        RefusalError: another deployment was first.
    """
    standing = champions(entries, environment)
    now = standing[-1].bundle_id if standing else ""
    if now != bundle_id:
        raise RefusalError(
            f"Another deployment was first: the champion of {environment} is now {now[:12] or 'none'}, and this bundle was "
            f"compared with {bundle_id[:12] or 'none'}. Deploy again to compare with the new one."
        )


def _is_meant(entry: Entry, wanted: str) -> bool:
    if _PREFIX.fullmatch(wanted):
        return entry.bundle_id.startswith(wanted)
    return wanted in (entry.run, entry.details.get("pathspec"))
