"""Why the model scores as it does: contributions of the columns, in general, by group and in single rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.errors import DataError
from components.training.features import Columns, readable
from components.validation.attribution import Attribution, Unit, attribution, raw_output, stages
from components.validation.groups import groups_of
from components.validation.importance import PermutationImportance, permutation_importance
from components.validation.metrics import Estimate, Rule
from components.validation.resampling import Groups

if TYPE_CHECKING:
    from components.training.fitting import AnyPredictor

Floats = NDArray[np.float64]

CONTRIBUTION = "contribution_"
MIN_GROUP_ROWS = 20
MIN_ROWS = 50


@dataclass(frozen=True)
class Explanation:
    """Contributions of each column to the model's output before recalibration, on rows of the holdout.

    Attributes:
        names: The columns that contribute.
        unit: ``log-odds``, or ``probability`` for forests, which average probabilities, and for sampled contributions.
        method: ``linear`` and ``trees`` are exact, ``sampled`` is an estimate.
        base_value: The output that no column explains.
        values: Contributions, (rows, names); of several classes those to ``outcome``.
        X: The same rows' columns, in the same order.
        importance: Mean absolute contribution by column.
        by_group: The same within each large enough group, by sensitive feature and group.
        additivity_error: Largest distance between base value plus contributions and the model's own output.
        permutation: Loss of a metric when one column is shuffled.
        permutation_metric: Which metric.
        useless: Columns of no use, by ``useless_rule``.
        useless_rule: When a column counts as useless, in words.
        cases: Single rows with their contributions; ready for Parquet.
        note: How to read the contributions, and how many rows they are of.
        outcome: Of several classes the one whose output is explained; "" for two classes, and for numbers.
        outcomes: Of several classes, the base value and the contributions of each by its name.
        texts: The columns that hold free text.
    """

    names: tuple[str, ...]
    unit: Unit
    method: str
    base_value: float
    values: Floats
    X: pd.DataFrame
    importance: dict[str, float]
    by_group: dict[str, dict[str, dict[str, float]]]
    additivity_error: float
    permutation: dict[str, Estimate]
    permutation_metric: str
    useless: tuple[str, ...]
    useless_rule: str
    cases: pd.DataFrame
    note: str
    texts: tuple[str, ...] = ()
    outcome: str = ""
    outcomes: Mapping[str, tuple[float, Floats]] = field(default_factory=dict)

    def of(self, outcome: str) -> Explanation:
        """The explanation of another class's output."""
        base_value, values = self.outcomes[outcome]
        return replace(self, outcome=outcome, base_value=base_value, values=values)

    @property
    def rows(self) -> int:
        """Sampled rows."""
        return len(self.values)

    @property
    def top(self) -> list[str]:
        """The columns by falling importance."""
        return sorted(self.importance, key=lambda name: -self.importance[name])


