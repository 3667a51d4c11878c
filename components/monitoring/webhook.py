"""Alerts sent to a webhook; its address is a secret and is never told."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from components.errors import ConfigError
from components.monitoring.accounts import FOLDER
from components.monitoring.alerts import Alert
from components.store import Store

VARIABLE = "MONITOR_WEBHOOK_URL"
TIMEOUT_SECONDS = 10.0


def deliver(alerts: Sequence[Alert], url: str, store: Store) -> tuple[int, list[str]]:
    """How many alerts were taken by the webhook now, and why others were not.

    Each is posted as JSON with its `alert_id`, until it was taken once: what was not is sent again by the next monitor. A
    monitor that dies between an alert and its mark sends it twice, with the same id.

    Args:
        alerts: those that are to be known.
        url: of the webhook.
        store: keeps which were taken.
    """
    sent, failed = 0, []
    for alert in alerts:
        name = f"{FOLDER}/sent/{hashlib.sha256(alert.alert_id.encode()).hexdigest()}.json"
        if store.exists(name):
            continue
        if why := _posted(json.dumps(alert.to_json()).encode(), url):
            failed.append(f"{alert.title}: {why}")
            continue
        store.write_if_absent(name, json.dumps({"alert_id": alert.alert_id}).encode())
        sent += 1
    return sent, failed


def require_address(url: str) -> None:
    """Pass if alerts can be posted to this address.

    Raises:
        ConfigError: it is none of http or https.
    """
    if _place(url) is None:
        raise ConfigError(
            f"The environment's {VARIABLE} is no http or https address, such as https://hooks.example.com/path; its value "
            "is not shown here. Correct it, or unset it."
        )


def _place(url: str) -> SplitResult | None:
    """The parts of an http or https address; None if it is none."""
    try:
        place = urlsplit(url)
        usable = place.scheme in ("http", "https") and place.hostname and place.port != 0
    except ValueError:
        return None
    return place if usable else None


def _posted(body: bytes, url: str) -> str:
    """Why the webhook did not take it; "" if it did."""
    place = _place(url)
    if place is None:
        return f"{VARIABLE} is no http or https address"
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    try:
        assert place.hostname
        connection = kind(place.hostname, place.port, timeout=TIMEOUT_SECONDS)
        path = (place.path or "/") + (f"?{place.query}" if place.query else "")
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        status = connection.getresponse().status
        connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"the webhook cannot be reached ({type(error).__name__})"
    return "" if 200 <= status < 300 else f"the webhook answered {status}"
