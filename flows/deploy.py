"""DeployFlow: from an approved bundle to the champion that is served, or a refusal with its reason; and back."""

from metaflow import Config, Parameter, card, current, package_sources, step

from components.release import candidates
from components.release.ledger import Ledger
from flows import presentation
from flows.orchestration import ROOT, ConfiguredFlow, Orchestrated, Refused, StartedBy, author, parse_settings


@package_sources(["../components", "../flows"], suffixes=[".py", ".html", ".css", ".j2"])
@Orchestrated
@StartedBy("TrainFlow")
class DeployFlow(ConfiguredFlow):
    """Verifies a bundle, tries its server, compares it with the champion, and promotes it or says why not.

    The ledger is the truth: a promotion is there first, and everything else (the folder that is served, MLflow's alias)
    follows it, now or at the next deployment.
    """

    config = Config("config", default=str(ROOT / "config.toml"), parser=parse_settings)
    environment = Parameter(
        "environment", default="", help="where to; by default the last one of config.toml"
    )
    wanted = Parameter(
        "bundle", default="", help="a bundle id, its first letters, or a run; by default the newest approved"
    )
    rollback = Parameter("rollback", type=bool, default=False, help="return to the champion before")
    mode = Parameter(
        "mode",
        default="",
        help="set the bundle beside the champion: 'shadow' scores for the log alone, 'split' answers a share, 'off' ends it",
    )
    share = Parameter("share", default=0.1, type=float, help="what a split gives to the challenger, 0 to 1")
    sticky = Parameter("sticky", default="", help="the input column by whose value a split parts rows")
    reason = Parameter("reason", default="", help="why, for the record; a rollback needs one")

    @step
    def start(self):
        """Find the bundle through the ledger, see whether it may go there, and verify it."""
        from flows import deployments

        self.first_run, deploy = current.run_id, self.settings.deploy
        candidates.require_mode(self.mode, self.share)
        self.target = candidates.target(self.environment, deploy.environments, deploy.approval)
        self.repaired = deployments.repair(self)
        entries = Ledger(self.durable).entries()
        self.decision, self.champion = deployments.chosen(self, entries)
        self.beside = candidates.beside(entries, self.target.environment)
        self.refusal, self.awaits_approval = "", False
        deployments.unless_refused(self, deployments.allowed)
        self.next(self.smoke)

    @step
    def smoke(self):
        """Start the bundle's own server in a clean environment, and see it repeat what was recorded."""
        from flows import deployments

        self.measured = deployments.unless_refused(self, deployments.tried)
        self.cost = deployments.costs(self)
        deployments.unless_refused(self, deployments.passed)
        self.next(self.compare)

    @step
    def compare(self):
        """Compare with the champion on rows that neither has seen, if it is another one than training knew."""
        from flows import deployments

        self.check = deployments.unless_refused(self, deployments.compared)
        deployments.unless_refused(self, deployments.not_worse)
        self.next(self.promote)

    @card(type="still", id="deployment")
    @step
    def promote(self):
        """Write the promotion, the rollback or the refusal into the ledger, and let all else follow it."""
        from flows import deployments, served

        self.event = deployments.record(self, author())
        self.folder = served.settle(self)
        presentation.show(*presentation.deployment(self))
        deployments.follow(self)
        self.next(self.end)

    @step
    def end(self):
        """Say what was done; a refusal ends the run as failed."""
        for line in presentation.deployed(self):
            print(line)
        if self.refusal:
            raise Refused(self.refusal)


if __name__ == "__main__":
    DeployFlow()
