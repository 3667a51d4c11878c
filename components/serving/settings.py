"""How a server behaves: [serving] of config.toml, as a deployment hands it on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from components.errors import DeploymentError

BadRows = Literal["refuse", "set_aside"]
LogMode = Literal["window", "strict", "off"]

_CHOICES = {"bad_rows": ("refuse", "set_aside"), "log": ("window", "strict", "off")}
_LEAST = {
    "requests_per_second": 1e-9, "workers": 1, "threads": 1, "max_body_bytes": 1, "max_rows": 1, "max_waiting": 1, "max_waiting_bytes": 1,
    "max_connections": 1, "timeout_seconds": 1e-3, "log_window_seconds": 1e-3, "log_segment_bytes": 1, "log_buffer_bytes": 1,
    "drain_seconds": 0.0, "hang_seconds": 0.5,
}  # fmt: skip
"""The least that each number may be."""


@dataclass(frozen=True)
class ServingSettings:
    """The settings of a server.

    Attributes:
        requests_per_second: what is expected; only the costs that a deployment reports depend on it.
        workers: the processes that answer.
        threads: how many threads of a worker may work on one call of the program.
        max_body_bytes: the longest body of a request.
        max_rows: the most rows of a request.
        max_waiting: the most requests in flight in one worker; one more is answered 503.
        max_waiting_bytes: the most bytes of bodies that one worker holds at a time; a longer one is answered 503.
        max_connections: the most connections of one worker; one more is answered 503 and closed.
        timeout_seconds: how long a client may take to send a request's headers, to send its body, and to begin to read.
        bad_rows: "refuse" a request with a row that breaks the contract, or "set_aside" that row and answer the rest.
        log: "window": predictions are written every ``log_window_seconds``; "strict": before they are answered.
        log_window_seconds: what a killed worker may lose.
        log_columns: the inputs that may be logged; "*" is all of them.
        log_segment_bytes: after which the log begins another file.
        log_buffer_bytes: how much may wait while nothing can be written.
        hang_seconds: after which a worker whose event loop does not turn is killed and replaced.
        drain_seconds: how long requests in flight may take to end when the server is told to.
    """

    requests_per_second: float = 50.0
    workers: int = 1
    threads: int = 1
    max_body_bytes: int = 16_777_216
    max_rows: int = 10_000
    max_waiting: int = 512
    max_waiting_bytes: int = 67_108_864
    max_connections: int = 1000
    timeout_seconds: float = 10.0
    bad_rows: BadRows = "refuse"
    log: LogMode = "window"
    log_window_seconds: float = 1.0
    log_columns: tuple[str, ...] = ("*",)
    log_segment_bytes: int = 67_108_864
    log_buffer_bytes: int = 67_108_864
    drain_seconds: float = 5.0
    hang_seconds: float = 30.0

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> ServingSettings:
        """The settings that a deployment names; the others are the defaults.

        Raises:
            DeploymentError: it names an unknown setting, or a value that it cannot have.
        """
        if not isinstance(said, Mapping):
            raise DeploymentError(f"serving is {str(said)[:40]!r}; it must be an object of settings.")
        defaults = {field.name: field.default for field in fields(cls)}
        if unknown := sorted(said.keys() - defaults.keys()):
            raise DeploymentError(
                f"serving: the settings {unknown} are unknown; there are {', '.join(defaults)}."
            )
        return cls(**{name: _checked(name, value, defaults[name]) for name, value in said.items()})

    def to_bytes(self) -> bytes:
        """What :meth:`from_json` reads."""
        return json.dumps(asdict(self)).encode()

    @property
    def held_bytes(self) -> int:
        """The most bytes of bodies at a time; the longest body that is allowed finds room in any case."""
        return max(self.max_waiting_bytes, self.max_body_bytes)

    @property
    def logged(self) -> tuple[str, ...] | None:
        """The inputs that may be logged; None for all."""
        return None if "*" in self.log_columns else self.log_columns


def _checked(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise DeploymentError(f"serving.{name} is {value!r}; it must be a list of columns.")
        return tuple(value)
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise DeploymentError(
                f"serving.{name} is {value!r}; it must be one of {', '.join(_CHOICES[name])}."
            )
        return value
    wanted = int if isinstance(default, int) else (int, float)
    if isinstance(value, bool) or not isinstance(value, wanted) or not _LEAST[name] <= value < float("inf"):
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise DeploymentError(f"serving.{name} is {value!r}; it must be {kind} of at least {_LEAST[name]:g}.")
    return value if isinstance(default, int) else float(value)
