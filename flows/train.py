"""TrainFlow: from the raw table to a judged, packaged and recorded model."""

from dataclasses import replace

from metaflow import Config, IncludeFile, Parameter, card, current, package_sources, step

from components.errors import redacted
from components.release import documents
from components.release.ledger import Ledger
from components.release.tracking import refuse_sqlite
from components.training.candidates import FAMILIES
from flows import presentation
from flows.orchestration import (
    ROOT,
    ConfiguredFlow,
    Orchestrated,
    Scheduled,
    StartedBy,
    anchored,
    author,
    git_commit,
    judged,
    now,
    on_cluster,
    parse_settings,
    sha256,
)
from flows.rows import TakenRows

FAST_ROWS, FAST_TRIALS = 8000, 3


@package_sources(["../components", "../flows"], suffixes=[".py", ".html", ".css", ".j2"])
@Orchestrated
@Scheduled("retraining")
@StartedBy()
class TrainFlow(ConfiguredFlow, TakenRows):
    """Trains on the configured table and decides, by gates, whether the model may be deployed.

    Every task is a process of its own, and so is every drawing of a card: steps import what they use themselves.
    """

    config = Config("config", default=str(ROOT / "config.toml"), parser=parse_settings)
    contract_text = IncludeFile("contract", default=str(ROOT / "schema.yaml"), help="the table's contract")
    datasheet_text = IncludeFile(
        "datasheet", default=str(ROOT / "data" / "datasheet.toml"), help="what people say of the data"
    )
    lock = IncludeFile("lock", default=str(ROOT / "requirements.lock"), help="the pinned packages")
    version = Parameter(
        "data-version", default="", help="train on these rows of the store, not on the source"
    )
    until = Parameter(
        "until", default="", help="rows until this day, included, instead of config.toml's data.until"
    )
    cause = Parameter("cause", default="", help="the hash of the ledger's entry that asked for this training")
    fast = Parameter("fast", type=bool, default=False, help="a sample through all steps; never approved")

    @card(type="still", id="data")
    @step
    def start(self):
        """Take the source in as an immutable snapshot; set rows aside that break the contract."""
        from components.data import intake, schema, spelling

        # What cannot be recorded at the end need not begin.
        refuse_sqlite(self.settings.tracking.uri, orchestrated=on_cluster())
        Ledger(self.durable).entries()
        documents.require_said(self.settings.said)
        documents.parse_statements(self.datasheet_text)
        data, self.first_run = self.settings.data, current.run_id
        self.contract = schema.parse(self.contract_text)
        self.settings.require_columns(self.contract.names)
        self.taken = intake.take_in(
            anchored(data.source),
            named=redacted(data.source),
            period=intake.Period(data.time, data.since, "" if self.until else data.until, self.until),
            contract=self.contract,
            purpose=intake.Purpose(data.target, data.positive, data.key, data.weight, data.task == "binary"),
            max_quarantined_fraction=data.max_quarantined_fraction,
            store=self.durable,
            spelling=spelling.Spelling(data.drop, data.missing, data.numbers, data.dates),
            version=self.version,
            revision=data.revision,
            query=data.query,
            root=ROOT,
        )
        self.data_version = self.taken.snapshot.version
        self.git_commit, self.lock_sha256 = git_commit(), sha256(self.lock)
        presentation.show(*presentation.taken(self.taken))
        self.next(self.divide)

    @step
    def divide(self):
        """Assign every row to train, validation or holdout, once and for all."""
        from components.data import split
        from components.training import features, outcomes, target

        table, data = self.table(), self.settings.data
        options = self.settings.split.model_dump()
        # Without a key the columns identify a row: recorded, so that later tables with more tell what it has seen.
        options["columns"] = () if data.key else options["columns"] or self.contract.names
        self.rule = split.SplitRule(**options, group=data.group, key=data.key, time=data.time)
        self.columns = features.select(
            self.contract.types, target=data.target, excluded=self.settings.not_features
        )
        self.split = split.assign(table, self.rule, self.columns.names)
        self.overlaps = split.overlaps(self.split, table, self.rule)
        few = min(FAST_ROWS, table.height // 2)
        self.used = split.sample(self.split, few) if self.fast else split.everything(self.split)
        self.target = target.target_of(table, data.target, data.task, data.positive)
        self.outcome_values = outcomes.values_of(self.settings.objective, self.target)
        values, folds = table[data.target].to_pandas(), self.settings.search.folds
        target.require_every_class(self.target, values, self.split.part, split.PARTS, folds)
        self.families = list(self.settings.search.families)
        self.next(self.search, foreach="families")

    @card(type="blank", id="search", refresh_interval=10)
    @step
    def search(self):
        """Search one family's configurations by cross-validation on the training part."""
        from components.training import examples, search

        options, group = self.settings.search, self.settings.data.group
        trials = FAST_TRIALS if self.fast else options.trials
        self.result = search.search(
            **examples.learning(self.part("train"), group, max_rows=options.max_rows, seed=options.seed),
            family=FAMILIES[self.input],
            columns=self.columns,
            metric=self.settings.objective.metric,
            trials=trials,
            folds=options.folds,
            patience=options.patience,
            seed=options.seed,
            report=presentation.Progress(self.input, trials),
            task=self.target.task,
        )
        self.next(self.choose)

    @card(type="still", id="choice")
    @step
    def choose(self, inputs):
        """Choose the family, refit it, recalibrate it where that is due, and set the threshold."""
        from components.training import fitting, search

        self.merge_artifacts(inputs, exclude=["result"])
        self.results = sorted((each.result for each in inputs), key=lambda result: result.simplicity)
        self.winner = search.choose(self.results)
        train, seed = self.part("train"), self.settings.search.seed
        fitted = fitting.fit(
            self.winner.family,
            self.winner.best.params,
            train,
            self.part("validation"),
            columns=self.columns,
            value=self.outcome_values,
            alpha=self.settings.objective.recalibration_alpha,
            seed=seed,
        )
        self.predictor, self.recalibration = fitted.predictor, fitted.recalibration
        self.baselines = fitting.baselines(train, columns=self.columns, seed=seed, task=self.target.task)
        presentation.show(
            *presentation.searched(
                self.results,
                self.winner,
                self.settings.objective.metric,
                self.recalibration,
                self.predictor,
            )
        )
        self.next(self.evaluate)

    @card(type="still", id="evaluation")
    @step
    def evaluate(self):
        """Measure the predictor on the holdout, with the uncertainty of every number."""
        from components.validation import audit, evaluation
        from flows import champions

        holdout, fairness = self.part("holdout"), self.settings.fairness
        hidden = [name for name in fairness.features if name not in self.columns.names]
        self.evaluation = evaluation.evaluate(
            self.predictor,
            holdout,
            self.part("validation"),
            target=self.target,
            family=self.winner.family,
            baselines=self.baselines,
            columns=self.columns,
            metric=self.settings.objective.metric,
            value=self.outcome_values,
            group=self.settings.data.group,
            sensitive=audit.sensitive_features(holdout.rows, hidden, fairness.bands),
            champion=champions.scores(self, holdout),
            **self.settings.evaluation.options,
        )
        presentation.show(*presentation.evaluation(self.evaluation))
        self.next(self.audit, self.explain, self.export)

    @card(type="still", id="fairness")
    @step
    def audit(self):
        """Measure what the decisions do to groups, what a mitigated model would offer, and how the metric ages."""
        from components.validation import audit
        from flows import ageing

        settings = self.settings
        self.fairness = audit.audit(
            self.predictor,
            self.part("validation"),
            self.part("holdout"),
            sensitive=settings.fairness.sensitive,
            reported=settings.fairness.features,
            bands=settings.fairness.bands,
            min_rows=settings.fairness.min_group_rows,
            value=self.outcome_values,
            classes=self.target.several,
            group=settings.data.group,
            train=self.part("train") if settings.fairness.reduction else None,
            reduction=settings.fairness.reduction or None,
            replicates=settings.evaluation.replicates,
            seed=settings.evaluation.seed,
        )
        self.backtest = ageing.backtested(self)
        presentation.show(*presentation.fairness(self.fairness, settings.objective.class_names[1]))
        presentation.show(*ageing.shown(self.backtest))
        self.next(self.judge)

    @card(type="still", id="explanation")
    @step
    def explain(self):
        """Explain the predictor's scores by SHAP, and measure what each feature is worth."""
        from components.validation import audit, explanation

        holdout, fairness, options = self.part("holdout"), self.settings.fairness, self.settings.evaluation
        self.explanation = explanation.explain(
            self.predictor,
            holdout.X,
            holdout.y,
            columns=self.columns,
            classes=self.target.several,
            metric=self.settings.objective.metric,
            sensitive_features=audit.sensitive_features(holdout.rows, fairness.features, fairness.bands),
            rows=options.explained_rows,
            sample_weight=holdout.weight,
            groups=holdout.groups(self.settings.data.group),
            seed=options.seed,
        )
        presentation.show(*presentation.explanation(self.explanation))
        self.next(self.judge)

    @step
    def export(self):
        """Compile the served program and compare it, in a clean process, with the flow's own scores."""
        from components.release import export

        self.program = export.program(
            self.predictor, self.columns, self.part("holdout").X, self.target.several
        )
        self.next(self.judge)

    @card(type="still", id="decision")
    @step
    def judge(self, inputs):
        """Run every gate on the evidence, and pack what is to be shipped or kept."""
        from components.release import bundle
        from components.release.manifest import verify_files
        from components.validation import gates
        from components.validation.verdict import verdict
        from flows import records

        self.merge_artifacts(inputs)
        uses = Ledger(self.durable).holdout_uses(self.split.holdout_id, once_key=self.origin)
        limits = {code: gates.Limit(**gate.model_dump()) for code, gate in self.settings.gates.items()}
        checks = verdict(records.evidence(self), limits)
        self.decision = gates.Decision(
            gates.outcome(checks), self.origin, self.data_version, self.split.holdout_id, uses, "", checks
        )
        self.created = now()
        self.bundle = bundle.contents(records.bundle_parts(self))
        self.decision = replace(self.decision, bundle_id=verify_files(self.bundle).bundle_id)
        presentation.show(*presentation.decision(self.decision))
        self.next(self.register)

    @step
    def register(self):
        """Write the report and the bundle, and record the decision in MLflow and in the ledger."""
        from components.release.registry import Registry
        from components.reporting import report
        from flows import records

        ledger, tracking = Ledger(self.durable), self.settings.tracking
        registry = Registry(anchored(tracking.uri), self.settings.experiment, self.settings.model_name)
        # Judging again measures the latency again, and so gives another bundle: what was recorded once stands.
        if recorded := ledger.decision(self.origin):
            pathspec = recorded.details["pathspec"]
            self.decision, self.bundle = (judged(pathspec, name) for name in ("decision", "bundle"))
        self.report = report.html(records.report_inputs(self))
        folder = records.write(self, ROOT / "build")
        record = records.run_record(self, f"{current.flow_name}/{current.run_id}", author())
        self.mlflow_run_id = registry.open(record)
        registry.check_head(ledger)
        for entry in records.ledger_entries(self, author()):
            ledger.append(**entry)
        self.model_version = registry.record(
            record, bundle=folder / "bundle", artifacts=[folder / "report.html", folder / "decision.json"]
        ).model_version
        registry.keep_head(ledger)
        self.next(self.end)

    @step
    def end(self):
        """Say what was decided, and where the report is."""
        from components.reporting.cards import terminal_table

        print(terminal_table(self.decision))
        print(presentation.last_words(self))


if __name__ == "__main__":
    TrainFlow()
