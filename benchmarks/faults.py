"""What each fault costs a server under load: python -m benchmarks.faults [SECONDS]

For each fault: the requests that were sent, those that failed, the predictions that were answered and not logged, and
the seconds until all was as before. It writes docs/reference/faults.md's table to the terminal.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import traffic
from components.serving.prediction_log import records, segments
from tests.components.serving.bundles import ROW, Bundle, bundle, deploy

ROOT = Path(__file__).resolve().parents[1]
CONNECTIONS, WORKERS, WINDOW_SECONDS = 16, 2, 1.0
GOOD = {"dataframe_split": {"columns": [*ROW], "data": [[*ROW.values()]]}}
DEADLINE_SECONDS = 60.0


@dataclass(frozen=True)
class Cost:
    """What a fault cost.

    Attributes:
        fault: what was done.
        sent: requests.
        failed: requests that got no 200, by reason.
        answered: predictions.
        unlogged: predictions that were answered and are not in the log.
        recovery_seconds: until all was as before.
        note: what else was seen.
    """

    fault: str
    sent: int
    failed: dict[str, int]
    answered: int
    unlogged: int
    recovery_seconds: float
    note: str = ""

    @property
    def line(self) -> str:
        """A line of a Markdown table."""
        failed = ", ".join(f"{count:,} {why}" for why, count in self.failed.items()) or "0"
        return (
            f"| {self.fault} | {self.sent:,} | {failed} | {self.answered:,} | {self.unlogged:,} | "
            f"{self.recovery_seconds:.1f} | {self.note} |"
        )


class Server:
    """A server of this project in a folder of its own."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], ready_file: Path) -> None:
        self.folder, self.process, self._ready_file = folder, process, ready_file

    @property
    def told(self) -> dict[str, Any]:
        """What the server tells of its processes; nothing before it does."""
        return json.loads(self._ready_file.read_text()) if self._ready_file.exists() else {"workers": {}}

    @property
    def workers(self) -> list[int]:
        """The processes that answer."""
        return list(self.told["workers"].values())

    def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.told['port']}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.split(" ")[0] == name)


