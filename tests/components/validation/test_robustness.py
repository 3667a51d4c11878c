from functools import cache

import numpy as np
import pytest

from components.training.candidates import untuned_linear
from components.training.features import MISSING, Columns, inputs
from components.validation.robustness import UNSEEN, robustness_report
from tests.components.films import COLUMNS as MIXED
from tests.components.films import films
from tests.components.validation.sample import people

COLUMNS = Columns(("age", "education", "foreign_born"), ("marital_status", "military"))
X = inputs(people().frame, COLUMNS)


@cache
def model():
    half = len(X) // 2
    return untuned_linear(COLUMNS, seed=0).fit(X[:half], people().y[:half])


def score(X):
    return model().predict_proba(X)[:, 1]


def report(scored_by=score, *, metric="roc_auc", seed=1, **options):
    return robustness_report(scored_by, X, people().y, columns=COLUMNS, metric=metric, seed=seed, **options)


def spoiled_tables(**options):
    """The tables that the model was asked to score: the clean one first."""
    tables = []

    def keep(X):
        tables.append(X.copy())
        return score(X)

    return tables, report(keep, **options).perturbations


def table(kind, feature=None, **options):
    tables, perturbations = spoiled_tables(**options)
    found = [(each.kind, each.feature) for each in perturbations].index((kind, feature))
    return tables[1 + found]


def test_the_whole_table_comes_first_then_each_feature():
    found = [(each.kind, each.feature) for each in report().perturbations]
    assert found[:4] == [("missing", None), ("category_noise", None), ("shift", None), ("shift", None)]
    assert {("missing", name) for name in COLUMNS.names} <= set(found[4:])


def test_numbers_shift_and_choices_are_mixed_up():
    single = {(each.kind, each.feature) for each in report().perturbations if each.feature}
    assert {feature for kind, feature in single if kind == "shift"} == {"age", "education"}
    mixed = {feature for kind, feature in single if kind == "category_noise"}
    assert mixed == {"foreign_born", "marital_status", "military"}


def test_values_go_missing_in_the_stated_fraction_of_cells():
    spoiled = table("missing", missing=0.2)
    assert spoiled["age"].isna().mean() == pytest.approx(0.2, abs=0.03)
    assert (spoiled["military"] == MISSING).mean() == pytest.approx(0.2, abs=0.03)


def test_half_of_the_mixed_up_categories_were_never_seen():
    spoiled = table("category_noise", noise=0.2)
    assert (spoiled["marital_status"] == UNSEEN).mean() == pytest.approx(0.1, abs=0.03)
    others = (spoiled["marital_status"] != X["marital_status"]) & (spoiled["marital_status"] != UNSEEN)
    assert 0.03 < others.mean() < 0.1


def test_a_yes_or_no_that_is_mixed_up_is_still_one():
    spoiled = table("category_noise", noise=0.5)["foreign_born"]
    assert set(spoiled) == {0.0, 1.0}
    assert (spoiled != X["foreign_born"]).any()


def test_numbers_shift_up_and_down_by_a_part_of_their_deviation():
    tables, perturbations = spoiled_tables(shift=0.3)
    shifts = [
        (each.strength, (spoiled["age"] - X["age"]).to_numpy())
        for each, spoiled in zip(perturbations, tables[1:], strict=True)
        if each.kind == "shift" and each.feature is None
    ]
    assert [strength for strength, _ in shifts] == [0.3, -0.3]
    for strength, moved in shifts:
        assert moved == pytest.approx(np.full(len(X), strength * X["age"].std(ddof=0)))


def test_only_the_named_feature_is_spoiled():
    spoiled = table("missing", "age", feature_rows=len(X))
    assert spoiled["age"].isna().any()
    assert spoiled.drop(columns="age").equals(X.drop(columns="age"))


def test_the_given_table_stays_as_it_was():
    before = X.copy()
    report()
    assert X.equals(before)


def test_a_model_that_reads_nothing_loses_nothing():
    for each in report(lambda X: np.full(len(X), 0.5)).perturbations:
        assert (each.drop.low, each.drop.value, each.drop.high) == (0, 0, 0)


def test_without_any_value_nothing_is_left_of_the_ranking():
    whole = report(missing=1.0).perturbations[0].drop
    clean = report(missing=0.0).perturbations[0].drop
    assert clean.value == 0
    assert whole.low > 0.1


def test_the_feature_that_the_model_leans_on_costs_most():
    scored = report(missing=0.5).perturbations
    single = {each.feature: each.drop.value for each in scored if each.kind == "missing" and each.feature}
    assert max(single, key=single.get) == "education"


def test_a_loss_is_above_0_where_less_is_better_too():
    assert report(metric="log_loss", missing=0.5).perturbations[0].drop.low > 0


def test_single_features_are_spoiled_on_some_rows_only():
    tables, perturbations = spoiled_tables(feature_rows=300)
    sizes = {len(spoiled) for each, spoiled in zip(perturbations, tables[1:], strict=True) if each.feature}
    assert sizes == {300}


def test_the_seed_decides():
    assert report() == report()
    assert report() != report(seed=2)


def test_weights_and_groups_count():
    sample = people()
    plain = report(missing=0.5).perturbations[0].drop
    designed = report(missing=0.5, sample_weight=sample.weight, groups=sample.group).perturbations[0].drop
    assert designed.value != plain.value


def test_dates_shift_texts_are_swapped_and_both_go_missing():
    rows, y = films().X[:600], films().y[:600]
    tables = []

    def keep(X):
        tables.append(X.copy())
        return np.linspace(0, 1, len(X))

    made = robustness_report(keep, rows, y, columns=MIXED, metric="roc_auc", seed=0)
    spoiled = {
        (each.kind, each.feature): table for each, table in zip(made.perturbations, tables[1:], strict=True)
    }
    shifted = (spoiled["shift", "released"]["released"] - rows["released"]).dropna()
    np.testing.assert_allclose(shifted, 0.1 * rows["released"].std(ddof=0), rtol=1e-6)
    swapped = spoiled["category_noise", "title"]["title"]
    assert (swapped != rows["title"]).sum() > 30
    assert set(swapped) <= set(rows["title"])
    assert (spoiled["missing", "title"]["title"] == "").sum() > (rows["title"] == "").sum() + 30
    assert spoiled["missing", "premiered"]["premiered"].isna().sum() > rows["premiered"].isna().sum() + 30
    assert UNSEEN in set(spoiled["category_noise", "genres"]["genres"])
