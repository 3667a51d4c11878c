"""The processes of a server: one that holds the socket and watches over the others, which answer.

A worker that dies, or is silent for too long, is replaced; requests that wait on the socket wait for another worker, and are not
refused.
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
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from components.errors import DeploymentError
from components.serving import events, series

BACKLOG = 2048
REFUSED = 3
"""How a worker ends that cannot serve what it was given."""

GRACE_SECONDS = 10.0
"""So long after `drain_seconds` a worker that was told to end is killed."""

START_SECONDS = 120.0
"""So long a worker may take until it is ready, and longer where `hang_seconds` is; then it is killed and replaced."""

MOST_FAILURES = 3
"""So many workers may end before all of them were ready once; then nothing can be served, and the server says so."""

_STEADY_SECONDS, _PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 5.0, 1.0, 30.0


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
    """A process, and the line by which it says that it is ready and lives, and learns that its parent is gone."""

    number: int
    process: subprocess.Popen[bytes]
    line: socket.socket
    started: float = field(default_factory=time.monotonic)
    ready: bool = False
    heard: float = field(default_factory=time.monotonic)


class Workers:
    """A server's workers, from the first start to the last end.

    Args:
        listener: the socket on which all of them listen.
        count: how many there are.
        run_folder: what the workers share; what those counted that died is kept there.
        drain_seconds: how long one may take to end before it is killed.
        hang_seconds: how long one that is ready may be silent before it is killed.
        ready_file: where the server's processes are told, as JSON, whenever they change; None for nowhere.
        token: whether clients must bear one.
    """

    def __init__(
        self,
        listener: socket.socket,
        count: int,
        *,
        run_folder: Path,
        drain_seconds: float,
        hang_seconds: float = 30.0,
        ready_file: Path | None = None,
        token: bool = False,
    ) -> None:
        self._listener, self._count, self._ready_file = listener, count, ready_file
        self._run_folder, self._token = run_folder, token
        self._drain_seconds, self._hang_seconds = drain_seconds, hang_seconds
        self._workers: dict[int, _Worker] = {}
        self._due: dict[int, float] = {}
        self._failures: Counter[int] = Counter()
        self._looked = time.monotonic()
        self._served = self._ending = False
        self._last_moment = math.inf
        self._selector = selectors.DefaultSelector()

    def run(self) -> int:
        """The exit code, after a signal ended the server or no worker could serve."""
        series.fold(self._run_folder)  # so that nobody's death is told as such from the beginning
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
            worker.heard = time.monotonic()
            if worker.ready:
                return
            worker.ready, self._failures[worker.number] = True, 0
            if not self._served and all(each.ready for each in self._workers.values()):
                self._served = True
                host, port = self._listener.getsockname()[:2]
                events.tell("info", "serving", host=host, port=port, workers=self._count, token=self._token)
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
        self._end_the_silent(now)
        for number, worker in list(self._workers.items()):
            if (ended := worker.process.poll()) is None:
                if now > self._last_moment:
                    worker.process.kill()
                continue
            del self._workers[number]
            self._hang_up(worker)
            if not self._ending:
                code = self._replace(worker, ended, now) or code
        for number in [each for each, due in self._due.items() if due <= now and not self._ending]:
            self._start(number)
        return code

    def _replace(self, worker: _Worker, ended: int, now: float) -> int:
        """The exit code, if nothing can be served; otherwise 0, and another worker is due."""
        how = {"signal": signal.Signals(-ended).name} if ended < 0 else {"exit_code": ended}
        if ended != REFUSED:  # of which it has told why
            events.tell("error", "worker died", worker=worker.number, process=worker.process.pid, **how)
        with suppress(
            OSError
        ):  # a full disk is no reason to stop serving; the file of the dead is still counted
            series.fold(self._run_folder, worker.process.pid, restarts=1)
        self._failures[worker.number] += not worker.ready
        # What cannot be served at the start will not be a second later.
        if not self._served and (ended == REFUSED or self._failures.total() >= MOST_FAILURES):
            if ended != REFUSED:
                events.tell("error", "nothing can be served", workers_ended=self._failures.total())
            self._ending = True
            self._signalled(signal.SIGTERM)
            return 1
        brief = now - worker.started < _STEADY_SECONDS and not worker.ready
        pause = min(_PAUSE_SECONDS * 2.0 ** self._failures[worker.number], _LONGEST_PAUSE_SECONDS)
        self._due[worker.number] = now + (pause if brief else 0.0)
        return 0

    def _end_the_silent(self, now: float) -> None:
        """Kill each worker that says nothing any more, or never was ready; it may be stopped, or wait for what never comes."""
        paused, self._looked = now - self._looked > self._hang_seconds / 2, now
        for worker in self._workers.values():
            limit = self._hang_seconds if worker.ready else max(self._hang_seconds, START_SECONDS)
            if paused:
                worker.heard = now  # this process was stopped itself, and perhaps they too
            elif now - worker.heard > limit and not self._ending:
                events.tell("error", "worker hangs", worker=worker.number, seconds=limit)
                worker.heard = now
                worker.process.kill()

    def _patience(self) -> float:
        return 0.05 if self._due or not self._served or self._ending else min(0.25, self._hang_seconds / 8)

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
