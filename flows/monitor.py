"""MonitorFlow: from the log of predictions and late labels to accounts, alerts and a report with history."""

from metaflow import Config, Parameter, card, current, package_sources, step

from flows import presentation
from flows.orchestration import ROOT, ConfiguredFlow, Orchestrated, Scheduled, author, parse_settings


@package_sources(["../components", "../flows"], suffixes=[".py", ".html", ".css", ".j2"])
@Orchestrated
@Scheduled("monitoring")
class MonitorFlow(ConfiguredFlow):
    """Looks at what the champion predicted, window by window, and tells somebody where it should not be so.

    The account of a window is written once and stays: a repeated, resumed or second monitor finds it and adds nothing.
    """

    config = Config("config", default=str(ROOT / "config.toml"), parser=parse_settings)
    environment = Parameter(
        "environment", default="", help="whose champion; by default the last one of config.toml"
    )
    log = Parameter(
        "log", default="", help="the server's log or batch scores; by default the store's predictions"
    )
    labels = Parameter("labels", default="", help="labels, from any source; by default the store's")
    since = Parameter(
        "since", default="", help="windows from here on; by default those in which it was the champion"
    )
    until = Parameter("until", default="", help="windows that ended by then, now at the latest")
    window = Parameter("window", default="", help="hour, day, week, month or year, instead of config.toml's")
    reference = Parameter(
        "reference", default="", help="a table to compare columns with, instead of the bundle's reference"
    )
    k = Parameter("k", type=int, default=0, help="windows that make an alert, instead of config.toml's")

    @step
    def start(self):
        """Find the champion, and which windows have ended."""
        from datetime import UTC, datetime

        from flows import monitoring, spans, telling

        telling.require_webhook()
        self.first_run, now = current.run_id, datetime.now(UTC)
        self.looked_at = spans.looked_at(self.until, now).isoformat(timespec="seconds")
        self.ended_by = spans.ended_by(self, now).isoformat(timespec="seconds")
        self.environment_ = self.environment or self.settings.deploy.live
        self.promotion = monitoring.champion(self)
        self.due = [window.label for window in spans.due(self)]
        self.next(self.watch)

    @step
    def watch(self):
        """Look at what was served in each window: quality, drift, skew, and what the scores promise."""
        from flows import monitoring, spans

        self.future = 0
        found = monitoring.served(self, self.promotion, spans.due(self))
        self.served = [account.window_id for account in found]
        self.next(self.judge)

    @step
    def judge(self):
        """Join the labels that have come, and see what came true: of the champion, and of those before it."""
        from flows import monitoring, spans

        found = monitoring.labelled(self, self.promotion, spans.due(self))
        self.labelled = [account.window_id for account in found]
        self.before = monitoring.before(self)
        self.next(self.tell)

    @step
    def tell(self):
        """Make alerts of the history, and tell the ledger and the webhook those that are new; ask for another training."""
        from components.monitoring import accounts
        from flows import monitoring, telling

        self.accounts = monitoring.history(self, self.promotion)
        self.alerts = telling.told(self, self.accounts)
        every = [(self.promotion, each) for each in self.alerts] + telling.told_of_those_before(self)
        new = telling.news(self, every)
        self.new = telling.record(self, new, author())
        asking = [each for _, each in new if each in self.alerts]
        self.asked = telling.ask(self, asking, self.accounts, author())
        # What others do not take holds up no request.
        self.sent = telling.sent(self, [alert for _, alert in every])
        self.answered = telling.answer(self, author())
        accounts.tell(self.durable, telling.known(self))
        self.next(self.publish)

    @card(type="still", id="monitoring")
    @step
    def publish(self):
        """Write the report with its history, and the metrics that Prometheus collects."""
        from components.monitoring import exposition
        from components.reporting import monitoring_report
        from flows import monitoring, terms

        newest = list({account.stage: account for account in self.accounts}.values())
        inputs = monitoring_report.Inputs(
            self.settings.project.name, self.environment_, self.promotion.bundle_id, self.accounts,
            self.alerts, terms.metric(self, self.promotion), self.settings.monitoring.alarm_psi, self.looked_at,
        )  # fmt: skip
        self.report = monitoring_report.html(inputs)
        self.page = str(monitoring.publish(self, ".html", self.report))
        text = exposition.exposition(newest, self.alerts)
        self.metrics = str(monitoring.publish(self, ".prom", text))
        presentation.show(*presentation.monitored(self, monitoring_report.figures(inputs)))
        self.next(self.end)

    @step
    def end(self):
        """Say what was found, and where to read more; remove the days that the log no longer keeps."""
        from flows import monitoring

        self.expired = monitoring.expired(self, author())
        for line in presentation.last_monitored(self):
            print(line)


if __name__ == "__main__":
    MonitorFlow()
