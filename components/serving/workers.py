"""The processes of a server: one that holds the socket and watches over the others, which answer.

A worker that dies is replaced; requests that wait on the socket wait for another worker, and are not refused.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from components.errors import DeploymentError
from components.serving import events

BACKLOG = 2048
REFUSED = 3
"""How a worker ends that cannot serve what it was given."""

GRACE_SECONDS = 10.0
"""So long after `drain_seconds` a worker that was told to end is killed."""

_STEADY_SECONDS, _PAUSE_SECONDS = 5.0, 1.0


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any free one.

    Raises:
        DeploymentError: the address is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise DeploymentError(
            f"{host}:{port}: cannot listen there ({error.strerror}); end what does, or name another --port."
        ) from error
    listener.listen(BACKLOG)
    return listener


@dataclass
class _Worker:
    """A process, and the line by which it says that it is ready, and learns that its parent is gone."""

    number: int
    process: subprocess.Popen[bytes]
    line: socket.socket
    started: float = field(default_factory=time.monotonic)
    ready: bool = False


class Workers:
    """A server's workers, from the first start to the last end.

    Args:
        listener: the socket on which all of them listen.
        count: how many there are.
        drain_seconds: how long one may take to end before it is killed.
        ready_file: where the server's processes are told, as JSON, whenever they change; None for nowhere.
    """

    def __init__(
        self, listener: socket.socket, count: int, *, drain_seconds: float, ready_file: Path | None = None
    ) -> None:
        self._listener, self._count, self._ready_file = listener, count, ready_file
        self._drain_seconds = drain_seconds
        self._workers: dict[int, _Worker] = {}
        self._due: dict[int, float] = {}
        self._served = self._ending = False
        self._last_moment = math.inf
        self._selector = selectors.DefaultSelector()

    def run(self) -> int:
        """The exit code, after a signal ended the server or no worker could serve."""
        with self._signals() as wake:
            self._selector.register(wake, selectors.EVENT_READ)
            for number in range(self._count):
                self._start(number)
            code = 0
            while self._workers or (self._due and not self._ending):
                for key, _ in self._selector.select(self._patience()):
                    self._heard(cast(socket.socket, key.fileobj), key.data)
                code = self._look_after() or code
            self._tell()
            return code

    def _start(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        words = ["--worker", f"{number}:{self._listener.fileno()}:{theirs.fileno()}"]
        process = subprocess.Popen(
            [*_command(), *words], pass_fds=(self._listener.fileno(), theirs.fileno()), close_fds=True
        )
        theirs.close()
        self._workers[number] = worker = _Worker(number, process, ours)
        self._selector.register(ours, selectors.EVENT_READ, worker)
        self._due.pop(number, None)

    def _heard(self, line: socket.socket, worker: _Worker | None) -> None:
        """Take in what came over a line: of a worker, or of the signals."""
        said = line.recv(64)
        if worker is None:
            for number in said:
                self._signalled(number)
        elif said:
            worker.ready = True
            if not self._served and all(each.ready for each in self._workers.values()):
                self._served = True
                host, port = self._listener.getsockname()[:2]
                events.tell("info", "serving", host=host, port=port, workers=self._count)
            self._tell()
        else:
            self._hang_up(worker)

    def _hang_up(self, worker: _Worker) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(worker.line)
        worker.line.close()

    def _signalled(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._ending = True
            self._last_moment = min(self._last_moment, time.monotonic() + self._drain_seconds + GRACE_SECONDS)
        for worker in self._workers.values():
            with suppress(ProcessLookupError):
                if number == signal.SIGHUP:
                    worker.process.send_signal(signal.SIGHUP)
                elif self._ending:
                    worker.process.send_signal(signal.SIGTERM)

    def _look_after(self) -> int:
        """The exit code that is due, having buried the dead and started what is to be started."""
        code, now = 0, time.monotonic()
        for number, worker in list(self._workers.items()):
            if (ended := worker.process.poll()) is None:
                if now > self._last_moment:
                    worker.process.kill()
                continue
            del self._workers[number]
            self._hang_up(worker)
            if self._ending:
                continue
            if ended == REFUSED and not self._served:
                # What cannot be served at the start will not be a second later.
                code, self._ending = 1, True
                self._signalled(signal.SIGTERM)
                continue
            brief = now - worker.started < _STEADY_SECONDS and not worker.ready
            self._due[number] = now + (_PAUSE_SECONDS if brief else 0.0)
        for number in [each for each, due in self._due.items() if due <= now and not self._ending]:
            self._start(number)
        return code

    def _patience(self) -> float:
        return 0.05 if self._due or not self._served or self._ending else 0.25

    def _tell(self) -> None:
        if self._ready_file is None:
            return
        host, port = self._listener.getsockname()[:2]
        said = {
            "host": host,
            "port": port,
            "pid": os.getpid(),
            "workers": {
                str(worker.number): worker.process.pid for worker in self._workers.values() if worker.ready
            },
        }
        draft = self._ready_file.with_name(f".{self._ready_file.name}.partial")
        with suppress(OSError):  # a full disk is no reason to stop serving
            draft.write_text(json.dumps(said))
            draft.replace(self._ready_file)

    @contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        """A socket that hears the signals' numbers."""
        heard, told = socket.socketpair()
        told.setblocking(False)
        before = {
            number: signal.signal(number, lambda *_: None)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
        }
        fd = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
        try:
            yield heard
        finally:
            signal.set_wakeup_fd(fd)
            for number, handler in before.items():
                signal.signal(number, handler)
            heard.close()
            told.close()


def _command() -> list[str]:
    """How this server was started."""
    return [sys.executable, *sys.orig_argv[1:]]
