"""The metrics of what a worker is like at the moment: its models, its log, whether it is ready."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from components.serving import events
from components.serving.metrics import Metrics

if TYPE_CHECKING:
    from components.serving.app import App
    from components.serving.deployment import Deployment
    from components.serving.prediction_log import PredictionLog


class State:
    """Tells the metrics of what changes without a request; it is asked for once a second, and at the end."""

    def __init__(self, metrics: Metrics, deployment: Deployment, log: PredictionLog, app: App) -> None:
        self._metrics, self._deployment, self._log, self._app = metrics, deployment, log, app
        self._told: set[int] = set()
        self._failing = ""

    def tell(self) -> None:
        """Let the metrics say what is now so, and the log of events what is newly wrong."""
        log, deployment = self._log, self._deployment
        for name, value in {
            "serving_requests_in_flight": float(self._app.in_flight),
            "serving_ready": float(self._app.ready),
            "serving_log_failing": float(bool(log.failing)),
            "serving_log_lost_total": float(log.lost),
            "serving_log_bytes_total": float(log.written_bytes),
            "serving_model_refused": float(bool(deployment.refused)),
            "serving_model_swaps_total": float(deployment.swaps),
            "serving_shadow_disagreements_total": float(self._app.shadow.disagreements),
            "serving_shadow_skipped_total": float(self._app.shadow.skipped),
        }.items():
            self._metrics.set(self._metrics.place(name), value)
        self._tell_models()
        if log.failing != self._failing:
            if log.failing:
                events.tell("error", "predictions cannot be logged", why=log.failing)
            else:
                events.tell("info", "predictions are logged again", predictions_lost=log.lost)
            self._failing = log.failing

    def _tell_models(self) -> None:
        """1 for each model in service, 0 for those that were."""
        serving = set()
        for variant in (self._deployment.champion, self._deployment.challenger):
            if variant is None:
                continue
            model = variant.model
            serving.add(
                self._metrics.place(
                    "serving_model_info",
                    variant=variant.name,
                    bundle_id=model.bundle_id,
                    version=model.version,
                )
            )
            place = self._metrics.place("serving_model_created_timestamp_seconds", variant=variant.name)
            self._metrics.set(place, _seconds(model.created))
        for place in self._told - serving:
            self._metrics.set(place, 0.0)
        for place in serving:
            self._metrics.set(place, 1.0)
        self._told |= serving


def _seconds(moment: str) -> float:
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return 0.0
