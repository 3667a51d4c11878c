import numpy as np
import optuna
import pytest
from sklearn.metrics import roc_auc_score

from components.training.candidates import FAMILIES, build, dummy, untuned_linear

optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture(params=list(FAMILIES))
def family(request):
    return FAMILIES[request.param]


def test_families_are_found_by_their_own_names():
    assert all(name == family.name for name, family in FAMILIES.items())


def test_simplicity_orders_the_families():
    assert sorted(family.simplicity for family in FAMILIES.values()) == list(range(len(FAMILIES)))


def test_the_default_lies_within_the_space(family):
    assert family.suggest(optuna.trial.FixedTrial(family.default)) == family.default


def test_every_corner_of_the_space_can_be_built(family, people):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        params = family.suggest(study.ask())
        assert params == {
            name: build(family, params, people.columns, 0)["model"].get_params()[name] for name in params
        }


def test_a_pipeline_prepares_features_then_models(family, people):
    assert list(build(family, family.default, people.columns, 0).named_steps) == ["features", "model"]


def test_it_learns_what_there_is_to_learn(family, people):
    model = build(family, family.default, people.columns, 0).fit(people.X[:1000], people.y[:1000])
    assert roc_auc_score(people.y[1000:], model.predict_proba(people.X[1000:])[:, 1]) > 0.65


def test_the_same_seed_gives_the_same_model(family, people):
    one, two = (
        build(family, family.default, people.columns, 3)
        .fit(people.X[:500], people.y[:500])
        .predict_proba(people.X)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, two)


def test_sample_weights_reach_the_model(family, people):
    weight = np.where(people.y == 1, 1.0, 20.0)
    plain, weighted = (
        build(family, family.default, people.columns, 0)
        .fit(people.X, people.y, model__sample_weight=given)
        .predict_proba(people.X)[:, 1]
        .mean()
        for given in (None, weight)
    )
    assert weighted < plain / 2


def test_gaps_empty_columns_and_new_categories_are_survived(family, people):
    X = people.X.copy()
    X.iloc[::3, 0] = np.nan
    X["education"] = np.nan
    later = X.head(3).assign(education=12.0, relationship="in a lighthouse")
    score = build(family, family.default, people.columns, 0).fit(X, people.y).predict_proba(later)
    assert np.isfinite(score).all()


def test_a_forest_gets_numbers_in_the_precision_it_computes_in(people):
    X = people.X.assign(age=people.X["age"] + 1e-12)
    forest = FAMILIES["random_forest"]
    prepared = build(forest, forest.default, people.columns, 0)["features"].fit_transform(X)
    np.testing.assert_array_equal(prepared, prepared.astype(np.float32))


def test_the_untuned_baseline_is_plain_logistic_regression(people):
    model = untuned_linear(people.columns, 0).fit(people.X, people.y)
    assert model["model"].C == 1.0
    assert roc_auc_score(people.y, model.predict_proba(people.X)[:, 1]) > 0.7


def test_the_dummy_predicts_the_weighted_share_of_positives(people):
    weight = np.where(people.y == 1, 1.0, 3.0)
    model = dummy(people.columns, 0).fit(people.X, people.y, model__sample_weight=weight)
    assert model.predict_proba(people.X)[:, 1] == pytest.approx(np.average(people.y, weights=weight))
