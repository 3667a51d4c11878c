"""The way back, and whether all that was promised was kept."""

from __future__ import annotations

from components.loop.clients import Background
from components.loop.seasons import SETTLED_REQUESTS
from components.loop.world import Result, World
from components.release.ledger import champions


def roll_back(world: World) -> Result:
    """Return to the champion before, while requests are answered."""
    before = world.champion()
    if len(champions(world.copy.ledger.entries(), world.copy.live)) < 2:
        return Result("skipped", "There was but one champion, and nothing to return to.")
    with Background(world.clients, world.lived[-1].period.rows, "return") as background:
        done = world.copy.run("rollback", REASON="To see that the way back is open")
        after = world.champion()
        there = (
            done.code == 0
            and after.bundle_id != before.bundle_id
            and world.server.until("champion", after.bundle_id)
        )
        background.go_on(SETTLED_REQUESTS)
    count = background.count
    back = there and not count.failed
    world.promise("one command returns to the champion before, under traffic, with no failed request", back)
    said = f"{world.called(after.bundle_id)} answers again. Meanwhile {count.requests:,} requests, {count.failed} failed."
    return Result("good" if back else "failed", said, world.evidence(done))


def count(world: World) -> Result:
    """End the server, and compare what its log has with what was answered."""
    code = world.server.stop()
    logged, rows, damaged = set[str](), 0, 0
    for record in world.records():
        if record is None:
            damaged += 1
        else:
            logged.add(record.request_id)
            rows += record.height
    count = world.clients.count
    lost = len({request.request_id for each in world.lived for request in each.answered} - logged)
    whole = code == 0 and not damaged and not lost and (bool(count.failed) or rows == count.rows)
    world.promise("every request was answered", not count.failed)
    world.promise("every answered request is in the prediction log", whole)
    said = (
        f"{count.requests:,} requests of {count.rows:,} rows, {count.failed} failed; {rows:,} predictions are in the log, "
        f"{damaged} of its lines are damaged, {lost} answered requests are lost."
    )
    if count.failed:
        said += f" {'; '.join(count.why)}"
    log = world.link("server log", world.server.log)
    return Result("good" if whole and not count.failed else "failed", said, (log,))


def verify(world: World) -> Result:
    """Recompute the ledger's chain and the champion's bundle."""
    ledger = world.copy.run("ledger")
    bundle = world.copy.root / "build" / "deploy" / world.copy.live / "bundles" / world.champion().bundle_id
    verified = world.copy.run("verify", BUNDLE=str(bundle.relative_to(world.copy.root)))
    whole = ledger.code == 0 and verified.code == 0
    world.promise("the ledger's chain is whole", ledger.code == 0)
    said = f"{ledger.last} The champion's bundle "
    said += "is byte for byte what was decided on." if verified.code == 0 else f"is altered: {verified.last}"
    log = world.link("log of make verify", verified.log)
    return Result("good" if whole else "failed", said, world.evidence(ledger, log))
