"""What happens in the loop, chapter by chapter; each is done with the commands that a person would type."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

import polars as pl

from components.config import Settings
from components.data.contract import ColumnType
from components.errors import FlowprintError
from components.loop import spoiled
from components.loop.clients import Background, Clients, Request
from components.loop.clock import Clock
from components.loop.display import Display
from components.loop.hearing import Hearing
from components.loop.periods import Past, Period
from components.loop.project import Copy, Done, changed
from components.loop.server import Server
from components.loop.timeline import Answered, Event, Evidence, Lane, Status, Timeline
from components.monitoring import accounts
from components.monitoring.accounts import Account, Stage
from components.monitoring.windows import Length
from components.release import retraining
from components.release.ledger import Entry, champions
from components.serving import prediction_log
from components.serving.prediction_log import Record

LABELS_LATE = timedelta(days=14)
FLUSH_SECONDS = 20.0
"""The most that the server's log is waited for; what is not there by then is told as lost in the end."""
SETTLED_REQUESTS = 50
"""Sent after a new champion was seen to answer."""
HELD_BACK = 0.3
"""The share of the requests that the model before keeps in the A/B test."""
QUICK = {"search": {"families": ["linear"], "trials": 2, "folds": 2}}
"""A model of nothing is searched for briefly."""


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