def explain(
    predictor: AnyPredictor,
    X: pd.DataFrame,
    y_true: NDArray[Any],
    *,
    classes: Sequence[str] = (),
    columns: Columns | None = None,
    sensitive_features: pd.DataFrame | None = None,
    sample_weight: Floats | None = None,
    groups: Groups | None = None,
    metric: str = "roc_auc",
    rows: int = 2000,
    cases: int = 20,
    seconds: float = 3.0,
    seed: int = 0,
) -> Explanation:
    """The explanation of a predictor on rows that it was not trained on.

    Args:
        predictor: Fitted.
        X: Model inputs, (n, columns).
        y_true: Codes, or numbers, shape (n,).
        classes: The names of several classes by their codes.
        columns: The features, so that dates are shown as dates.
        sensitive_features: One column a feature, (n, features), for importance by group.
        sample_weight: Shape (n,); weighs rows in every mean.
        groups: What rows come in together, shape (n,), for the intervals of permutation importance.
        metric: Whose loss measures permutation importance.
        rows: To sample for contributions.
        cases: Single rows of each kind.
        seconds: About how long contributions may take; slow models have fewer rows explained. The number depends on
            the model's size alone, so that the result is the same on every machine.
        seed: Of every draw.

    Raises:
        DataError: There are no rows.
    """
    if not len(X):
        raise DataError("There are no rows to explain; enlarge the holdout.")
    X, y_true = X.reset_index(drop=True), np.asarray(y_true)
    y_score, y_pred = predictor.respond(X), predictor.predict(X)
    parts = stages(predictor.pipeline)
    drawn = np.random.default_rng(seed).permutation(len(X))
    explainer = attribution(parts, parts.columns(X.iloc[drawn[:rows]]), seed=seed)
    affordable = explainer.rows_within(seconds)
    kinds = chosen_cases(y_true, y_score, predictor.rule, min(cases, max(affordable // 8, 5)))
    single = np.concatenate(list(kinds.values()))
    sample = np.sort(drawn[: min(rows, max(affordable - len(single), MIN_ROWS))])
    explained = X.iloc[np.concatenate([sample, single])]
    made, features = parts.columns(explained), columns or Columns((), ())
    every, shown = explainer.values(made), readable(made, features)
    error = additivity_error(
        every, explainer.base_value, raw_output(predictor.pipeline, explained, explainer.unit), explainer.unit
    )
    values, weight = every[: len(sample)], np.ones(len(X)) if sample_weight is None else sample_weight
    outcomes = {
        name: (float(np.ravel(explainer.base_value)[code]), values[:, :, code])
        for code, name in enumerate(classes)
    }
    first = max(outcomes, key=lambda name: float(np.abs(outcomes[name][1]).sum()), default="")
    base_value, told = outcomes[first] if first else (float(np.ravel(explainer.base_value)[0]), values)
    decided = y_pred[single] if classes else None
    permutation = permutation_importance(
        predictor.respond,
        X,
        y_true,
        metric=metric,
        threshold=predictor.rule,
        sample_weight=sample_weight,
        groups=groups,
        seed=seed,
    )
    sensitive = pd.DataFrame(index=X.index) if sensitive_features is None else sensitive_features
    return Explanation(
        names=explainer.names,
        unit=explainer.unit,
        method=explainer.method,
        base_value=base_value,
        values=told,
        X=shown.iloc[: len(sample)].reset_index(drop=True),
        importance=_importance(explainer.names, values, weight[sample]),
        by_group=importance_by_group(explainer.names, values, sensitive.iloc[sample], weight[sample]),
        additivity_error=error,
        permutation=dict(permutation.loss),
        permutation_metric=permutation.metric,
        useless=permutation.useless,
        useless_rule=_rule(permutation),
        cases=case_table(
            kinds,
            shown.iloc[len(sample) :],
            _to(every[len(sample) :], decided),
            explainer.names,
            pd.DataFrame(
                {
                    "y_true": y_true[single],
                    "y_score": _to(y_score[single], decided),
                    "y_pred": y_pred[single],
                    "base_value": _to(np.broadcast_to(explainer.base_value, y_score[single].shape), decided),
                }
            ),
        ),
        note=_note(explainer, len(sample), rows, len(X)),
        outcome=first,
        outcomes=outcomes,
        texts=features.texts,
    )


def _to(values: Floats, decided: NDArray[np.int64] | None) -> Floats:
    """Of several classes (the last axis), what belongs to the one that each row is decided to be."""
    return values if decided is None else values[np.arange(len(values)), ..., decided]


def additivity_error(
    values: Floats, base_value: float | Floats, output: Floats, unit: Unit = "log-odds"
) -> float:
    """The largest distance between base value plus contributions and the model's own output; infinite if undefined.

    Numbers may be of any size: their distance is in standard deviations of the output.
    """
    distance = np.abs(values.sum(axis=1) + base_value - output)
    if unit == "units of the target":
        distance = distance / (float(np.std(output)) or 1.0)
    return float(np.max(np.nan_to_num(distance, nan=np.inf)))


def importance_by_group(
    names: tuple[str, ...], values: Floats, sensitive_features: pd.DataFrame, weight: Floats
) -> dict[str, dict[str, dict[str, float]]]:
    """Mean absolute contribution of each column in each group of at least MIN_GROUP_ROWS rows, by sensitive feature."""
    by_group: dict[str, dict[str, dict[str, float]]] = {}
    for feature in sensitive_features.columns:
        groups = groups_of(sensitive_features[feature])
        members = {label: groups.codes == code for code, label in enumerate(groups.labels)}
        by_group[groups.feature] = {
            label: _importance(names, values[inside], weight[inside])
            for label, inside in members.items()
            if inside.sum() >= MIN_GROUP_ROWS
        }
    return by_group


def chosen_cases(
    y_true: NDArray[Any], y_score: Floats, rule: Rule, count: int
) -> Mapping[str, NDArray[np.int64]]:
    """Positions of the rows furthest from their outcome, and of those that could as well be decided otherwise.

    Of numbers, those predicted most too high, and most too low.
    """
    if y_true.dtype.kind == "f":
        ranks = {"too_high": y_true - y_score, "too_low": y_score - y_true}
    elif y_score.ndim == 1:
        ranks = {"most_wrong": -np.abs(y_true - y_score), "borderline": np.abs(y_score - rule)}
    else:
        first, second = np.sort(y_score @ rule, axis=1)[:, ::-1][:, :2].T
        ranks = {"most_wrong": y_score[np.arange(len(y_true)), y_true], "borderline": first - second}
    return {kind: np.argsort(rank, kind="stable")[:count] for kind, rank in ranks.items()}


def case_table(
    kinds: Mapping[str, NDArray[np.int64]],
    columns: pd.DataFrame,
    values: Floats,
    names: Sequence[str],
    said: pd.DataFrame,
) -> pd.DataFrame:
    """Single rows explained: ``kind``, ``row`` (position), what was said, each column and ``contribution_<column>``.

    A column that is itself called ``kind`` or like another of these facts is there as ``feature_kind``.
    ``columns``, ``values`` and ``said`` are of the rows of ``kinds``, one kind after the other.
    """
    facts = pd.DataFrame(
        {
            "kind": np.repeat(list(kinds), [len(positions) for positions in kinds.values()]),
            "row": np.concatenate(list(kinds.values())),
        }
    )
    contributions = pd.DataFrame(values, columns=[CONTRIBUTION + name for name in names])
    taken = [*facts.columns, *said.columns]
    named = columns.reset_index(drop=True).rename(columns={name: f"feature_{name}" for name in taken})
    return pd.concat([facts, said, named, contributions], axis=1)


def beeswarm(explanation: Explanation, most: int = 10) -> pd.DataFrame:
    """A row a dot of the beeswarm: ``feature``, ``contribution``, ``position`` of its value, 0 lowest to 1 highest.

    The position of a category, and of a missing value, is NaN: it has no order.
    """
    parts = []
    for name in explanation.top[:most]:
        column = explanation.X[name]
        ordered = pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column)
        ranks = column.rank(method="average") if ordered else pd.Series(np.nan, index=column.index)
        position = (ranks - 1) / max(len(column) - 1, 1)
        values = explanation.values[:, explanation.names.index(name)]
        parts.append(pd.DataFrame({"feature": name, "contribution": values, "position": position}))
    return pd.concat(parts, ignore_index=True)


def dependence(explanation: Explanation, most: int = 4) -> dict[str, pd.DataFrame]:
    """For the columns of greatest importance, each row's ``value`` and ``contribution``."""
    return {
        name: pd.DataFrame(
            {
                "value": explanation.X[name],
                "contribution": explanation.values[:, explanation.names.index(name)],
            }
        )
        for name in explanation.top[:most]
    }


def _importance(names: tuple[str, ...], values: Floats, weight: Floats) -> dict[str, float]:
    sizes = np.abs(values).mean(axis=2) if values.ndim == 3 else np.abs(values)
    return dict(zip(names, np.average(sizes, axis=0, weights=weight).tolist(), strict=True))


def _note(explainer: Attribution, sampled: int, asked: int, rows: int) -> str:
    short = (
        f" {asked:,} were asked for, but this model is slow to explain." if sampled < min(asked, rows) else ""
    )
    return (
        f"Contributions ({explainer.method}) to the score in {explainer.unit} before recalibration, on {sampled:,} rows "
        f"drawn from {rows:,}.{short} They say what the model does, not what causes what."
    )


def _rule(permutation: PermutationImportance) -> str:
    return (
        f"Shuffled on {permutation.rows:,} rows, {permutation.repeats} times, the column costs, at the upper end of the "
        f"interval, at most {permutation.tolerance:.2g} of {permutation.metric}: a hundredth of what the model gains over "
        "one score for all. Columns that say the same can each look useless: leave out one at a time."
    )
