"""Which alerts ask for another training: one request a window, however many alerts it raised, and in however many logs."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from components.monitoring.alerts import Alert


@dataclass(frozen=True)
class Cause:
    """Why a model is to be trained anew.

    Attributes:
        cause_id: names it: the window of the model's life that raised the alerts.
        label: of that window.
        end: of that window, ISO 8601: what is trained on lies before it.
        alerts: the ids of the alerts.
        reason: why, for a person.
    """

    cause_id: str
    label: str
    end: str
    alerts: tuple[str, ...]
    reason: str


def causes(alerts: Sequence[Alert], ends: Mapping[str, str], on: Collection[str]) -> list[Cause]:
    """What asks for another training, oldest first.

    Args:
        alerts: of one model.
        ends: by window id, when the window ended.
        on: the kinds of alerts that ask for it.
    """
    of_window: dict[str, list[Alert]] = {}
    for alert in alerts:
        if alert.kind in on:
            of_window.setdefault(ends[alert.window_id], []).append(alert)
    return [_cause(end, of_window[end]) for end in sorted(of_window)]


def _cause(end: str, alerts: Sequence[Alert]) -> Cause:
    first = alerts[0]
    whole_life = re.sub(r"-(served|labelled)(-[0-9a-f]{8})?$", "", first.window_id)
    more = f" (and {len(alerts) - 1} more alerts)" if len(alerts) > 1 else ""
    return Cause(
        f"retraining {whole_life}",
        first.label,
        end,
        tuple(alert.alert_id for alert in alerts),
        f"{first.title}: {first.reason}{more}",
    )