async def holds(condition: Callable[[], object]) -> None:
    """Return once the condition holds."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not await asyncio.to_thread(condition):
        if time.monotonic() > end:
            raise TimeoutError("what was waited for never came to hold")
        await asyncio.sleep(0.02)


@asynccontextmanager
async def server(folder: Path) -> AsyncIterator[Server]:
    """A server with two bundles in its folder, the first of which it serves."""
    for each in bundles():
        each.write(folder)
    deploy(folder, bundles()[0].bundle_id, serving={"workers": WORKERS, "log_window_seconds": WINDOW_SECONDS})
    ready_file = folder / "ready.json"
    command = [sys.executable, "-m", "components.serving", "--deployment", str(folder), "--port", "0"]
    command += ["--log-folder", str(folder / "log"), "--ready-file", str(ready_file)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        running = Server(folder, process, ready_file)
        await holds(lambda: len(running.workers) == WORKERS)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait)


def bundles() -> tuple[Bundle, Bundle]:
    """The champion, and the one that takes its place."""
    return bundle("TrainFlow/1", C=1.0), bundle("TrainFlow/2", C=0.001)


Fault = Callable[[Server, float], Awaitable[tuple[float, str]]]
"""Does it, for about so many seconds; tells how long the recovery took, and what else was seen."""


async def nothing(server: Server, seconds: float) -> tuple[float, str]:
    await asyncio.sleep(seconds)
    return 0.0, ""


async def kill_a_worker(server: Server, seconds: float) -> tuple[float, str]:
    await asyncio.sleep(seconds / 2)
    before = server.workers
    os.kill(before[0], signal.SIGKILL)
    start = time.monotonic()
    await holds(lambda: len(server.workers) == WORKERS and before[0] not in server.workers)
    recovery = time.monotonic() - start
    await asyncio.sleep(seconds / 2)
    return recovery, f"window {WINDOW_SECONDS:g} s"


async def replace_the_model(server: Server, seconds: float) -> tuple[float, str]:
    slowest = 0.0
    for turn in range(10):
        deploy(server.folder, bundles()[(turn + 1) % 2].bundle_id)
        start = time.monotonic()
        await holds(lambda wanted=turn + 1: server.metric("serving_model_swaps_total") >= wanted)
        slowest = max(slowest, time.monotonic() - start)
        await asyncio.sleep(max(0.0, seconds / 10 - (time.monotonic() - start)))
    return slowest, "ten replacements, the slowest"


async def fill_the_disk(server: Server, seconds: float) -> tuple[float, str]:
    await asyncio.sleep(seconds / 4)
    for pid in server.workers:
        _files_of_at_most(pid, 10)
    await holds(lambda: server.metric("serving_log_failing") > 0)
    await asyncio.sleep(seconds / 4)
    for pid in server.workers:
        _files_of_at_most(pid, resource.RLIM_INFINITY)
    start = time.monotonic()
    await holds(lambda: server.metric("serving_log_failing") == 0)
    recovery = time.monotonic() - start
    await asyncio.sleep(seconds / 2)
    return recovery, "serving_log_failing was 1 meanwhile"


def _files_of_at_most(pid: int, size_bytes: int) -> None:
    resource.prlimit(
        pid, resource.RLIMIT_FSIZE, (size_bytes, resource.prlimit(pid, resource.RLIMIT_FSIZE)[1])
    )


async def corrupt_the_next_bundle(server: Server, seconds: float) -> tuple[float, str]:
    await asyncio.sleep(seconds / 4)
    good, bad = bundles()[0].bundle_id, bundles()[1].bundle_id
    program = server.folder / "bundles" / bad / "program.onnx"
    program.write_bytes(program.read_bytes() + b" ")
    deploy(server.folder, bad)
    await holds(lambda: server.metric("serving_model_refused") > 0)
    await asyncio.sleep(seconds / 4)
    deploy(server.folder, good)
    start = time.monotonic()
    await holds(lambda: server.metric("serving_model_refused") == 0)
    recovery = time.monotonic() - start
    await asyncio.sleep(seconds / 2)
    return recovery, f"refused; {server.metric('serving_model_swaps_total'):g} replacements"


async def stop_the_tracking_store(server: Server, seconds: float) -> tuple[float, str]:
    folder = server.folder / "tracking"
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "server", "--port", "0", "--host", "127.0.0.1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    with (folder / "server.log").open("wb") as log:
        store = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    await asyncio.sleep(seconds / 2)
    store.kill()
    await asyncio.to_thread(store.wait)
    await asyncio.sleep(seconds / 2)
    return 0.0, "the server never asks it"


async def flood_of_bad_requests(server: Server, seconds: float) -> tuple[float, str]:
    end = time.monotonic() + seconds
    bad = {"dataframe_records": [{**ROW, "age": "old", "unknown": [[[[1]]]]}]}
    flood = await traffic.requests(
        int(str(server.told["port"])),
        bad,
        connections=CONNECTIONS,
        until=lambda: time.monotonic() > end,
        name="bad",
    )
    assert not flood.answered
    return 0.0, f"{flood.sent:,} bad requests beside, {flood.reasons}"


FAULTS: dict[str, Fault] = {
    "none": nothing,
    "kill -9 a worker": kill_a_worker,
    "replace the model ten times": replace_the_model,
    "fill the disk": fill_the_disk,
    "corrupt the next bundle": corrupt_the_next_bundle,
    "stop the tracking store": stop_the_tracking_store,
    "a flood of bad requests": flood_of_bad_requests,
}


async def cost(name: str, seconds: float) -> Cost:
    """What a fault cost, of a server of its own."""
    with TemporaryDirectory(prefix="faults-") as there:
        folder = Path(there)
        async with server(folder) as running:
            done = asyncio.Event()
            port = int(str(running.told["port"]))
            load = asyncio.create_task(
                traffic.requests(port, GOOD, connections=CONNECTIONS, until=done.is_set, name="good")
            )
            recovery, note = await FAULTS[name](running, seconds)
            done.set()
            counted = await load
        logged = await asyncio.to_thread(_logged, folder / "log")
    unlogged = len(counted.answered - logged)
    return Cost(name, counted.sent, counted.reasons, len(counted.answered), unlogged, recovery, note)


def _logged(folder: Path) -> set[str]:
    """The requests that the log has."""
    found = (record for segment in segments(folder) for record in records(segment))
    return {record.request_id for record in found if record is not None}


def main(seconds: float) -> int:
    """Print the table."""
    print("| fault | sent | failed | answered | answered, not logged | recovery, s | |")
    print("|---|---|---|---|---|---|---|")
    for name in FAULTS:
        print(asyncio.run(cost(name, seconds)).line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
