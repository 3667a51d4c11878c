import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.inspection import permutation_importance as scikit_learns
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline

from components.training.candidates import untuned_linear
from components.training.features import Columns, inputs
from components.validation.importance import PermutationImportance, permutation_importance

COLUMNS = Columns(("age", "education", "disability"), ("relationship",))


@pytest.fixture(scope="module")
def people() -> tuple[pd.DataFrame, NDArray[np.int64]]:
    table = pd.read_parquet("data/acs_employment_ma_18_64.parquet")
    table = table[table["year"] == 2015].sample(6000, random_state=3).reset_index(drop=True)
    X = inputs(table, COLUMNS).assign(noise=np.random.default_rng(0).normal(size=len(table)))
    return X, table["employed"].to_numpy(dtype=np.int64)


@pytest.fixture(scope="module")
def model(people: tuple[pd.DataFrame, NDArray[np.int64]]) -> Pipeline:
    X, y = people
    return untuned_linear(COLUMNS, 0).fit(X.iloc[:2000], y[:2000])


@pytest.fixture(scope="module", params=["roc_auc", "log_loss"])
def importance(
    request: pytest.FixtureRequest, people: tuple[pd.DataFrame, NDArray[np.int64]], model: Pipeline
) -> PermutationImportance:
    return measured(people, model, request.param)


def measured(
    people: tuple[pd.DataFrame, NDArray[np.int64]], model: Pipeline, metric: str
) -> PermutationImportance:
    X, y = (part[2000:] for part in people)
    return permutation_importance(lambda table: model.predict_proba(table)[:, 1], X, y, metric=metric)


def test_a_column_that_the_model_does_not_read_is_useless(importance: PermutationImportance) -> None:
    assert importance.useless == ("noise",)
    assert importance.loss["noise"].value == pytest.approx(0)


def test_every_other_column_is_worth_more_than_nothing(importance: PermutationImportance) -> None:
    for name in COLUMNS.names:
        assert importance.loss[name].low > 0, name


def test_losses_are_scikit_learns_within_the_interval(
    importance: PermutationImportance, people: tuple[pd.DataFrame, NDArray[np.int64]], model: Pipeline
) -> None:
    X, y = (part[2000:] for part in people)
    scoring = {"roc_auc": "roc_auc", "log_loss": "neg_log_loss"}[importance.metric]
    peer = scikit_learns(model, X, y, scoring=scoring, n_repeats=5, random_state=1)
    for name, value in zip(X.columns, peer.importances_mean, strict=True):
        loss = importance.loss[name]
        assert loss.low - 1e-12 <= value <= loss.high + 1e-12, name


def test_the_gain_is_over_the_same_score_for_all(
    people: tuple[pd.DataFrame, NDArray[np.int64]], model: Pipeline
) -> None:
    X, y = (part[2000:] for part in people)
    constant = log_loss(y, np.full(len(y), y.mean()))
    gain = measured(people, model, "log_loss").gain
    assert gain == pytest.approx(constant - log_loss(y, model.predict_proba(X)[:, 1]))


def test_intervals_cover_93_to_97_times_in_100() -> None:
    """400 rows, 250 draws; two columns that matter, one more than the other, log loss."""

    def score(X: pd.DataFrame) -> NDArray[np.float64]:
        return np.asarray(expit(1.5 * X["a"] + 0.5 * X["b"] * X["a"]))

    def draw(generator: np.random.Generator, rows: int) -> tuple[pd.DataFrame, NDArray[np.int64]]:
        X = pd.DataFrame(generator.normal(size=(rows, 2)), columns=["a", "b"])
        return X, (generator.random(rows) < expit(X["a"] - 0.5 * X["b"])).to_numpy(dtype=np.int64)

    generator = np.random.default_rng(1)
    X, y = draw(generator, 400_000)
    shuffled = {name: X.assign(**{name: generator.permutation(X[name])}) for name in X}
    truth = {name: log_loss(y, score(table)) - log_loss(y, score(X)) for name, table in shuffled.items()}
    covered = []
    for seed in range(250):
        X, y = draw(generator, 400)
        loss = permutation_importance(score, X, y, metric="log_loss", seed=seed).loss
        covered += [loss[name].low <= truth[name] <= loss[name].high for name in truth]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_weights_count_like_rows(people: tuple[pd.DataFrame, NDArray[np.int64]], model: Pipeline) -> None:
    """Rows without weight lose nothing, whatever is shuffled."""
    X, y = people[0].iloc[2000:4000], people[1][2000:4000]
    weight = (X["age"] > 40).to_numpy(dtype=float)
    weighted = permutation_importance(
        lambda table: model.predict_proba(table)[:, 1], X, y, metric="log_loss", sample_weight=weight
    )
    gain = log_loss(y[weight > 0], np.full(int(weight.sum()), y[weight > 0].mean())) - log_loss(
        y[weight > 0], model.predict_proba(X[weight > 0])[:, 1]
    )
    assert weighted.gain == pytest.approx(gain)


def test_with_many_columns_fewer_rows_are_shuffled(people: tuple[pd.DataFrame, NDArray[np.int64]]) -> None:
    X, y = people
    wide = pd.DataFrame({f"column {i}": X["age"] for i in range(100)})
    found = permutation_importance(lambda table: table["column 0"].to_numpy() / 100, wide, y)
    assert found.rows == 500


def test_the_same_seed_gives_the_same_losses(
    people: tuple[pd.DataFrame, NDArray[np.int64]], model: Pipeline
) -> None:
    assert measured(people, model, "roc_auc") == measured(people, model, "roc_auc")


def test_rows_that_come_together_say_less(
    people: tuple[pd.DataFrame, NDArray[np.int64]], model: Pipeline
) -> None:
    """Every person four times: with the groups known the interval is about twice as wide."""
    X, y = people[0].iloc[2000:3000], people[1][2000:3000]
    four, who = pd.concat([X] * 4, ignore_index=True), np.tile(np.arange(len(X)), 4)

    def width(groups: NDArray[np.int64] | None) -> float:
        found = permutation_importance(
            lambda table: model.predict_proba(table)[:, 1], four, np.tile(y, 4), groups=groups
        )
        return found.loss["education"].high - found.loss["education"].low

    assert width(who) / width(None) == pytest.approx(2, rel=0.25)
