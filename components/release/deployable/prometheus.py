"""Prometheus: how a server is scraped, and the alert rules on the metrics that it and its monitoring offer."""

from __future__ import annotations

from components.release.deployable.kubernetes import rendered

ASKED = 'route=~"/invocations|/v2/models/infer"'
"""Requests for predictions, without probes and scrapes."""


def job(name: str, environment: str) -> str:
    """What the job is called that scrapes the servers of a model in an environment: as their namespace is."""
    return f"{name}-{environment}"


def scrape(name: str, environment: str) -> dict[str, str]:
    """The job that scrapes the servers, by the path of its file.

    Args:
        name: of the model.
        environment: where its servers are.
    """
    text = rendered("prometheus/scrape.yaml.j2", marks=("<<", ">>"), name=name, job=job(name, environment))
    return {"prometheus/scrape.yaml": text}


def rules(
    name: str,
    environment: str,
    *,
    latency_seconds: float,
    model_age_days: float,
    max_waiting: int,
    window_days: float,
) -> dict[str, str]:
    """The alert rules, by their path.

    Args:
        name: of the model.
        environment: where its servers are, as monitoring names it too.
        latency_seconds: what the 99th percentile of requests may take.
        model_age_days: after which a model is too old.
        max_waiting: the requests in flight that one worker takes.
        window_days: how long the windows are in which it is monitored.
    """
    scraped = f'job="{job(name, environment)}"'
    text = rendered(
        "prometheus/rules.yaml.j2",
        marks=("<<", ">>"),
        name=name,
        job=job(name, environment),
        asked=f"{scraped},{ASKED}",
        scraped=scraped,
        latency_seconds=f"{latency_seconds:g}",
        model_age_days=f"{model_age_days:g}",
        model_age_seconds=f"{model_age_days * 86_400:.0f}",
        max_waiting=max_waiting,
        watched=f'environment="{environment}"',
        window_days=f"{window_days:.3g}",
        silent_seconds=f"{2 * window_days * 86_400 + 3600:.0f}",
    )
    return {"prometheus/rules.yaml": text}
