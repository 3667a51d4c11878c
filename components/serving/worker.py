"""One process that answers: uvicorn with uvloop and httptools around the application."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
import uvloop

from components.errors import DeploymentError
from components.serving import events
from components.serving.app import App
from components.serving.deployment import Deployment
from components.serving.direct import Direct
from components.serving.metrics import Metrics
from components.serving.prediction_log import PredictionLog
from components.serving.state import State

WATCH_SECONDS = 1.0
"""How often the deployment's folder is looked at."""

YOUNG_OBJECTS = 20_000
"""After so many new ones the collector looks for circles; a request of a thousand rows has a tenth of them."""

_POLL_SECONDS = 0.05
_BEATS = 10
"""Signs of life in the time after which a worker without one is taken for hung."""


def token() -> str:
    """What clients must bear, from SERVING_TOKEN_FILE or SERVING_TOKEN; "" if nothing is asked.

    Raises:
        DeploymentError: the file that holds it cannot be read, or what is set is blank.
    """
    for name in ("SERVING_TOKEN_FILE", "SERVING_TOKEN"):
        if name in os.environ and not os.environ[name].strip():
            raise DeploymentError(f"{name}: the variable is set, and blank; give it a value, or unset it.")
    path = os.environ.get("SERVING_TOKEN_FILE", "")
    if not path:
        return os.environ.get("SERVING_TOKEN", "").strip()
    try:
        found = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise DeploymentError(f"SERVING_TOKEN_FILE: the file cannot be read ({error.strerror}).") from None
    if not found:
        raise DeploymentError("SERVING_TOKEN_FILE: the file is empty; write the token into it.")
    return found


class _Server(uvicorn.Server):
    """uvicorn's server, which leaves the signals alone and says when it has started."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell()


def run(
    listener: socket.socket,
    deployment: Deployment,
    *,
    log: PredictionLog,
    run_folder: Path,
    number: int = 0,
    parent: socket.socket | None = None,
) -> int:
    """The exit code, after SIGTERM or SIGINT, the end of what was in flight, and the last line of the log.

    Args:
        listener: a listening socket.
        deployment: the models; SIGHUP and a new deployment.json refresh them.
        log: keeps every prediction; it is closed at the end.
        run_folder: what the workers of one server share.
        number: of the worker among them.
        parent: is told by a byte when requests are answered, and then again and again; when its other end is gone, the
            worker ends.
    """
    metrics = Metrics(run_folder, number)
    app = App(deployment, log, metrics, deployment.settings, token())
    state = State(metrics, deployment, log, app)
    metrics.before = state.tell

    def started() -> None:
        state.tell()
        if parent is not None:
            parent.send(b"1")

    # What was loaded stays; the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    server = _Server(_config(app), started)
    app.watch(server.server_state.connections, server.server_state.tasks)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(server, app, deployment, state, listener, parent))
    finally:
        app.close()
        log.close()
        state.tell()
        metrics.close()
        events.tell("info", "worker ended", worker=number, predictions_lost=log.lost)
    return 0


def _config(app: App) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Direct,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # the application tells what happens, without paths and queries
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,  # after `_drain`, which waits for what is in flight
    )


async def _serve(
    server: _Server,
    app: App,
    deployment: Deployment,
    state: State,
    listener: socket.socket,
    parent: socket.socket | None,
) -> None:
    loop, wake = asyncio.get_running_loop(), asyncio.Event()
    tasks = [loop.create_task(_watch(deployment, state, wake))]

    def end() -> None:
        if not app.draining:
            tasks.append(loop.create_task(_drain(server, app, deployment.settings.drain_seconds)))

    loop.add_signal_handler(signal.SIGHUP, wake.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    if parent is not None:
        tasks.append(loop.create_task(_until_orphaned(parent, end)))
        tasks.append(loop.create_task(_beat(parent, deployment.settings.hang_seconds / _BEATS)))
    try:
        await server.serve([listener])
    finally:
        for task in tasks:
            task.cancel()


async def _until_orphaned(parent: socket.socket, end: Callable[[], None]) -> None:
    parent.setblocking(False)
    while await asyncio.get_running_loop().sock_recv(parent, 16):
        pass
    end()


async def _beat(parent: socket.socket, seconds: float) -> None:
    """Let the parent hear, as long as the event loop turns, that this worker does not hang."""
    while True:
        await asyncio.sleep(seconds)
        with contextlib.suppress(OSError):  # it does not listen just now, or is gone
            parent.send(b"1")


async def _drain(server: _Server, app: App, seconds: float) -> None:
    """Say that no more is wanted, close connections after their answers, and end when none is left or time is up.

    Half of the time passes in any case: those who send requests here have to notice first.
    """
    app.ready, app.draining = False, True
    loop = asyncio.get_running_loop()
    noticed, deadline = loop.time() + seconds / 2, loop.time() + seconds
    while loop.time() < noticed or (server.server_state.connections and loop.time() < deadline):
        await asyncio.sleep(_POLL_SECONDS)
    server.should_exit = True


async def _watch(deployment: Deployment, state: State, wake: asyncio.Event) -> None:
    """Refresh the deployment when it has changed, or SIGHUP asks for it; in a thread, while requests are answered."""
    told, differed = "", False
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), WATCH_SECONDS)
        if wake.is_set() or deployment.changed:
            wake.clear()
            if await asyncio.to_thread(deployment.refresh):
                bundle_id = deployment.champion.model.bundle_id
                events.tell("info", "another deployment serves", bundle_id=bundle_id)
        if deployment.refused and deployment.refused != told:
            events.tell("error", "a newer deployment is refused", why=deployment.refused)
        told = deployment.refused
        if deployment.settings_differ and not differed:
            events.tell("warning", "settings differ; restart to apply")
        differed = deployment.settings_differ
        state.tell()
