"""Prometheus: the alert rules of a server, on the metrics that it offers, and of its monitoring."""

from __future__ import annotations

from components.release.deployable.kubernetes import rendered

ASKED = 'route=~"/invocations|/v2/models/infer"'
"""Requests for predictions, without probes and scrapes."""


def rules(
    name: str,
    *,
    latency_seconds: float,
    model_age_days: float,
    max_waiting: int,
    environment: str,
    window_days: float,
) -> dict[str, str]:
    """The alert rules, by their path.

    Args:
        name: of the model.
        latency_seconds: what the 99th percentile of requests may take.
        model_age_days: after which a model is too old.
        max_waiting: the requests in flight that one worker takes.
        environment: where it is served, as monitoring names it.
        window_days: how long the windows are in which it is monitored.
    """
    text = rendered(
        "prometheus/rules.yaml.j2",
        marks=("<<", ">>"),
        name=name,
        asked=ASKED,
        scraped=f'job="{name}"',
        latency_seconds=f"{latency_seconds:g}",
        model_age_days=f"{model_age_days:g}",
        model_age_seconds=f"{model_age_days * 86_400:.0f}",
        max_waiting=max_waiting,
        watched=f'environment="{environment}"',
        window_days=f"{window_days:.3g}",
        silent_seconds=f"{2 * window_days * 86_400 + 3600:.0f}",
    )
    return {"prometheus/rules.yaml": text}
