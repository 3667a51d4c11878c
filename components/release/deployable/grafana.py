"""A Grafana dashboard of a server: its traffic, its errors, its limits, and what its model says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from components.release.deployable.prometheus import ASKED, job

ROWS = 8
"""How high a panel is; the dashboard is 24 wide, with three panels beside each other."""


@dataclass(frozen=True)
class Panel:
    """One plot.

    Attributes:
        title: what is seen.
        unit: of Grafana.
        queries: the legend by the expression in PromQL; ``$job`` is the server's job.
        kind: of Grafana.
    """

    title: str
    unit: str
    queries: dict[str, str]
    kind: str = "timeseries"


def _rate(metric: str, by: str, labels: str = "") -> str:
    chosen = ",".join(filter(None, ('job="$job"', labels)))
    return f"sum by ({by}) (rate({metric}{{{chosen}}}[$__rate_interval]))"


def _quantile(quantile: float) -> str:
    buckets = _rate("serving_request_seconds_bucket", "le", ASKED)
    return f"histogram_quantile({quantile}, {buckets})"


PANELS = (
    Panel(
        "Requests a second",
        "reqps",
        {_rate("serving_requests_total", "route, status"): "{{route}} {{status}}"},
    ),
    Panel(
        "Seconds until the answer",
        "s",
        {_quantile(0.5): "median", _quantile(0.99): "99th percentile"},
    ),
    Panel(
        "Requests that were rejected",
        "reqps",
        {_rate("serving_requests_rejected_total", "reason"): "{{reason}}"},
    ),
    Panel(
        "In flight, and the processes that answer",
        "short",
        {
            'sum(serving_requests_in_flight{job="$job"})': "in flight",
            'sum(serving_workers{job="$job"})': "processes",
            'sum(serving_ready{job="$job"})': "servers that are ready",
            'sum(increase(serving_worker_restarts_total{job="$job"}[$__rate_interval]))': "processes that were replaced",
        },
    ),
    Panel(
        "Memory of a process",
        "bytes",
        {'process_resident_memory_bytes{job="$job"}': "{{instance}} {{worker}}"},
    ),
    Panel("Rows a second", "short", {_rate("serving_rows_total", "variant"): "{{variant}}"}),
    Panel(
        "Share of decisions",
        "percentunit",
        {
            f"{_rate('serving_predictions_total', 'variant, decision')} / ignoring (decision) group_left () "
            f"{_rate('serving_predictions_total', 'variant')}": "{{variant}}: {{decision}}"
        },
    ),
    Panel(
        "Scores",
        "short",
        {_rate("serving_score_bucket", "le", 'variant="champion"'): "{{le}}"},
        "heatmap",
    ),
    Panel(
        "Rows that break the contract, a second",
        "short",
        {_rate("serving_rows_refused_total", "column, rule"): "{{column}}: {{rule}}"},
    ),
    Panel(
        "Models in service",
        "short",
        {
            'max by (variant, version, bundle_id) (serving_model_info{job="$job"})': "{{variant}} {{version}} {{bundle_id}}"
        },
    ),
    Panel(
        "Age of the model",
        "s",
        {'time() - max by (variant) (serving_model_created_timestamp_seconds{job="$job"})': "{{variant}}"},
    ),
    Panel(
        "Deployments",
        "short",
        {
            'max(serving_model_swaps_total{job="$job"})': "taken over",
            'max(serving_model_refused{job="$job"})': "refused",
        },
    ),
    Panel("Prediction log", "Bps", {_rate("serving_log_bytes_total", "instance"): "{{instance}}"}),
    Panel(
        "Predictions that were not logged",
        "short",
        {
            'sum(increase(serving_log_lost_total{job="$job"}[$__rate_interval]))': "lost",
            'max(serving_log_failing{job="$job"})': "failing",
        },
    ),
    Panel(
        "Rows on which the challenger in the shadow decides otherwise, a second",
        "short",
        {_rate("serving_shadow_disagreements_total", "instance"): "{{instance}}"},
    ),
)


def dashboard(name: str, environment: str) -> dict[str, str]:
    """The dashboard, by its path.

    Args:
        name: of the model.
        environment: where its servers are, which a job scrapes.
    """
    scraped = job(name, environment)
    content = {
        "title": f"{scraped}: serving",
        "uid": f"serving-{scraped}"[-40:],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_source(), _job(scraped)]},
        "panels": [_panel(place, panel) for place, panel in enumerate(PANELS)],
    }
    return {"grafana/dashboard.json": json.dumps(content, indent=1) + "\n"}


def _source() -> dict[str, Any]:
    return {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _job(name: str) -> dict[str, Any]:
    return {
        "name": "job",
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "$source"},
        "query": "label_values(serving_workers, job)",
        "refresh": 2,
        "current": {"text": name, "value": name},
    }


def _panel(place: int, panel: Panel) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "$source"}
    form = "heatmap" if panel.kind == "heatmap" else "time_series"
    return {
        "id": place + 1,
        "title": panel.title,
        "type": panel.kind,
        "datasource": source,
        "gridPos": {"h": ROWS, "w": 8, "x": 8 * (place % 3), "y": ROWS * (place // 3)},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(65 + number),
                "datasource": source,
                "expr": query,
                "legendFormat": legend,
                "format": form,
            }
            for number, (query, legend) in enumerate(panel.queries.items())
        ],
    }
