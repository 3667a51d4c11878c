"""What the chapters of the loop share: the project that lives it, its server and clients, and how events are told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

from components.config import Settings
from components.errors import FlowprintError
from components.loop.clients import Clients, Request
from components.loop.clock import Clock
from components.loop.hearing import Hearing
from components.loop.periods import Past, Period
from components.loop.project import Copy, Done
from components.loop.server import Server
from components.loop.timeline import Answered, Evidence, Status, Timeline
from components.monitoring import accounts
from components.monitoring.accounts import Account, Stage
from components.monitoring.windows import Length
from components.release.ledger import Entry
from components.serving import prediction_log
from components.serving.prediction_log import Record

FLUSH_SECONDS = 20.0
"""The most that the server's log is waited for; what is not there by then is told as lost in the end."""


class BrokenOffError(FlowprintError):
    """The loop cannot go on."""


@dataclass(frozen=True)
class Result:
    """What came of a chapter; attributes as those of :class:`components.loop.timeline.Event`."""

    status: Status
    said: str
    evidence: tuple[Evidence, ...] = ()


@dataclass
class Lived:
    """A period as far as it was lived through.

    Attributes:
        period: which one.
        answered: the requests that were answered.
        sent: how many of its rows were sent.
    """

    period: Period
    answered: list[Request] = field(default_factory=list)
    sent: int = 0

    @property
    def name(self) -> str:
        """The period's label."""
        return self.period.window.label

    def moment(self, record: Record) -> float | None:
        """When a request of this period is taken to have been answered; None for others."""
        name, _, first = record.request_id.rpartition("-")
        if name != self.name:
            return None
        window = self.period.window
        return window.start.timestamp() + window.seconds * (int(first) + 0.5) / self.period.rows.height


class World:
    """Everything that is shared.

    Args:
        copy: the project that lives it.
        settings: its config.toml.
        past: what is known at first.
        length: of a period.
        periods: what comes later.
        timeline: keeps what happened.
        folder: of the loop, for evidence.
        hearing: the webhook that hears alerts.

    Attributes:
        lived: the periods, as far as they were lived through.
        known: all rows whose target is known by now.
        served: the folder of the server's own log.
    """

    def __init__(
        self, copy: Copy, settings: Settings, past: Past, length: Length, periods: Sequence[Period], *,
        timeline: Timeline, folder: Path, hearing: Hearing,
    ) -> None:  # fmt: skip
        self.copy, self.settings, self.past, self.length = copy, settings, past, length
        self.lived = [Lived(period) for period in periods]
        self.timeline, self.folder, self.hearing = timeline, folder, hearing
        self.known, self._entries = past.rows, 0
        self.served = copy.root / "store" / "served"
        self.clock = Clock(self.served, copy.root / "store" / "predictions")
        self.began, self._epoch = monotonic(), time()
        self._server: Server | None = None
        self._clients: Clients | None = None

    @property
    def counters(self) -> str:
        """Requests so far."""
        if self._clients is None:
            return "no server yet"
        count = self._clients.count
        return f"{count.requests:,} requests, {count.failed} failed"

    @property
    def clients(self) -> Clients:
        """Everybody who asks the server, which runs."""
        assert self._clients, "the server runs"
        return self._clients

    @property
    def server(self) -> Server:
        """The server, which runs."""
        assert self._server, "the server runs"
        return self._server

    def open(self, server: Server, clients: Clients) -> None:
        """Let a server answer these clients from now on."""
        self._server, self._clients = server, clients

    def close(self) -> None:
        """End the server, and keep who answered when."""
        if self._server is not None:
            self._server.stop()
            self.timeline.answered = self.answers()

    def promise(self, text: str, kept: bool) -> None:
        """Note whether a promise was kept; one that is broken once stays broken."""
        told = dict(self.timeline.promises)
        told[text] = told.get(text, True) and kept
        self.timeline.promises[:] = list(told.items())

    def news(self) -> list[Entry]:
        """What is new in the ledger, and not yet told."""
        return self.copy.ledger.entries()[self._entries :]

    def evidence(self, done: Done, *more: Evidence | None) -> tuple[Evidence, ...]:
        """The command's log, what else there is, and the lines that the ledger has got."""
        new = self.news()
        self._entries += len(new)
        lines = [
            Evidence(f"ledger {entry.number}: {entry.event}", f"#entry-{entry.number}")
            for entry in new
            if entry.event != "waived"
        ]
        return (*(each for each in more if each), *lines, self.link(done.words, done.log))

    def link(self, text: str, path: Path) -> Evidence:
        """Something in the folder of the loop as evidence."""
        return Evidence(text, path.relative_to(self.folder).as_posix())

    def report(self, decision: Entry) -> Evidence | None:
        """The report of a run; None where there is none."""
        path = self.copy.root / "build" / "runs" / decision.run.partition("/")[2] / "report.html"
        return self.link(f"report of {decision.run}", path) if path.is_file() else None

    def kept(self, page: Path, name: str) -> Path:
        """A copy of a page that the next command overwrites."""
        path = self.folder / "evidence" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(page, path)
        return path

    def decided(self, decision: Entry) -> str:
        """How a model was decided on, and why."""
        return f"{self.called(decision.bundle_id)} was {decision.event}: {decision.why}"

    def name(self, decision: Entry) -> None:
        """Give a model a letter, and say what it was trained on."""
        models = self.timeline.models
        models.setdefault(decision.bundle_id, f"model {chr(ord('A') + len(models))}")

    def called(self, bundle_id: str) -> str:
        """What a model is called, at the beginning of a sentence."""
        name = self.timeline.models.get(bundle_id, bundle_id[:12])
        return f"{name[:1].upper()}{name[1:]}"

    def champion(self) -> Entry:
        """The promotion that stands.

        Raises:
            BrokenOffError: there is none any more.
        """
        champion = self.copy.champion()
        if champion is None:
            raise BrokenOffError(
                f"{self.copy.live} has lost its champion; `make ledger` in {self.copy.root} tells more."
            )
        return champion

    def contract(self) -> dict[str, Any]:
        """The champion's contract.json."""
        bundles = self.copy.root / "build" / "deploy" / self.copy.live / "bundles"
        path = bundles / self.champion().bundle_id / "contract.json"
        contract: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return contract

    def account(self, lived: Lived, stage: Stage) -> Account | None:
        """What a monitor wrote of the period; None if it did not."""
        known = accounts.history(self.copy.store, self.copy.live, self.champion().bundle_id, self.length)
        return next((each for each in known if (each.label, each.stage) == (lived.name, stage)), None)

    def flushed(self, lived: Lived) -> None:
        """Let the monitor's log have all that was answered in the period, at the time that it stands for."""
        end = monotonic() + FLUSH_SECONDS
        wanted = {each.request_id for each in lived.answered}
        while not wanted <= self.clock.moved and monotonic() < end:
            self.clock.move(lived.moment)
            sleep(0.1)

    def answers(self) -> list[Answered]:
        """Who answered how many rows, second by second, by the server's own log."""
        counts: dict[tuple[int, str], int] = {}
        for record in self.records():
            if record is not None and record.variant != "shadow":
                key = (int(record.at - self._epoch), record.bundle_id)
                counts[key] = counts.get(key, 0) + record.height
        return [Answered(second, bundle_id, rows) for (second, bundle_id), rows in sorted(counts.items())]

    def records(self) -> Iterator[Record | None]:
        """What the server's own log has; None for each damaged line."""
        for segment in prediction_log.segments(self.served):
            yield from prediction_log.records(segment)
