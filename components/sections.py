"""The sections of config.toml: what each may hold."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.address import fault

Fraction = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Reason = Annotated[str, Field(min_length=10)]
Environment = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,29}$")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Project(Section):
    name: Name
    slug: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
    description: str = ""
    author: str = ""
    orchestrator: Literal["local", "argo-workflows", "step-functions"] = "local"


class Data(Section):
    source: Annotated[str, Field(min_length=1, max_length=1000)]
    revision: str = ""
    query: str = ""
    target: Name
    positive: str = ""
    task: Literal["binary", "multiclass", "regression"] = "binary"
    time: str = ""
    since: str = ""
    until: str = ""
    key: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    weight: str = ""
    drop: tuple[str, ...] = ()
    missing: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    numbers: dict[str, Literal["1,234.5", "1.234,5"]] = Field(default_factory=dict)
    dates: dict[str, Name] = Field(default_factory=dict)
    max_quarantined_fraction: Fraction = 0.01

    @model_validator(mode="after")
    def _source_is_whole(self) -> Self:
        if found := fault(self.source, self.revision, self.query):
            raise ValueError(found)
        return self

    @model_validator(mode="after")
    def _time_is_named(self) -> Self:
        if (self.since or self.until) and not self.time:
            raise ValueError("since and until choose rows by time; name the column in data.time")
        return self


class Split(Section):
    method: Literal["hash", "temporal"] = "hash"
    salt: Name
    train: Fraction = 0.6
    validation: Fraction = 0.2
    holdout: Fraction = 0.2
    validation_from: str = ""
    holdout_from: str = ""
    columns: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _parts_are_whole(self) -> Self:
        total = self.train + self.validation + self.holdout
        if abs(total - 1) > 1e-9 or min(self.train, self.validation, self.holdout) <= 0:
            raise ValueError(
                f"train, validation and holdout add up to {total:g}; they must be above 0 and add up to 1"
            )
        if self.method == "temporal" and not (self.validation_from and self.holdout_from):
            raise ValueError("a temporal split needs validation_from and holdout_from")
        return self


class Features(Section):
    exclude: tuple[str, ...] = ()
    allow_sensitive: dict[str, Reason] = Field(default_factory=dict)


class Objective(Section):
    statement: Reason
    kpi: Name
    metric: Name = "roc_auc"
    class_names: tuple[Name, Name] = ("negative", "positive")
    unit: Name
    true_positive: float | None = None
    false_positive: float | None = None
    true_negative: float | None = None
    false_negative: float | None = None
    right: float | None = None
    wrong: float | None = None
    worth: dict[str, dict[str, float]] = Field(default_factory=dict)
    too_high: Annotated[float, Field(lt=0)] | None = None
    too_low: Annotated[float, Field(lt=0)] | None = None
    recalibration_alpha: Fraction = 0.01


class Documents(Section):
    owner: str = ""
    intended_users: str = ""
    out_of_scope: str = ""
    ethical_considerations: str = ""


class Search(Section):
    families: Annotated[tuple[str, ...], Field(min_length=1)]
    trials: Annotated[int, Field(ge=1, le=10_000)] = 10
    folds: Annotated[int, Field(ge=2, le=20)] = 3
    patience: Annotated[int, Field(ge=1)] = 5
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    max_rows: Annotated[int, Field(ge=0)] = 0


class Evaluation(Section):
    replicates: Annotated[int, Field(ge=200, le=100_000)] = 1000
    min_slice_rows: Annotated[int, Field(ge=30)] = 250
    slice_bins: Annotated[int, Field(ge=2, le=20)] = 4
    explained_rows: Annotated[int, Field(ge=50)] = 2000
    backtest_rows: Annotated[int, Field(ge=0)] = 50_000
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @property
    def options(self) -> dict[str, int]:
        """The arguments of an evaluation."""
        return self.model_dump(exclude={"explained_rows", "backtest_rows"})


class Gate(Section):
    """A threshold that decides, and the recorded reason for which a failure is let pass."""

    threshold: float | None = None
    waiver: Reason | None = None


class Fairness(Section):
    sensitive: tuple[str, ...] = ()
    bands: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    min_group_rows: Annotated[int, Field(ge=10)] = 200
    waived: dict[str, Reason] = Field(default_factory=dict)
    reduction: Literal["", "demographic_parity", "equalized_odds"] = ""

    @property
    def features(self) -> tuple[str, ...]:
        """Every sensitive column, gated and waived."""
        both = {f"{one} × {other}" for one in self.sensitive for other in self.sensitive}
        return (*self.sensitive, *(name for name in self.waived if name not in (*self.sensitive, *both)))


class StoreSettings(Section):
    root: Name = "store"


class Tracking(Section):
    uri: Name = "sqlite:///mlflow.db"
    experiment: str = ""
    model_name: str = ""


class Resources(Section):
    cpu: Annotated[int, Field(ge=1)] = 1
    memory: Annotated[int, Field(ge=128)] = 4096
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    minutes: Annotated[int, Field(ge=1)] = 60


class Compute(Section):
    default: Resources = Resources()
    search: Resources | None = None
    image: str = ""
    threads: Annotated[int, Field(ge=1)] = 1


class Deploy(Section):
    environments: Annotated[tuple[Environment, ...], Field(min_length=1)] = ("test", "staging", "production")
    approval: bool = False
    latency_milliseconds: Annotated[float, Field(gt=0)] = 50.0
    model_age_days: Annotated[float, Field(gt=0)] = 180.0
    image: Annotated[str, Field(pattern=r"^$|^[a-z0-9][a-z0-9._/:-]*$")] = ""

    @model_validator(mode="after")
    def _the_last_meets_users(self) -> Self:
        if self.environments[-1] == "test":
            raise ValueError(
                "deploy.environments ends with 'test', which takes rejected models too; the last one is what users meet"
            )
        if len(set(self.environments)) < len(self.environments):
            raise ValueError(f"deploy.environments names one twice: {list(self.environments)}")
        return self

    @property
    def live(self) -> str:
        """The environment that users meet."""
        return self.environments[-1]


class Serving(Section):
    requests_per_second: Annotated[float, Field(gt=0)] = 50.0
    workers: Annotated[int, Field(ge=1, le=1024)] = 1
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    max_body_bytes: Annotated[int, Field(ge=1)] = 16_777_216
    max_rows: Annotated[int, Field(ge=1)] = 10_000
    max_waiting: Annotated[int, Field(ge=1)] = 512
    max_waiting_bytes: Annotated[int, Field(ge=1)] = 67_108_864
    max_connections: Annotated[int, Field(ge=1)] = 1000
    timeout_seconds: Annotated[float, Field(ge=0.001)] = 10.0
    bad_rows: Literal["refuse", "set_aside"] = "refuse"
    log: Literal["window", "strict", "off"] = "window"
    log_window_seconds: Annotated[float, Field(ge=0.001)] = 1.0
    log_columns: tuple[str, ...] = ("*",)
    log_segment_bytes: Annotated[int, Field(ge=1)] = 67_108_864
    log_buffer_bytes: Annotated[int, Field(ge=1)] = 67_108_864
    log_days: Annotated[int, Field(ge=0)] = 0
    drain_seconds: Annotated[float, Field(ge=0)] = 5.0
    hang_seconds: Annotated[float, Field(ge=0.5)] = 30.0

    @property
    def handed_on(self) -> dict[str, Any]:
        """What a server is told: settings that are not its defaults, so that those of older bundles, which know fewer, go on."""
        return self.model_dump(mode="json", exclude_defaults=True, exclude={"log_days"})


class Scoring(Section):
    shard_rows: Annotated[int, Field(ge=1, le=100_000_000)] = 500_000
    tasks: Annotated[int, Field(ge=1, le=100)] = 2


Cron = Annotated[str, Field(pattern=r"^$|^[A-Za-z0-9*/,?#-]+( [A-Za-z0-9*/,?#-]+){4,5}$")]


class Monitoring(Section):
    schedule: Cron = ""
    window: Literal["hour", "day", "week", "month", "year"] = "day"
    settle_minutes: Annotated[float, Field(ge=0)] = 10.0
    min_rows: Annotated[int, Field(ge=30)] = 200
    label_delay_days: Annotated[float, Field(ge=0)] = 30.0
    false_alarm_rate: Annotated[float, Field(gt=0, lt=1)] = 0.05
    alarm_psi: Annotated[float, Field(gt=0)] = 0.1
    alarm_calibration: Annotated[float, Field(ge=0)] = 0.003
    alarm_decile: Annotated[float, Field(ge=0)] = 0.05
    alarm_drop: Annotated[float, Field(ge=0)] = 0.02
    alarm_missing: Fraction = 0.02
    alarm_rows: Fraction = 0.001
    alarm_unlabelled: Fraction = 0.5
    alarm_unknown: Fraction = 0.01
    alarm_silent: Fraction = 0.5
    volume_factor: Annotated[float, Field(gt=1)] = 3.0
    k: Annotated[int, Field(ge=1)] = 2
    n: Annotated[int, Field(ge=1)] = 3
    cooldown: Annotated[int, Field(ge=0)] = 7

    @model_validator(mode="after")
    def _k_of_n(self) -> Self:
        if self.k > self.n:
            raise ValueError(f"monitoring.k is {self.k} of n = {self.n} windows; it can be at most n")
        return self


class Retraining(Section):
    on: tuple[
        Literal["calibration", "performance", "utility", "fairness", "drift", "association", "staleness"], ...
    ] = ("calibration", "performance", "utility", "staleness")
    most_failures: Annotated[int, Field(ge=1)] = 3
    patience_hours: Annotated[float, Field(gt=0)] = 24.0
    events: bool = False
    schedule: Cron = ""
