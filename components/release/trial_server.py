"""A bundle's own server, started for a trial in a clean environment, and a client that talks to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from components.errors import BundleError
from components.release import bundle, clean_environment
from components.release.candidates import TEST

SERVER = "server.pyz"
_START_SECONDS, _STOP_SECONDS, _ANSWER_SECONDS, _LOOK_SECONDS = 60.0, 15.0, 30.0, 0.02
_WATCH = 'read -r told || { kill -s KILL -- "-$1"; rm -rf -- "$2"; }'
"""What a shell does that waits for a line from this process: without one it has ended, and the server and its folder go too."""

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE")


class Trial:
    """A server that was started to be tried.

    Attributes:
        start_seconds: from the start of its process until it said that it is ready.
        pids: its processes.
    """

    def __init__(self, host: str, port: int, pids: tuple[int, ...], start_seconds: float) -> None:
        self.pids, self.start_seconds = pids, start_seconds
        self._connection = http.client.HTTPConnection(host, port, timeout=_ANSWER_SECONDS)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Status and body of the answer to a request; a body that is sent is JSON.

        Raises:
            BundleError: there is no answer.
        """
        try:
            self._connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise BundleError(f"The bundle's server does not answer {method} {path}: {error!r}.") from error

    def core_seconds(self) -> float:
        """The processor's time that its processes have taken so far."""
        return sum(_core_seconds(pid) for pid in self.pids)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


@contextmanager
def served(files: Mapping[str, bytes], settings: Mapping[str, Any]) -> Iterator[Trial]:
    """The server of a bundle, ready; it ends with the context.

    It runs as one isolated process and its worker, in a temporary folder, with an environment of its own and without
    this process's variables: no project, no credentials. If this process is killed, it is killed too.

    Args:
        files: the bundle, verified.
        settings: the server's, as `deployment.json` has them.

    Raises:
        BundleError: the bundle brings no server, or it does not become ready.
    """
    if SERVER not in files:
        raise BundleError(
            f"{SERVER}: missing; this bundle was packed before bundles had servers. Train a new one."
        )
    with tempfile.TemporaryDirectory(prefix="flowprint-trial-") as name:
        folder = Path(name)
        bundle.write(files, folder / "bundle")
        python = clean_environment.make(folder / "environment", files["requirements.txt"].decode())
        (folder / "settings.json").write_text(json.dumps({**settings, "workers": 1}), encoding="utf-8")
        rejected = json.loads(files["decision.json"])["outcome"] != "approved"
        with _process(folder, python, ["--environment", TEST] if rejected else []) as (process, began):
            trial = _ready(folder, process, began)
            try:
                yield trial
            finally:
                trial.close()


@contextmanager
def _process(
    folder: Path, python: Path, more: Sequence[str]
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    words = [
        "--bundle", folder / "bundle", "--settings", folder / "settings.json", "--port", "0",
        "--log-folder", folder / "predictions", "--ready-file", folder / "ready.json", *more,
    ]  # fmt: skip
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with (folder / "said.txt").open("wb") as said:
        began = time.monotonic()
        process = subprocess.Popen(
            [str(python), "-I", "-B", str(folder / "bundle" / SERVER), *map(str, words)], cwd=folder, stdout=said,
            stderr=said, stdin=subprocess.DEVNULL, start_new_session=True,
            env={**kept, "HOME": str(folder), "OMP_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"},
        )  # fmt: skip
        try:
            with _tied(process, folder):
                yield process, began
        finally:
            _end(process)


@contextmanager
def _tied(process: subprocess.Popen[bytes], folder: Path) -> Iterator[None]:
    """Let the server, its workers and its folder not outlive this process, even if that is killed."""
    words = ["sh", "-c", _WATCH, "sh", str(process.pid), str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True) as watcher:
        try:
            yield
        finally:
            watcher.communicate(b"ended\n")


def _ready(folder: Path, process: subprocess.Popen[bytes], began: float) -> Trial:
    """The server, as soon as it says where it is and that a worker is ready."""
    while time.monotonic() - began < _START_SECONDS:
        with suppress(OSError, ValueError):
            told = json.loads((folder / "ready.json").read_text(encoding="utf-8"))
            if told["workers"]:
                pids = (int(told["pid"]), *(int(pid) for pid in told["workers"].values()))
                return Trial(told["host"], int(told["port"]), pids, time.monotonic() - began)
        if process.poll() is not None:
            raise BundleError(f"The bundle's server ended at its start: {_last_words(folder)}")
        time.sleep(_LOOK_SECONDS)
    raise BundleError(
        f"The bundle's server was not ready within {_START_SECONDS:.0f} s: {_last_words(folder)}"
    )


def _last_words(folder: Path) -> str:
    lines = (folder / "said.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    for line in reversed(lines):
        with suppress(ValueError, KeyError, TypeError):
            return str(json.loads(line)["why"])
    return lines[-1] if lines else "it said nothing"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # Its workers are of its session.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _core_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except FileNotFoundError:
        told = subprocess.run(
            ["ps", "-o", "cputime=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        seconds = 0.0
        for part in told.stdout.strip().replace("-", ":").split(":"):
            seconds = 60 * seconds + float(part or 0)
        return seconds
