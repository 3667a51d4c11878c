"""`make retrain`: answers the newest request for another training, from training to promotion, or says why not."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from metaflow import Runner
from metaflow.exception import MetaflowException

from components import config
from components.errors import ConfigError, FlowprintError, RefusalError
from components.release import retraining
from components.release.candidates import LEAST_LETTERS
from components.release.ledger import Entry, Ledger
from components.release.retraining import AWAITS, REQUESTED, Outcome
from components.store import Store
from flows import telling
from flows.orchestration import ROOT, anchored, require_known

NOTHING = "Nothing asks for another training."


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if nothing was asked, or the request was answered (also by a challenger that was refused, or awaits approval); 1 if not."""
    parser = argparse.ArgumentParser(prog="make retrain", description=__doc__)
    parser.add_argument(
        "--environment", default="", help="whose champion; by default the last one of config.toml"
    )
    parser.add_argument("--reason", default="", help="a person asks, and says why")
    options = parser.parse_args(arguments)
    try:
        settings = config.load(ROOT / "config.toml")
        print(Retraining(settings, options.environment or settings.deploy.live).answer(options.reason))
    except FlowprintError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


class Retraining:
    """Answers requests for another training of one environment's champion.

    Args:
        settings: config.toml.
        environment: where the champion is served.
    """

    def __init__(self, settings: config.Settings, environment: str) -> None:
        if environment not in settings.deploy.environments:
            raise ConfigError(
                f"{environment!r} is no environment; config.toml has {list(settings.deploy.environments)}."
            )
        self._settings, self._environment = settings, environment
        self._store = Store(anchored(settings.store.root))
        self._ledger = Ledger(self._store)
        self._by = os.environ.get("METAFLOW_USER") or os.environ.get("USER", "unknown")

    def answer(self, reason: str = "") -> str:
        """What became of the newest request, in a sentence.

        Args:
            reason: of a person who asks; "" answers what a monitor asked.

        Raises:
            ConfigError: config.toml is none that could be trained by, or the webhook's address is none.
            RefusalError: others answer it, it broke off, or so many failed that a person is to look.
        """
        if reason:
            self._ask(reason)
        now = retraining.tried(self._ledger.entries(), self._environment)
        if now.open is None:
            return NOTHING
        patience = self._settings.retraining.patience_hours
        retraining.end_if_gone(self._ledger, self._environment, patience_hours=patience, by=self._by)
        require_known(self._settings)
        telling.require_webhook()
        begun = self._begin(now.open)
        outcome: Outcome = "failed"
        why = "It broke off."
        try:
            outcome, why = self._trained(now.open)
        except MetaflowException as error:
            why = f"A flow could not begin: {error}"
        finally:
            retraining.end(self._ledger, begun, outcome, why, by=self._by)
        if outcome == "failed":
            raise RefusalError(f"Failed: {why} The request stays open; make retrain tries it again.")
        return f"{outcome.capitalize()}: {why}"

    def _ask(self, reason: str) -> None:
        if len(reason.strip()) < LEAST_LETTERS:
            raise RefusalError(
                "Say why, in a sentence for whoever reads it later: make retrain REASON='...'."
            )
        champion = self._ledger.champion(self._environment)
        if champion is None:
            raise RefusalError(f"{self._environment} has no champion; make train and make deploy come first.")
        self._ledger.append(
            event=REQUESTED, run=champion.run, bundle_id=champion.bundle_id, by=self._by, why=reason.strip(),
            details={"environment": self._environment, "by_a_person": True, "end": ""},
        )  # fmt: skip

    def _begin(self, request: Entry) -> Entry:
        most, environment = self._settings.retraining.most_failures, self._environment
        try:
            return retraining.begin(self._ledger, request, environment, most_failures=most, by=self._by)
        except RefusalError:
            now = retraining.tried(self._ledger.entries(), environment)
            if why := retraining.stopped(now, environment, most):
                telling.call_a_person(self._store, request, environment, why, by=self._by)
            raise

    def _trained(self, request: Entry) -> tuple[Outcome, str]:
        """Train on what is known now, and deploy what the gates approve."""
        decision = self._decided(request)
        if decision is None:
            until = retraining.last_day(request) if self._settings.data.time else ""
            with _run("train.py", until=until, cause=request.hash) as done:
                if done.status != "successful":
                    return (
                        "failed",
                        f"The training {done.run and done.run.pathspec} did not end; its log tells why.",
                    )
            decision = self._decided(request)
        if decision is None:
            return "failed", "The training left no decision in the ledger."
        if decision.event == "rejected":
            return "rejected", f"{decision.run} was rejected, and the champion goes on: {decision.why}"
        # A person may have mended what was learned, or what is asked of it: the rows need not be others.
        if not request.details.get("by_a_person") and self._same_rows(decision, request):
            return "refused", f"{decision.run} saw no other rows than the champion, which goes on."
        said, before = f"Asked for by entry {request.number}.", len(self._ledger.entries())
        with _run("deploy.py", bundle=decision.run, environment=self._environment, reason=said) as done:
            champion = self._ledger.champion(self._environment)
            if champion is not None and champion.bundle_id == decision.bundle_id:
                return "promoted", f"{decision.run} is the champion of {self._environment}."
        return self._refused(decision, before)

    def _decided(self, request: Entry) -> Entry | None:
        """The decision on the run that answered the request."""
        for entry in reversed(self._ledger.entries()):
            if entry.event in ("approved", "rejected") and entry.details.get("cause") == request.hash:
                return entry
        return None

    def _same_rows(self, decision: Entry, request: Entry) -> bool:
        made = [
            entry.details.get("data_version")
            for entry in self._ledger.entries()
            if entry.event == "approved" and entry.bundle_id == request.bundle_id
        ]
        return decision.details["data_version"] in made

    def _refused(self, decision: Entry, before: int) -> tuple[Outcome, str]:
        """Why what the gates approved is not the champion, by what the ledger has beyond the entries of before."""
        found = [
            entry
            for entry in self._ledger.entries()[before:]
            if entry.event == "refused"
            and entry.bundle_id == decision.bundle_id
            and entry.details.get("environment") == self._environment
        ]
        if not found:
            return "failed", f"The deployment of {decision.run} broke off; its log tells why."
        why = found[-1].why
        if found[-1].details.get("awaits_approval"):
            then = f"Then: make deploy BUNDLE={decision.run}."
            return AWAITS, f"{decision.run} passed the gates, and the champion goes on. {why} {then}"
        return "refused", f"{decision.run} was not deployed, and the champion goes on: {why}"


def _run(file: str, **parameters: Any) -> Any:
    """A flow's run that has ended, as a context."""
    return Runner(str(ROOT / "flows" / file), pylint=False, cwd=str(ROOT)).run(
        **{name: value for name, value in parameters.items() if value}
    )


if __name__ == "__main__":
    raise SystemExit(main())
