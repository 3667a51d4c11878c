from dataclasses import replace

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from components.errors import ConfigError, DataError
from components.training.candidates import FAMILIES, LINEAR, Family, build
from components.training.folds import split
from components.training.search import SearchResult, Trial, choose, search


@pytest.fixture(scope="module")
def run(people):
    """A search of the linear family with four trials on three folds, unless told otherwise."""
    usual = {"family": LINEAR, "metric": "roc_auc", "trials": 4, "folds": 3, "patience": 9, "seed": 0}
    return lambda **options: search(people.X, people.y, columns=people.columns, **(usual | options))


@pytest.fixture(scope="module")
def result(run) -> SearchResult:
    return run()


def family(estimator, space, default) -> Family:
    """A family of one whole-numbered parameter `size`."""
    return Family(
        "own", 0, "tree", default, lambda trial: {"size": trial.suggest_int("size", *space)}, estimator
    )


def stump(params, seed, task="binary"):
    """A small tree of the given depth."""
    return DecisionTreeClassifier(max_depth=params["size"], min_samples_leaf=40, random_state=seed)


def broken_unless_three(params, seed, task):
    if params["size"] != 3:
        raise MemoryError(f"{params['size']} is too much")
    return stump(params, seed)


def without_times(result: SearchResult) -> SearchResult:
    trials = tuple(replace(trial, seconds=0.0) for trial in result.trials)
    return replace(result, trials=trials, best=replace(result.best, seconds=0.0))


def test_the_default_is_tried_first(result):
    assert result.trials[0].params == LINEAR.default


def test_the_best_trial_is_the_result(result):
    assert result.best == max(result.trials, key=lambda trial: trial.score)
    assert result.score == result.best.score
    assert result.standard_error == result.best.standard_error


def test_scores_are_those_of_whole_pipelines_on_the_same_folds(result, people):
    pipeline = build(LINEAR, LINEAR.default, people.columns, 0)
    folds = split(people.y, folds=3, seed=0)
    expected = cross_val_score(pipeline, people.X, people.y, scoring="roc_auc", cv=folds)
    assert result.trials[0].fold_scores == pytest.approx(expected, abs=1e-12)


def test_the_same_seed_and_data_give_the_same_search(run, result):
    assert without_times(run()) == without_times(result)


SMALL = {
    "gradient_boosting": {"max_iter": 2, "max_leaf_nodes": 4},
    "random_forest": {"n_estimators": 5},
}


@pytest.mark.parametrize("name", list(SMALL))
def test_the_number_of_threads_changes_nothing(run, name):
    whole = FAMILIES[name]
    small = replace(whole, estimator=lambda *given: whole.estimator(*given).set_params(**SMALL[name]))
    results = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            results.append(run(family=small, trials=2, folds=2))
    assert without_times(results[0]) == without_times(results[1])


def test_another_seed_gives_other_folds_and_suggestions(run, result):
    other = run(seed=1)
    assert other.trials[0].fold_scores != result.trials[0].fold_scores
    assert other.trials[1].params != result.trials[1].params


def test_the_seed_reaches_the_estimators(run):
    seeds = []
    noted = family(lambda params, seed, task: seeds.append(seed) or stump(params, seed), (3, 3), {"size": 3})
    run(family=noted, trials=1, seed=7)
    assert set(seeds) == {7}


def test_each_trial_is_reported_with_the_best_score_so_far(run):
    seen: list[tuple[Trial, float]] = []
    result = run(report=lambda trial, best: seen.append((trial, best)))
    assert tuple(trial for trial, _ in seen) == result.trials
    scores = [trial.score if trial.state == "complete" else -np.inf for trial in result.trials]
    assert [best for _, best in seen] == np.maximum.accumulate(scores).tolist()


def test_a_hopeless_trial_is_given_up_after_a_fold(run):
    hopeless = family(
        lambda params, seed, task: stump(params, seed) if params["size"] == 4 else DummyClassifier(),
        (3, 4),
        {"size": 4},
    )
    pruned = [trial for trial in run(family=hopeless, trials=6).trials if trial.params["size"] == 3]
    assert {(trial.state, trial.fold_scores) for trial in pruned} == {("pruned", (0.5,))}


def test_a_search_stops_when_patience_brought_nothing(run):
    result = run(family=family(stump, (3, 3), {"size": 3}), trials=10, patience=2)
    assert len(result.trials) == 3


def test_a_search_goes_on_while_it_gains(run):
    """A default that guesses, then trees: the first of them is worth another trial."""
    gaining = family(
        lambda params, seed, task: stump(params, seed) if params["size"] else DummyClassifier(),
        (0, 50),
        {"size": 0},
    )
    assert len(run(family=gaining, trials=3, patience=1).trials) == 3


