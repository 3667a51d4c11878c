"""What serving will cost, from the latency that was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from components.release.parity import Latency


@dataclass(frozen=True)
class ServingCost:
    """What answering requests of one row each will take, by the program's measured latency.

    Attributes:
        requests_per_second: The configured rate.
        cores_busy: Processor cores kept busy by the program at that rate.
        replicas: Copies on one core each that keep every core at most half busy; at least one.
        core_seconds_per_1000: Core-seconds that 1,000 predictions take, one by one.
        batch_core_seconds_per_1000: The same in batches of 1,000 rows.
        most_requests_per_second: What these replicas could answer at half load.
    """

    requests_per_second: float
    cores_busy: float
    replicas: int
    core_seconds_per_1000: float
    batch_core_seconds_per_1000: float
    most_requests_per_second: float

    @property
    def busy_fraction(self) -> float:
        """How busy each replica's core is, 0 to 1."""
        return self.cores_busy / self.replicas


def serving_cost(latency: Latency, requests_per_second: float, utilisation: float = 0.5) -> ServingCost:
    """The cost at a request rate; the handling of requests around the program is not in it.

    Args:
        latency: Measured on one core.
        requests_per_second: One row each.
        utilisation: How busy a core may be, above 0 to 1; queues grow fast beyond one half.
    """
    seconds = latency.p50_milliseconds / 1000
    busy = requests_per_second * seconds
    replicas = max(1, math.ceil(busy / utilisation))
    most = replicas * utilisation / seconds if seconds else math.inf
    batch = 1000 / latency.rows_per_second if latency.rows_per_second else math.nan
    return ServingCost(requests_per_second, busy, replicas, 1000 * seconds, batch, most)
