"""The metrics of requests."""

from __future__ import annotations

from components.serving.metrics import SECONDS, Histogram, Metrics


class Traffic:
    """Counts requests; it is used by the event loop alone.

    Args:
        metrics: where they are counted.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._answered: dict[tuple[str, int], tuple[int, Histogram]] = {}

    def answered(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        found = self._answered.get((route, status))
        if found is None:
            place = self._metrics.place("serving_requests_total", route=route, status=str(status))
            found = place, self._metrics.histogram("serving_request_seconds", SECONDS, route=route)
            self._answered[route, status] = found
        self._metrics.add(found[0])
        found[1].observe(seconds)

    def rejected(self, reason: str) -> None:
        """A request was beyond a limit."""
        self._metrics.add(self._metrics.place("serving_requests_rejected_total", reason=reason))
