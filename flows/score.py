"""ScoreFlow: a table, scored by the champion in shards, checked by the champion's own contract, written exactly once."""

from datetime import UTC, datetime

from metaflow import Config, Parameter, card, current, package_sources, step

from components.release import candidates
from flows import presentation
from flows.orchestration import ROOT, ConfiguredFlow, Orchestrated, bundle_of, parse_settings


@package_sources(["../components", "../flows"], suffixes=[".py", ".html", ".css", ".j2"])
@Orchestrated
class ScoreFlow(ConfiguredFlow):
    """Scores a table from any source, and leaves Parquet in the store; the same table and bundle have the same place.

    Rows that break the contract are set aside with their reasons; a table of which too many do is not scored at all.
    """

    config = Config("config", default=str(ROOT / "config.toml"), parser=parse_settings)
    environment = Parameter(
        "environment", default="", help="whose champion scores; by default the last one of config.toml"
    )
    wanted = Parameter(
        "bundle", default="", help="a bundle id, its first letters, or a run; not the champion"
    )
    source = Parameter("source", default="", help="the table; by default data.source of config.toml")
    revision = Parameter("revision", default="", help="of that source, as data.revision has it")
    query = Parameter("query", default="", help="the SQL that gives that source's rows")
    since = Parameter("since", default="", help="the first value of data.time that is meant")
    until = Parameter("until", default="", help="the last value of data.time that is meant")
    version = Parameter("data-version", default="", help="score these rows of the store, not the source's")

    @step
    def start(self):
        """Find the bundle, verify it, and take the table in: every row checked, in shards that wait in the store."""
        from components.scoring import intake, scores
        from flows import scorings

        # A resumed run takes the table in where the first one began to.
        self.first_run, deploy = current.origin_run_id or current.run_id, self.settings.deploy
        self.target = candidates.target(self.environment, deploy.environments, deploy.approval)
        self.decision = scorings.chosen(self)
        asked = scorings.asked(self, bundle_of(self.decision))
        with scorings.table(self) as taken:
            self.about = scorings.about(self, taken)
            self.incoming = intake.take_in(
                taken,
                asked,
                shard_rows=self.settings.scoring.shard_rows,
                most_refused_fraction=self.settings.data.max_quarantined_fraction,
                folder=f"incoming/{self.origin}",
                store=self.durable,
            )
        self.data_version = self.version or self.incoming.data_version
        self.score_id = scores.score_id(self.decision.bundle_id, self.data_version, self.incoming)
        self.scored = scores.published(self.score_id, self.durable)
        self.again = self.scored is not None
        self.groups = scorings.groups(self)
        self.next(self.score, foreach="groups")

    @step
    def score(self):
        """Score some of the shards, one after the other; what is written already is not written again."""
        from components.scoring import scorer, scores

        self.parts = []
        with scorer.loaded(
            bundle_of(self.decision), self.decision.bundle_id, self.settings.compute.threads
        ) as by:
            self.model_version = by.model.version
            for shard in self.input:
                self.parts += scores.write_shard(
                    shard,
                    by,
                    folder=self.incoming.folder,
                    score_id=self.score_id,
                    data_version=self.data_version,
                    store=self.durable,
                )
        self.next(self.publish)

    @card(type="still", id="scores")
    @step
    def publish(self, inputs):
        """Say that the scores are whole, in a manifest that is written last; then let go of what waited, and of what no run takes up."""
        from components.scoring import scores, shards

        self.merge_artifacts(inputs, exclude=["parts"])
        if not self.again:
            self.scored, first = scores.publish(
                scores.of_parts(
                    self.incoming,
                    [part for each in inputs for part in each.parts],
                    score_id=self.score_id,
                    data_version=self.data_version,
                    bundle_id=self.decision.bundle_id,
                    model_version=self.model_version,
                    about=self.about,
                ),
                self.durable,
            )
            self.again = not first
        self.durable.remove(self.incoming.folder)
        shards.clear("incoming/ScoreFlow", self.durable, datetime.now(UTC))
        presentation.show(*presentation.scored(self))
        self.next(self.end)

    @step
    def end(self):
        """Say where the scores are, and what was set aside."""
        for line in presentation.last_scored(self):
            print(line)


if __name__ == "__main__":
    ScoreFlow()
