"""Settings: config.toml, typed and frozen; what it does not know, it refuses."""

import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from components.errors import ConfigError
from components.sections import (
    Compute,
    Data,
    Deploy,
    Documents,
    Evaluation,
    Fairness,
    Features,
    Gate,
    Monitoring,
    Objective,
    Project,
    Resources,
    Retraining,
    Scoring,
    Search,
    Section,
    Serving,
    Split,
    StoreSettings,
    Tracking,
)

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
    def _the_log_is_kept_until_labels_come(self) -> Self:
        window = {"hour": 1, "day": 1, "week": 7, "month": 31, "year": 366}[self.monitoring.window]
        kept, needed = self.serving.log_days, 2 * (self.monitoring.label_delay_days + window)
        if kept and kept <= needed:
            raise ValueError(
                f"serving.log_days is {kept}, but labels are waited for monitoring.label_delay_days after the end of a "
                f"{self.monitoring.window}, and may be for predictions of a {self.monitoring.window} that ended so long before; "
                f"keep the log for more than {needed:g} days, twice both, or for ever (0)"
            )
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
                "answer requests with make retrain"
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
