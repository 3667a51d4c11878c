"""The training flow's steps as plain calls in one process: the same bodies, with no task, artifact or card.

What a step hands on stays in memory, and the table and its parts are read once.

    python -m benchmarks.plain config.toml
"""

import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from metaflow import current

from components import config
from components.store import Store
from flows import presentation
from flows.orchestration import ROOT, anchored
from flows.train import TrainFlow


class PlainRun(SimpleNamespace):
    """Stands where a step expects its flow."""

    def __init__(self, settings: config.Settings) -> None:
        super().__init__(settings=settings, fast=False, version="", orchestrated=False)
        self.contract_text = (ROOT / "schema.yaml").read_text(encoding="utf-8")
        self.datasheet_text = (ROOT / "data" / "datasheet.toml").read_text(encoding="utf-8")
        self.lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
        self.durable = Store(anchored(settings.store.root))
        self.table = cache(lambda: TrainFlow.table(self))
        self.part = cache(lambda name: TrainFlow.part(self, name))

    def __getattr__(self, name: str) -> Any:
        """Steps name the steps that follow."""
        return getattr(TrainFlow, name)

    @property
    def origin(self) -> str:
        return f"TrainFlow/{self.first_run}"

    def where(self, part: str) -> Any:
        return TrainFlow.where(self, part)

    def next(self, *_: Any, **__: Any) -> None:
        """The steps follow each other anyway."""

    def merge_artifacts(self, *_: Any, **__: Any) -> None:
        """There is one run, which has everything already."""


def run(settings: config.Settings) -> None:
    """Every step, one after the other."""
    this = PlainRun(settings)
    without_metaflow()
    TrainFlow.start(this)
    TrainFlow.divide(this)
    results = []
    for family in this.families:
        this.input = family
        TrainFlow.search(this)
        results.append(SimpleNamespace(result=this.result))
    TrainFlow.choose(this, results)
    for step in (TrainFlow.evaluate, TrainFlow.audit, TrainFlow.explain, TrainFlow.export):
        step(this)
    TrainFlow.judge(this, [this])
    TrainFlow.register(this)
    TrainFlow.end(this)


def without_metaflow() -> None:
    """Cards take nothing in, and the run has a name."""
    presentation.show = lambda *_: None
    presentation.Progress = lambda *_: print  # type: ignore[misc,assignment]
    current._set_env(flow=SimpleNamespace(name="TrainFlow"), run_id="1")


if __name__ == "__main__":
    run(config.load(Path(sys.argv[1])))
