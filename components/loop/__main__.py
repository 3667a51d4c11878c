"""`make loop`: lives through a model's whole life in a copy of the project, and writes down what happened."""

from __future__ import annotations

import argparse
import fcntl
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl

from components import address, config
from components.data import intake, schema, snapshot
from components.data.spelling import Spelling
from components.errors import ConfigError, FlowprintError, RefusalError
from components.loop import page, periods
from components.loop.display import Display
from components.loop.hearing import Hearing
from components.loop.life import Life
from components.loop.periods import Past, Period
from components.loop.project import Copy
from components.loop.timeline import Timeline
from components.loop.world import BrokenOffError, World
from components.monitoring.webhook import VARIABLE
from components.store import Store

FOLDER = Path("build/loop")
PROJECT = "project"
MOST_ROWS = 60_000
"""Of a period and of the past; of more a sample is lived through, so that it stays a matter of minutes."""
CHAPTERS, CHAPTERS_A_PERIOD = 9, 4
"""Those before and after the periods with the A/B test, less the retraining that the last period has not; those of each period."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if every promise was kept and no chapter failed; 1 if not, or the loop could not begin."""
    parser = argparse.ArgumentParser(prog="make loop", description=__doc__)
    parser.add_argument("--venv", default=".venv", help="the environment with what is installed")
    options = parser.parse_args(arguments)
    try:
        with _alone():
            return _live(Path.cwd(), str(Path(options.venv).absolute()))
    except FlowprintError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _live(root: Path, venv: str) -> int:
    settings = config.load(root / "config.toml")
    data = settings.data
    if not data.time:
        raise ConfigError(
            "The loop replays what happened after a training: name the column with its time in data.time of config.toml."
        )
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    contract = schema.parse((root / "schema.yaml").read_text(encoding="utf-8"))
    past, length, later = periods.parted(
        _table(root, settings, contract), data.time, contract.column(data.time).type, since=data.since, until=data.until,
        least_rows=settings.monitoring.min_rows,
    )  # fmt: skip
    past, later = _sampled(past, later)
    timeline = Timeline(settings.project.name)
    copy = Copy((FOLDER / PROJECT).absolute(), (FOLDER / "logs").absolute(), venv)
    copy.live = settings.deploy.live
    copy.make(root, past.rows, {"data": {"until": past.until}})
    with Hearing() as hearing:
        copy.extra[VARIABLE] = hearing.address
        world = World(
            copy, settings, past, length, later, timeline=timeline, folder=FOLDER.absolute(), hearing=hearing
        )
        display = Display(CHAPTERS + CHAPTERS_A_PERIOD * len(later), lambda: world.counters)
        copy.heard = display.say
        names = ", ".join(each.window.label for each in later)
        display.line(
            f"{settings.project.name}: a model's life. It is trained on what was known until {past.until[:10]}, and lives through {names}."
        )
        signal.signal(signal.SIGTERM, _end)
        try:
            Life(world, display).live()
        except BrokenOffError as error:
            display.line(str(error))
        except KeyboardInterrupt:
            timeline.promises.append(("the loop came to its end", False))
            display.line("Ended before its end; what it had started is stopped.")
        finally:
            _write(timeline, copy)
    display.line(f"\n{page.table(timeline)}\n")
    for text, kept in timeline.judged:
        display.line(f" {'✓' if kept else '✗'} {text}")
    display.line(f"\nThe timeline, with its picture and every evidence: {FOLDER / 'timeline.html'}")
    return 0 if timeline.kept else 1


def _end(*_: object) -> None:
    raise KeyboardInterrupt


def _table(root: Path, settings: config.Settings, contract: schema.Contract) -> pl.DataFrame:
    """All rows of the project's source that hold to its contract, in a random order of their own."""
    data = settings.data
    store = Store(str((FOLDER / "taken").absolute()))
    taken = intake.take_in(
        address.anchored(data.source, root),
        named=data.source,
        period=intake.Period(),
        contract=contract,
        purpose=intake.Purpose(data.target, data.positive, data.key, data.weight, data.task == "binary"),
        max_quarantined_fraction=1.0,
        store=store,
        spelling=Spelling(data.drop, data.missing, data.numbers, data.dates),
        revision=data.revision,
        query=data.query,
        root=root,
    )
    table = snapshot.load(taken.snapshot.version, store).sample(fraction=1.0, shuffle=True, seed=0)
    shutil.rmtree(FOLDER / "taken")
    return table


def _sampled(past: Past, later: Sequence[Period]) -> tuple[Past, list[Period]]:
    fewer = [replace(period, rows=period.rows.head(MOST_ROWS)) for period in later]
    return replace(past, rows=past.rows.head(MOST_ROWS)), fewer


@contextmanager
def _alone() -> Iterator[None]:
    """While no other loop lives in this folder.

    Raises:
        RefusalError: one does.
    """
    FOLDER.parent.mkdir(exist_ok=True)
    with FOLDER.with_suffix(".lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusalError(f"Another loop lives in {FOLDER}; wait until it has ended.") from None
        yield


def _write(timeline: Timeline, copy: Copy) -> None:
    """The page, whole or not at all."""
    draft = FOLDER / "draft.html"
    draft.write_text(page.html(timeline, copy.ledger.entries(), PROJECT), encoding="utf-8")
    draft.replace(FOLDER / "timeline.html")


if __name__ == "__main__":
    sys.exit(main())