class Life:
    """A model's life.

    Args:
        copy: the project that lives it.
        settings: its config.toml.
        kind: the type of the time column.
        past: what is known at first.
        length: of a period.
        periods: what comes later.
        display: tells where it is.
        timeline: keeps what happened.
        folder: of the loop, for evidence.
    """

    def __init__(
        self, copy: Copy, settings: Settings, kind: ColumnType, past: Past, length: Length, periods: Sequence[Period],
        *, display: Display, timeline: Timeline, folder: Path,
    ) -> None:  # fmt: skip
        self._copy, self._settings, self._kind, self._past, self._length = copy, settings, kind, past, length
        self._lived = [Lived(period) for period in periods]
        self._display, self._timeline, self._folder = display, timeline, folder
        self._known, self._entries = past.rows, 0
        self._served = copy.root / "store" / "served"
        self._clock = Clock(self._served, copy.root / "store" / "predictions")
        self._began, self._epoch = monotonic(), time()
        self._when = f"until {past.until[:10]}"
        self._server: Server | None = None
        self._clients: Clients | None = None

    @property
    def counters(self) -> str:
        """Requests so far."""
        if self._clients is None:
            return "no server yet"
        count = self._clients.count
        return f"{count.requests:,} requests, {count.failed} failed"

    def live(self) -> None:
        """Everything, in its order.

        Raises:
            BrokenOffError: it cannot go on, after the reason was told.
        """
        from components.monitoring.webhook import VARIABLE

        with Hearing() as self._hearing:
            self._copy.extra[VARIABLE] = self._hearing.address
            try:
                self._born()
                for number, lived in enumerate(self._lived):
                    self._pass(lived, number)
                self._attacked()
                self._returned()
            finally:
                self._closed()

    # --- chapters ---------------------------------------------------------------------------------------------------
    def _born(self) -> None:
        self._do(f"train on {self._when.removeprefix('until ')}", "training", self._train)
        self._do("deploy", "deployment", self._deploy)
        self._do("serve", "deployment", self._serve)

    def _pass(self, lived: Lived, number: int) -> None:
        """One period: traffic, a look before labels, labels, a look after, and what follows from it."""
        self._when = lived.name
        last = number == len(self._lived) - 1
        if last:
            self._do("A/B: the model before keeps a share", "deployment", self._split)
        self._do(f"{lived.name} as traffic", "traffic", lambda: self._send(lived))
        self._do(f"monitor {lived.name} before labels", "monitoring", lambda: self._monitor(lived, "served"))
        self._do(f"labels of {lived.name} arrive, monitor", "monitoring", lambda: self._label(lived))
        if not last:
            following = self._lived[number + 1]
            self._do(
                "retrain, under traffic",
                "training",
                lambda: self._retrain(lived, following, first=number == 0),
            )

    def _attacked(self) -> None:
        self._when = f"after {self._lived[-1].name}"
        self._do("a bad batch is sent", "blocked", self._bad_batch)
        self._do("a bad table is to be scored", "blocked", self._bad_table)
        self._do("a bad model is trained", "blocked", self._bad_model)

    def _returned(self) -> None:
        self._do("roll back, under traffic", "deployment", self._roll_back)
        self._do("stop the server, count its log", "traffic", self._count)
        self._do("verify the ledger and the champion's bundle", "deployment", self._verify)

    # --- what they do -----------------------------------------------------------------------------------------------
    def _train(self) -> Result:
        done = self._copy.run("train")
        decision = next((entry for entry in self._peek() if entry.event in ("approved", "rejected")), None)
        if decision is None:
            raise BrokenOffError(f"The first training left no decision: {done.last} ({done.log})")
        self._name(decision)
        said, evidence = self._decided(decision), self._evidence(done, self._report(decision))
        if decision.event == "rejected":
            raise BrokenOffError(f"The first model was rejected, and the loop needs one to live with. {said}")
        return Result("good", said, evidence)

    def _deploy(self) -> Result:
        done = self._copy.run("deploy")
        champion = self._copy.champion()
        if champion is None:
            raise BrokenOffError(f"The first model was not deployed: {done.last} ({done.log})")
        return Result(
            "good",
            f"{self._called(champion.bundle_id)} is the champion. {champion.why}",
            self._evidence(done),
        )

    def _serve(self) -> Result:
        self._server = Server(self._copy, self._served, self._copy.logs / "server.txt")
        contract = self._contract()
        inputs = [rule["name"] for part in ("features", "optional") for rule in contract[part]]
        self._clients = Clients(self._server.host, self._server.port, inputs)
        return Result(
            "good",
            f"http://{self._server.host}:{self._server.port} answers with {self._called(self._server.models()['champion'])}.",
            (self._link("server log", self._server.log),),
        )

    def _send(self, lived: Lived) -> Result:
        before = self._asked.count.requests, self._asked.count.rows, self._asked.count.failed
        rows = lived.period.rows.slice(lived.sent)
        lived.answered += self._asked.send(rows, lived.name, first=lived.sent)
        lived.sent = lived.period.rows.height
        count = self._asked.count
        requests, sent, failed = (
            now - then for now, then in zip((count.requests, count.rows, count.failed), before, strict=True)
        )
        said = f"{sent:,} rows in {requests:,} requests over 4 connections, {failed} failed."
        return Result(
            "failed" if failed else "good", said, (self._link("server log", self._live_server.log),)
        )

    def _monitor(self, lived: Lived, stage: Stage) -> Result:
        self._flushed(lived)
        window = lived.period.window
        until = window.end
        if stage == "labelled":
            until += timedelta(days=self._settings.monitoring.label_delay_days)
        heard = len(self._hearing.heard)
        done = self._copy.run(
            "monitor",
            SINCE=f"{window.start:%Y-%m-%d}",
            UNTIL=f"{until:%Y-%m-%dT%H:%M:%S}",
            WINDOW=self._length,
            K="1",
        )
        account = self._account(lived, stage)
        if account is None:
            raise BrokenOffError(f"The monitor left no account of {lived.name}: {done.last} ({done.log})")
        page = self._kept(
            self._copy.root / "build" / "monitoring" / f"{self._copy.live}.html",
            f"monitor-{lived.name}-{stage}.html",
        )
        loud = [finding for finding in account.findings if finding.alarm]
        told = [f"{account.rows:,} rows."]
        told += [
            f"{finding.kind} {finding.subject}".strip().capitalize() + f": {finding.reason}"
            for finding in loud
        ]
        told += [
            finding.reason
            for finding in account.findings
            if finding.kind == "experiment" and not finding.alarm
        ]
        if not loud:
            told.append("Quiet.")
        if new := len(self._hearing.heard) - heard:
            told.append(f"The webhook was told {new} {'alert' if new == 1 else 'alerts'}.")
        return Result(
            "alarm" if loud else "good",
            " ".join(told),
            self._evidence(done, self._link("monitoring report", page)),
        )

    def _label(self, lived: Lived) -> Result:
        """Deliver the labels, two weeks after the period, and look again once they are due."""
        target = self._settings.data.target
        ids = [
            (f"{each.request_id}:{row}", each.first + row)
            for each in lived.answered
            for row in range(each.rows)
        ]
        labels = pl.DataFrame(
            {
                "prediction_id": [name for name, _ in ids],
                "y_true": lived.period.rows[target].gather([row for _, row in ids]),
                "observed_at": [lived.period.window.end + LABELS_LATE] * len(ids),
            }
        )
        folder = self._copy.root / "store" / "labels"
        folder.mkdir(parents=True, exist_ok=True)
        labels.write_parquet(folder / f"{lived.name}.parquet")
        self._known = pl.concat([self._known, lived.period.rows])
        self._copy.know(self._known)
        return self._monitor(lived, "labelled")

    def _retrain(self, lived: Lived, following: Lived, *, first: bool) -> Result:
        """Answer the monitor's request, or a person's where none was made, while rows of the next period are asked about."""
        before = self._champion()
        asked = retraining.tried(self._copy.ledger.entries(), self._copy.live).open
        if asked is None and not first:
            return Result(
                "skipped", f"No alert of {lived.name} asks for another training, and nothing is trained."
            )
        reason = {} if asked else {"REASON": f"The labels of {lived.name} are there, and nothing alarmed"}
        rows = following.period.rows.slice(0, following.period.rows.height // 2)
        with Background(self._asked, rows, following.name) as background:
            done = self._copy.run("retrain", **reason)
            after = self._champion()
            taken = self._live_server.until("champion", after.bundle_id)
            background.go_on(SETTLED_REQUESTS)
        following.answered += [
            each for each in background.answered if each.request_id.startswith(f"{following.name}-")
        ]
        following.sent = max((each.first + each.rows for each in following.answered), default=0)
        decisions = [entry for entry in self._peek() if entry.event in ("approved", "rejected")]
        for decision in decisions:
            self._name(decision)
        reports = [self._report(decision) for decision in decisions]
        why = f"Asked for by {asked.why}" if asked else "A person asked."
        count = background.count
        meanwhile = f" Meanwhile {count.requests:,} requests, {count.failed} failed."
        if done.code or after.bundle_id == before.bundle_id:
            said = f"{why} The champion goes on: {done.last}{meanwhile}"
            return Result(
                "failed" if done.code or count.failed else "blocked", said, self._evidence(done, *reports)
            )
        self._promise(
            "a new champion took over under traffic with no failed request", taken and not count.failed
        )
        said = f"{why} {self._called(after.bundle_id)} passed every gate, was compared with {self._called(before.bundle_id)} and took over.{meanwhile}"
        return Result(
            "good" if taken and not count.failed else "failed", said, self._evidence(done, *reports)
        )

    def _split(self) -> Result:
        standing = champions(self._copy.ledger.entries(), self._copy.live)
        if len(standing) < 2:
            return Result("skipped", "There was but one champion so far, and nothing to compare it with.")
        former = standing[-2]
        done = self._copy.run(
            "deploy",
            MODE="split",
            SHARE=str(HELD_BACK),
            BUNDLE=former.bundle_id,
            REASON="What retraining gave is to be measured",
        )
        if done.code:
            return Result(
                "blocked",
                f"{self._called(former.bundle_id)} may not stand beside the champion: {done.last}",
                self._evidence(done),
            )
        there = self._live_server.until("challenger", former.bundle_id)
        said = f"{self._called(former.bundle_id)} answers {HELD_BACK:.0%} of the requests, the champion the others."
        return Result("good" if there else "failed", said, self._evidence(done))

    def _bad_batch(self) -> Result:
        rule = self._spoiled_rule()
        good = self._lived[-1].period.rows.head(5)
        status, answer = self._asked.ask(spoiled.rows(good, rule, [3]), "bad-batch")
        problems = answer.get("problems") or [{}]
        named = problems[0].get("row") == 3 and problems[0].get("column") == rule["name"]
        blocked = named and (status == 422 or self._settings.serving.bad_rows == "set_aside")
        self._promise("a bad row is refused with its row, column and rule", blocked)
        said = f"{status}: {answer.get('error', problems[0])}"
        path = self._folder / "evidence" / "bad-batch.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"status": status, "answer": answer}, indent=2), encoding="utf-8")
        return Result(
            "blocked" if blocked else "failed",
            said,
            (self._link("the answer", path), self._link("server log", self._live_server.log)),
        )

    def _bad_table(self) -> Result:
        rule = self._spoiled_rule()
        rows = self._lived[-1].period.rows
        path = self._copy.root / "data" / "spoiled.parquet"
        spoiled.rows(rows, rule, range(rows.height)).write_parquet(path)
        done = self._copy.run("score", SOURCE="data/spoiled.parquet")
        self._promise("a table that broke the contract is not scored", done.code != 0)
        return Result("blocked" if done.code else "failed", _refusal(done), self._evidence(done))

    def _bad_model(self) -> Result:
        """Train on a target that was joined wrongly; then try to deploy what came of it."""
        folder = self._copy.root / "data" / "bad"
        folder.mkdir()
        table = spoiled.shuffled(self._past.rows, self._settings.data.target)
        table.write_parquet(folder / "table.parquet")
        text = (self._copy.root / "config.toml").read_text(encoding="utf-8")
        config = self._copy.root / "bad.toml"
        config.write_text(
            changed(text, {"data": {"source": "data/bad/table.parquet"}, **QUICK}), encoding="utf-8"
        )
        champion = self._champion().bundle_id
        with Background(self._asked, self._lived[-1].period.rows, "later") as background:
            trained = self._copy.run("train", CONFIG="bad.toml")
            decision = next(
                (entry for entry in self._peek() if entry.event in ("approved", "rejected")), None
            )
            if decision is None:
                return Result(
                    "failed", f"The training left no decision: {trained.last}", self._evidence(trained)
                )
            self._name(decision)
            deployed = self._copy.run("deploy", BUNDLE=decision.run)
        blocked = (
            decision.event == "rejected" and deployed.code != 0 and self._champion().bundle_id == champion
        )
        self._promise("a bad model is rejected by the gates, and no command deploys it", blocked)
        count = background.count
        said = (
            f"{self._decided(decision)} Deploying it all the same: {_refusal(deployed)} "
            f"Meanwhile {count.requests:,} requests, {count.failed} failed."
        )
        log = self._link("log of the deployment", deployed.log)
        return Result(
            "blocked" if blocked else "failed", said, self._evidence(trained, self._report(decision), log)
        )

    def _roll_back(self) -> Result:
        before = self._champion()
        if len(champions(self._copy.ledger.entries(), self._copy.live)) < 2:
            return Result("skipped", "There was but one champion, and nothing to return to.")
        with Background(self._asked, self._lived[-1].period.rows, "return") as background:
            done = self._copy.run("rollback", REASON="To see that the way back is open")
            after = self._champion()
            there = (
                done.code == 0
                and after.bundle_id != before.bundle_id
                and self._live_server.until("champion", after.bundle_id)
            )
            background.go_on(SETTLED_REQUESTS)
        count = background.count
        back = there and not count.failed
        self._promise(
            "one command returns to the champion before, under traffic, with no failed request", back
        )
        said = f"{self._called(after.bundle_id)} answers again. Meanwhile {count.requests:,} requests, {count.failed} failed."
        return Result("good" if back else "failed", said, self._evidence(done))

    def _count(self) -> Result:
        code = self._live_server.stop()
        kept, damaged = prediction_log.read(self._served)
        count = self._asked.count
        shown = {name for each in self._lived for name in (request.request_id for request in each.answered)}
        logged = set(kept["prediction_id"].str.replace(r":\d+$", "")) if kept.height else set()
        lost = len(shown - logged)
        whole = code == 0 and not damaged and not lost
        self._promise("every request was answered", not count.failed)
        self._promise("every answered request is in the prediction log", whole)
        said = f"{count.requests:,} requests of {count.rows:,} rows, {count.failed} failed; {kept.height:,} predictions logged, {lost} answered requests lost."
        if count.failed:
            said += f" {'; '.join(count.why)}"
        return Result(
            "good" if whole and not count.failed else "failed",
            said,
            (self._link("server log", self._live_server.log),),
        )

    def _verify(self) -> Result:
        ledger = self._copy.run("ledger")
        bundle = (
            self._copy.root / "build" / "deploy" / self._copy.live / "bundles" / self._champion().bundle_id
        )
        verified = self._copy.run("verify", BUNDLE=str(bundle.relative_to(self._copy.root)))
        whole = ledger.code == 0 and verified.code == 0
        self._promise("the ledger's chain is whole", ledger.code == 0)
        return Result(
            "good" if whole else "failed",
            f"{ledger.last} {verified.last}",
            self._evidence(ledger, self._link("log of verify", verified.log)),
        )

    # --- how they are told ------------------------------------------------------------------------------------------
    def _do(self, title: str, lane: Lane, action: Callable[[], Result]) -> None:
        start = monotonic() - self._began
        with self._display.chapter(title):
            try:
                result, broken = action(), None
            except FlowprintError as error:
                result, broken = Result("failed", str(error)), error
        self._timeline.events.append(
            Event(
                start,
                monotonic() - self._began,
                self._when,
                lane,
                result.status,
                title,
                result.said,
                result.evidence,
            )
        )
        self._display.ended(result.status, result.said)
        if broken:
            self._promise("the loop came to its end", kept=False)
            raise BrokenOffError(str(broken)) from broken

    def _promise(self, text: str, kept: bool) -> None:
        told = dict(self._timeline.promises)
        told[text] = told.get(text, True) and kept
        self._timeline.promises[:] = list(told.items())

    def _peek(self) -> list[Entry]:
        """What is new in the ledger, and not yet told."""
        return self._copy.ledger.entries()[self._entries :]

    def _evidence(self, done: Done, *more: Evidence | None) -> tuple[Evidence, ...]:
        """The command's log, what else there is, and the lines that the ledger has got."""
        new = self._peek()
        self._entries += len(new)
        lines = [
            Evidence(f"ledger {entry.number}: {entry.event}", f"#entry-{entry.number}")
            for entry in new
            if entry.event != "waived"
        ]
        return (*(each for each in more if each), *lines, self._link(done.words, done.log))

    def _link(self, text: str, path: Path) -> Evidence:
        return Evidence(text, path.relative_to(self._folder).as_posix())

    def _report(self, decision: Entry) -> Evidence | None:
        path = self._copy.root / "build" / "runs" / decision.run.partition("/")[2] / "report.html"
        return self._link(f"report of {decision.run}", path) if path.is_file() else None

    def _kept(self, page: Path, name: str) -> Path:
        """A copy of a page that the next command overwrites."""
        path = self._folder / "evidence" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(page, path)
        return path

    def _decided(self, decision: Entry) -> str:
        return f"{self._called(decision.bundle_id)} was {decision.event}: {decision.why}"

    def _name(self, decision: Entry) -> None:
        """Give a model a letter, and say what it was trained on."""
        models = self._timeline.models
        models.setdefault(decision.bundle_id, f"model {chr(ord('A') + len(models))}")

    def _called(self, bundle_id: str) -> str:
        name = self._timeline.models.get(bundle_id, bundle_id[:12])
        return f"{name[:1].upper()}{name[1:]}"

    # --- what they look at ------------------------------------------------------------------------------------------
    @property
    def _asked(self) -> Clients:
        assert self._clients, "the server runs"
        return self._clients

    @property
    def _live_server(self) -> Server:
        assert self._server, "the server runs"
        return self._server

    def _champion(self) -> Entry:
        champion = self._copy.champion()
        if champion is None:
            raise BrokenOffError(
                f"{self._copy.live} has lost its champion; `make ledger` in {self._copy.root} tells more."
            )
        return champion

    def _contract(self) -> dict[str, Any]:
        bundles = self._copy.root / "build" / "deploy" / self._copy.live / "bundles"
        path = bundles / self._champion().bundle_id / "contract.json"
        contract: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return contract

    def _spoiled_rule(self) -> dict[str, Any]:
        rules = self._contract()["features"]
        name = spoiled.column(rules)
        return next(rule for rule in rules if rule["name"] == name)

    def _account(self, lived: Lived, stage: Stage) -> Account | None:
        known = accounts.history(self._copy.store, self._copy.live, self._champion().bundle_id, self._length)
        return next((each for each in known if (each.label, each.stage) == (lived.name, stage)), None)

    def _flushed(self, lived: Lived) -> None:
        """Let the monitor's log have all that was answered in the period, at the time that it stands for."""
        end = monotonic() + FLUSH_SECONDS
        wanted = {each.request_id for each in lived.answered}
        while not wanted <= self._clock.moved and monotonic() < end:
            self._clock.move(lived.moment)
            sleep(0.1)

    def _closed(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._timeline.answered = self._answers()

    def _answers(self) -> list[Answered]:
        """Who answered how many rows, second by second, by the server's own log."""
        counts: dict[tuple[int, str], int] = {}
        for segment in prediction_log.segments(self._served):
            for record in prediction_log.records(segment):
                if record is not None and record.variant != "shadow":
                    key = (int(record.at - self._epoch), record.bundle_id)
                    counts[key] = counts.get(key, 0) + record.height
        return [Answered(second, bundle_id, rows) for (second, bundle_id), rows in sorted(counts.items())]


def _refusal(done: Done) -> str:
    """The sentence in which a flow refused."""
    for line in reversed(done.output.splitlines()):
        if "Refused" in line or "refused" in line:
            return line.strip()
    return done.last
