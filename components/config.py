"""Settings: config.toml, typed and frozen; what it does not know, it refuses."""

import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from components.address import fault
from components.errors import ConfigError

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
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @property
    def options(self) -> dict[str, int]:
        """The arguments of an evaluation."""
        return self.model_dump(exclude={"explained_rows"})


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
    max_waiting: Annotated[int, Field(ge=1)] = 64
    max_connections: Annotated[int, Field(ge=1)] = 1000
    timeout_seconds: Annotated[float, Field(ge=0.001)] = 10.0
    bad_rows: Literal["refuse", "set_aside"] = "refuse"
    log: Literal["window", "strict", "off"] = "window"
    log_window_seconds: Annotated[float, Field(ge=0.001)] = 1.0
    log_columns: tuple[str, ...] = ("*",)
    log_segment_bytes: Annotated[int, Field(ge=1)] = 67_108_864
    log_buffer_bytes: Annotated[int, Field(ge=1)] = 67_108_864
    drain_seconds: Annotated[float, Field(ge=0)] = 5.0


class Scoring(Section):
    shard_rows: Annotated[int, Field(ge=1, le=100_000_000)] = 500_000
    tasks: Annotated[int, Field(ge=1, le=100)] = 2


Cron = Annotated[str, Field(pattern=r"^$|^[A-Za-z0-9*/,?#-]+( [A-Za-z0-9*/,?#-]+){4,5}$")]


class Monitoring(Section):
    schedule: Cron = ""
    window: Literal["hour", "day", "week", "month", "year"] = "day"
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


POSSIBLE = {
    "D01": (0, 1), "L02": (0.5, 1), "K01": (0, 1), "K02": (0, 1), "K03": (0, 1), "F01": (0, 1), "F02": (0, 1), "F03": (0, 1),
    "S01": (0, 1e6), "S02": (0, 1e6), "E01": (0, 1), "T01": (0, 1e-3),
}  # fmt: skip
"""Between what a gate's threshold can mean anything; the metric of the others is the user's choice."""

OUTCOMES = {
    "binary": ("true_positive", "false_positive", "true_negative", "false_negative"),
    "multiclass": ("right", "wrong"),
    "regression": ("too_high", "too_low"),
}
"""What must be said of an objective, by the task."""

CRON_FIELDS = {"argo-workflows": 5, "step-functions": 6}

GATES = (
    "D01", "D02", "D03", "L01", "L02", "B01", "B02", "P01", "P02", "U01", "C01",
    "K01", "K02", "K03", "F01", "F02", "F03", "R01", "R02", "E01", "S01", "S02", "T01",
)  # fmt: skip
UNWAIVABLE = ("D03", "L01", "E01", "T01")
WITHOUT_THRESHOLD = ("D03", "L01")
NEEDED = ("E01", "T01")
OF_THE_MODEL = ("B01", "P01", "U01")


