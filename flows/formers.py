"""The champions before one that is watched, as the ledger has them and the Metaflow datastore keeps them."""

from __future__ import annotations

from typing import Any

from metaflow.exception import MetaflowException

from components.errors import BundleError
from components.monitoring.formers import Former
from components.release import ledger
from components.release.ledger import Entry, Ledger
from flows.orchestration import bundle_of

MOST, MOST_TRIED = 3, 10
"""How many are asked, and after how many that may or may not be found no more are looked for."""


def formers(run: Any, promotion: Entry) -> list[Former]:
    """The newest before a promotion, with their verified bundles; those on the way that cannot be had say why."""
    found: list[Former] = []
    for entry in ledger.formers(Ledger(run.durable).entries(), promotion)[:MOST_TRIED]:
        found.append(_former(entry))
        if sum(not each.problem for each in found) == MOST:
            break
    return found


def _former(entry: Entry) -> Former:
    try:
        return Former(entry.bundle_id, entry.at, bundle_of(entry))
    except BundleError as error:
        return Former(entry.bundle_id, entry.at, {}, str(error))
    except MetaflowException as error:
        return Former(entry.bundle_id, entry.at, {}, f"Its bundle is not in this Metaflow datastore: {error}")