def test_a_failed_trial_is_recorded_and_the_others_go_on(run):
    result = run(family=family(broken_unless_three, (2, 4), {"size": 4}), trials=8)
    assert result.trials[0].state == "failed"
    assert result.trials[0].error == "MemoryError: 4 is too much"
    assert result.best.params == {"size": 3}


def test_if_every_trial_fails_the_first_reason_is_given(run):
    with pytest.raises(
        DataError, match=r"All 2 trials of 'own' failed.*MemoryError: 4 is too much.*candidates\.py"
    ):
        run(family=family(broken_unless_three, (4, 4), {"size": 4}), trials=2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_a_score_that_is_no_number_is_a_failure(people):
    """There is no ranking of one class: the positives weigh nothing."""
    guess = family(lambda params, seed, task: DummyClassifier(), (1, 1), {"size": 1})
    usual = {"family": guess, "columns": people.columns, "trials": 1, "folds": 2, "patience": 1, "seed": 0}
    with pytest.raises(DataError, match="its score is nan"):
        search(people.X, people.y, metric="roc_auc", sample_weight=1.0 - people.y, **usual)


def test_an_unknown_metric_is_refused_before_any_trial(run):
    with pytest.raises(ConfigError, match="auc"):
        run(metric="auc")


def test_a_loss_is_made_small(run):
    result = run(metric="log_loss", trials=3)
    assert -0.7 < result.score < 0
    assert result.score == max(trial.score for trial in result.trials if trial.state == "complete")


@pytest.mark.parametrize("spoiled", [0.0, 1.0])
def test_rows_of_weight_0_count_neither_in_fitting_nor_in_scoring(people, spoiled):
    weight = np.where(np.arange(len(people.y)) % 3 == 0, spoiled, 1.0)
    mixed = people.X.copy()
    mixed.loc[::3] = people.X.loc[::3].sample(frac=1, random_state=0).to_numpy()
    usual = {
        "family": family(stump, (4, 4), {"size": 4}),
        "metric": "roc_auc",
        "trials": 1,
        "folds": 2,
        "patience": 1,
    }
    clean, spoilt = (
        search(X, people.y, columns=people.columns, sample_weight=weight, seed=0, **usual).score
        for X in (people.X, mixed)
    )
    assert (clean == spoilt) == (spoiled == 0.0)


def test_groups_share_a_fold(people):
    """Copies of a row give the target away to a deep tree, unless they share a fold."""
    X = people.X.loc[people.X.index.repeat(4)]
    y, groups = people.y.repeat(4), np.arange(len(people.y)).repeat(4)
    deep = family(lambda params, seed, task: DecisionTreeClassifier(random_state=seed), (1, 1), {"size": 1})
    apart, together = (
        search(
            X,
            y,
            family=deep,
            columns=people.columns,
            metric="roc_auc",
            trials=1,
            folds=2,
            patience=1,
            seed=0,
            groups=given,
        ).score
        for given in (None, groups)
    )
    assert apart > 0.9
    assert together < 0.75


def result_of(name: str, simplicity: int, *fold_scores: float) -> SearchResult:
    best = Trial(0, {}, fold_scores, "complete", 0.0)
    return SearchResult(name, (best,), best, best.score, best.standard_error, simplicity)


BOOSTING = result_of("boosting", 1, 0.78, 0.76, 0.80)  # 0.78 with a standard error of 0.0115


def test_the_highest_score_wins_where_the_simpler_is_far():
    assert choose([result_of("linear", 0, 0.76, 0.74, 0.78), BOOSTING]) is BOOSTING


def test_a_simpler_family_within_a_standard_error_wins():
    linear = result_of("linear", 0, 0.77, 0.75, 0.79)
    assert choose([BOOSTING, linear]) is linear


def test_a_family_that_is_not_simpler_must_be_better():
    assert choose([BOOSTING, result_of("forest", 2, 0.779, 0.759, 0.799)]) is BOOSTING


def test_of_equally_simple_families_the_higher_score_wins():
    assert choose([result_of("other", 1, 0.779, 0.759, 0.799), BOOSTING]) is BOOSTING


def test_the_order_of_families_does_not_matter():
    linear, forest = result_of("linear", 0, 0.77, 0.75, 0.79), result_of("forest", 2, 0.779, 0.759, 0.799)
    assert choose([linear, BOOSTING, forest]) is choose([forest, BOOSTING, linear]) is linear