class Settings(Section):
    """config.toml as typed, frozen values."""

    project: Project
    data: Data
    split: Split
    features: Features = Features()
    objective: Objective
    documents: Documents = Documents()
    search: Search
    evaluation: Evaluation = Evaluation()
    gates: dict[str, Gate] = Field(default_factory=dict)
    fairness: Fairness = Fairness()
    store: StoreSettings = StoreSettings()
    tracking: Tracking = Tracking()
    compute: Compute = Compute()
    deploy: Deploy = Deploy()
    serving: Serving = Serving()
    scoring: Scoring = Scoring()
    monitoring: Monitoring = Monitoring()
    retraining: Retraining = Retraining()

    @model_validator(mode="after")
    def _gates_are_known(self) -> Self:
        for code, gate in self.gates.items():
            if code not in GATES:
                raise ValueError(f"gates.{code}: no gate has this code; the codes are {', '.join(GATES)}")
            if gate.waiver and code in UNWAIVABLE:
                raise ValueError(f"gates.{code}: this gate guards the evidence itself and cannot be waived")
            if gate.threshold is not None and code in WITHOUT_THRESHOLD:
                raise ValueError(
                    f"gates.{code}: this gate lets nothing pass and takes no threshold; remove it"
                )
        unset = [code for code in NEEDED if self._threshold(code) is None]
        if unset:
            raise ValueError(f"gates.{unset[0]}: this gate guards the evidence itself; give it a threshold")
        if all(self._threshold(code) is None for code in OF_THE_MODEL):
            raise ValueError(
                f"gates: none of {', '.join(OF_THE_MODEL)} has a threshold, and without one nothing says whether the "
                "model is any good; set one"
            )
        return self

    @model_validator(mode="after")
    def _thresholds_are_possible(self) -> Self:
        for code, (least, most) in POSSIBLE.items():
            threshold = self._threshold(code)
            if threshold is not None and not least <= threshold <= most:
                raise ValueError(
                    f"gates.{code}.threshold is {threshold:g}; it must be from {least:g} to {most:g}"
                )
        return self

    @model_validator(mode="after")
    def _outcomes_fit_the_task(self) -> Self:
        task = self.data.task
        for of_task, keys in OUTCOMES.items():
            given = [key for key in keys if getattr(self.objective, key) is not None]
            if of_task == task and (unsaid := [key for key in keys if key not in given]):
                raise ValueError(
                    f"objective.{unsaid[0]}: say what this outcome is worth; data.task is {task!r}"
                )
            if of_task != task and given:
                raise ValueError(
                    f"objective.{given[0]} speaks of a {of_task} task, but data.task is {task!r}; remove it"
                )
        if self.objective.worth and task != "multiclass":
            raise ValueError(
                f"objective.worth speaks of several classes, but data.task is {task!r}; remove it"
            )
        if self.data.positive and task != "binary":
            raise ValueError(f"data.positive speaks of two classes, but data.task is {task!r}; remove it")
        if self.fairness.reduction and task != "binary":
            raise ValueError(f"fairness.reduction is for two classes, but data.task is {task!r}; remove it")
        return self

    @model_validator(mode="after")
    def _schedule_is_the_orchestrators(self) -> Self:
        fields = CRON_FIELDS.get(self.project.orchestrator)
        for section in ("retraining", "monitoring"):
            schedule = getattr(self, section).schedule
            if schedule and fields is None:
                raise ValueError(
                    f"{section}.schedule: a laptop keeps no schedule; set project.orchestrator, or let this be empty"
                )
            if schedule and len(schedule.split()) != fields:
                raise ValueError(
                    f"{section}.schedule: {schedule!r} has {len(schedule.split())} fields; "
                    f"a cron expression of {self.project.orchestrator} has {fields}"
                )
        if self.retraining.events and self.project.orchestrator != "argo-workflows":
            raise ValueError(
                f"retraining.events: {self.project.orchestrator} knows no events, Argo Workflows does; let this be false, and "
                "use retraining.schedule or make retrain"
            )
        return self

    @model_validator(mode="after")
    def _sensitive_columns_are_named(self) -> Self:
        for key, columns in (
            ("features.allow_sensitive", list(self.features.allow_sensitive)),
            ("fairness.bands", list(self.fairness.bands)),
        ):
            if unknown := [name for name in columns if name not in self.fairness.features]:
                raise ValueError(
                    f"{key}: {unknown} are no sensitive columns; those of fairness.sensitive and fairness.waived are "
                    f"{list(self.fairness.features)}"
                )
        return self

    def _threshold(self, code: str) -> float | None:
        return self.gates[code].threshold if code in self.gates else None

    @property
    def said(self) -> dict[str, str]:
        """What only people can say of the model, by key."""
        told = self.documents.model_dump()
        return {
            "project.description": self.project.description,
            **{f"documents.{key}": text for key, text in told.items()},
        }

    @property
    def experiment(self) -> str:
        return self.tracking.experiment or self.project.slug

    @property
    def model_name(self) -> str:
        return self.tracking.model_name or self.project.slug

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """The columns that are named, by the key that names them."""
        data = self.data
        single = {"data.target": data.target, "data.time": data.time, "data.weight": data.weight}
        return {key: (name,) if name else () for key, name in single.items()} | {
            "data.key": data.key, "data.group": data.group, "split.columns": self.split.columns,
            "features.exclude": self.features.exclude, "fairness.sensitive": self.fairness.sensitive,
        }  # fmt: skip

    def require_columns(self, names: Collection[str]) -> None:
        """Pass if every column that is named here is one of the contract's.

        Raises:
            ConfigError: it names the key, and the columns that there are.
        """
        for key, named in self.columns.items():
            if unknown := [name for name in named if name not in names]:
                raise ConfigError(f"config.toml: {key} names {unknown}; schema.yaml has {', '.join(names)}.")

    @property
    def not_features(self) -> tuple[str, ...]:
        """Columns of the table that the model must not see."""
        sensitive = [name for name in self.fairness.features if name not in self.features.allow_sensitive]
        named = [self.data.target, self.data.time, self.data.weight, *self.data.key, *self.data.group]
        return tuple(dict.fromkeys(name for name in [*named, *self.features.exclude, *sensitive] if name))


def parse(text: str) -> dict[str, Any]:
    """The validated content of config.toml as a plain dictionary, as a Metaflow Config holds it.

    Raises:
        ConfigError: The text is no TOML, or a key or value is not what is allowed.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"config.toml is not valid TOML: {error}; mend the line it names.") from None
    settings(content)
    return content


def settings(content: Mapping[str, Any]) -> Settings:
    """Settings from the content of config.toml.

    Raises:
        ConfigError: Names each key at fault, the value found and what is allowed.
    """
    try:
        # As JSON, because there a list may be a tuple while no text is a number and no truth value either.
        return Settings.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(detail) for detail in error.errors())) from None


def load(path: Path = Path("config.toml")) -> Settings:
    """Settings from a file.

    Raises:
        ConfigError: There is no such file, or its content is refused.
    """
    if not path.is_file():
        raise ConfigError(
            f"{path.name}: not found in {path.parent.resolve().name}/; run from the project's folder."
        )
    return settings(parse(path.read_text(encoding="utf-8")))


def _sentence(detail: Any) -> str:
    """One line about one fault: where, what was found, what is allowed."""
    where = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"config.toml: unknown key {where!r}; {_known(detail['loc'])}."
    if detail["type"] == "missing":
        return f"config.toml: the key {where!r} is missing; add it."
    message = detail["msg"].removeprefix("Value error, ")
    found = detail["input"]
    shown = "" if isinstance(found, dict | BaseModel) else f" is {found!r}"
    place = f"{where}{shown}: " if where else ""
    return f"config.toml: {place}{message[0].lower()}{message[1:]}."


def _known(location: tuple[int | str, ...]) -> str:
    model: Any = Settings
    for part in location[:-1]:
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        model = getattr(field, "annotation", None)
    if not hasattr(model, "model_fields"):
        model = Gate if location[0] == "gates" else Resources
    return f"the keys here are {', '.join(model.model_fields)}"
