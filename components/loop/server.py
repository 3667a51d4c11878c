"""The server of what was deployed, as `make serve` starts it, on a free port."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

from components.errors import DeploymentError
from components.loop.project import Copy

PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.05
_MODEL = re.compile(r"^serving_model_info\{(.*)\} 1", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Server:
    """Runs from its making until :meth:`stop`.

    Args:
        copy: the project whose deployment is served.
        served: where its log is kept.
        log: where what it says is kept.
    """

    def __init__(self, copy: Copy, served: Path, log: Path) -> None:
        self._ready = Path(tempfile.mkdtemp(prefix="loop-")) / "ready.json"
        self.log = log
        words = [
            sys.executable, "-m", "components.serving", "--deployment", f"build/deploy/{copy.live}", "--port", "0",
            "--log-folder", str(served), "--ready-file", str(self._ready),
        ]  # fmt: skip
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                words, cwd=copy.root, env=copy.environment, stdout=file, stderr=file, stdin=subprocess.DEVNULL
            )
        self.host, self.port = self._address()

    def models(self) -> dict[str, str]:
        """The bundle of each variant in service."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        labels = (dict(_LABEL.findall(found)) for found in _MODEL.findall(text))
        return {each["variant"]: each["bundle_id"] for each in labels}

    def until(self, variant: str, bundle_id: str) -> bool:
        """Whether a bundle has taken that place before patience ended."""
        end = monotonic() + PATIENCE_SECONDS
        while monotonic() < end:
            with suppress(OSError, http.client.HTTPException):
                if self.models().get(variant, "") == bundle_id:
                    return True
            sleep(_PAUSE_SECONDS)
        return False

    def stop(self) -> int:
        """The exit code after SIGTERM, which lets it answer what it has and write its log."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _address(self) -> tuple[str, int]:
        end = monotonic() + PATIENCE_SECONDS
        while self._process.poll() is None and monotonic() < end:
            with suppress(OSError, ValueError):
                told = json.loads(self._ready.read_text(encoding="utf-8"))
                if told["workers"]:
                    return str(told["host"]), int(told["port"])
            sleep(_PAUSE_SECONDS)
        self.stop()
        raise DeploymentError(f"The server did not start; {self.log} tells why.")
