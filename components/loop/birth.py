"""How the model comes to life: trained, deployed, served."""

from __future__ import annotations

from components.loop.clients import Clients
from components.loop.server import Server
from components.loop.world import BrokenOffError, Result, World


def train(world: World) -> Result:
    """Train the first model; without one that is approved there is no life."""
    done = world.copy.run("train")
    decision = next((entry for entry in world.news() if entry.event in ("approved", "rejected")), None)
    if decision is None:
        raise BrokenOffError(f"The first training left no decision: {done.refusal} ({done.log})")
    world.name(decision)
    said, evidence = world.decided(decision), world.evidence(done, world.report(decision))
    if decision.event == "rejected":
        raise BrokenOffError(f"The first model was rejected, and the loop needs one to live with. {said}")
    return Result("good", said, evidence)


def deploy(world: World) -> Result:
    """Make it the champion."""
    done = world.copy.run("deploy")
    champion = world.copy.champion()
    if champion is None:
        raise BrokenOffError(f"The first model was not deployed: {done.refusal} ({done.log})")
    return Result(
        "good",
        f"{world.called(champion.bundle_id)} is the champion. {champion.why}",
        world.evidence(done),
    )


def serve(world: World) -> Result:
    """Serve what was deployed, and let clients know what it wants."""
    server = Server(world.copy, world.served, world.copy.logs / "server.txt")
    contract = world.contract()
    inputs = [rule["name"] for part in ("features", "optional") for rule in contract[part]]
    world.open(server, Clients(server.host, server.port, inputs))
    who = world.called(server.models()["champion"])
    said = f"http://{server.host}:{server.port} answers with {who}."
    return Result("good", said, (world.link("server log", server.log),))
