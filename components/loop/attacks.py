"""What is bad and must be kept out: a batch, a table, a model."""

from __future__ import annotations

import json
from typing import Any

from components.loop import spoiled
from components.loop.clients import Background
from components.loop.project import changed
from components.loop.world import Result, World
from components.scoring.intake import DRIFTED

QUICK = {"search": {"families": ["linear"], "trials": 2, "folds": 2}}
"""A model of nothing is searched for briefly."""


def bad_batch(world: World) -> Result:
    """Send a request with one row that breaks the contract."""
    rule = _spoiled_rule(world)
    good = world.lived[-1].period.rows.head(5)
    status, answer = world.clients.ask(spoiled.rows(good, rule, [3]), "bad-batch")
    problems = answer.get("problems") or [{}]
    named = problems[0].get("row") == 3 and problems[0].get("column") == rule["name"]
    blocked = named and (status == 422 or world.settings.serving.bad_rows == "set_aside")
    world.promise("a bad row is refused with its row, column and rule", blocked)
    said = f"{status}: {answer.get('error', problems[0])}"
    path = world.folder / "evidence" / "bad-batch.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"status": status, "answer": answer}, indent=2), encoding="utf-8")
    return Result(
        "blocked" if blocked else "failed",
        said,
        (world.link("the answer", path), world.link("server log", world.server.log)),
    )


def bad_table(world: World) -> Result:
    """Have a table scored of which every row breaks the contract."""
    rule = _spoiled_rule(world)
    rows = world.lived[-1].period.rows
    path = world.copy.root / "data" / "spoiled.parquet"
    spoiled.rows(rows, rule, range(rows.height)).write_parquet(path)
    done = world.copy.run("score", SOURCE="data/spoiled.parquet")
    blocked = done.code != 0 and DRIFTED in done.refusal
    world.promise("a table that broke the contract is not scored", blocked)
    return Result("blocked" if blocked else "failed", done.refusal, world.evidence(done))


def bad_model(world: World) -> Result:
    """Train on a target that was joined wrongly; then try to deploy what came of it."""
    folder = world.copy.root / "data" / "bad"
    folder.mkdir()
    table = spoiled.shuffled(world.past.rows, world.settings.data.target)
    table.write_parquet(folder / "table.parquet")
    text = (world.copy.root / "config.toml").read_text(encoding="utf-8")
    config = world.copy.root / "bad.toml"
    config.write_text(
        changed(text, {"data": {"source": "data/bad/table.parquet"}, **QUICK}), encoding="utf-8"
    )
    champion = world.champion().bundle_id
    with Background(world.clients, world.lived[-1].period.rows, "later") as background:
        trained = world.copy.run("train", CONFIG="bad.toml")
        decision = next((entry for entry in world.news() if entry.event in ("approved", "rejected")), None)
        if decision is None:
            return Result(
                "failed", f"The training left no decision: {trained.refusal}", world.evidence(trained)
            )
        world.name(decision)
        deployed = world.copy.run("deploy", BUNDLE=decision.run)
    blocked = decision.event == "rejected" and deployed.code != 0 and world.champion().bundle_id == champion
    world.promise("a bad model is rejected by the gates, and no command deploys it", blocked)
    count = background.count
    said = (
        f"{world.decided(decision)} Deploying it all the same: {deployed.refusal} "
        f"Meanwhile {count.requests:,} requests, {count.failed} failed."
    )
    log = world.link("log of the deployment", deployed.log)
    return Result(
        "blocked" if blocked else "failed", said, world.evidence(trained, world.report(decision), log)
    )


def _spoiled_rule(world: World) -> dict[str, Any]:
    """What the contract says of the column that is spoiled."""
    rules = world.contract()["features"]
    name = spoiled.column(rules)
    return next(rule for rule in rules if rule["name"] == name)
