import numpy as np
import pandas as pd
import pytest

from components.errors import ConfigError, DataError
from components.training import features
from components.training.features import MISSING, Columns, inputs, preprocessor, select

EXCLUDED = ("year", "sex", "race", "disability")


def test_numbers_and_categories_are_told_apart_by_the_contract_in_its_order(types):
    columns = select(types, target="employed", excluded=EXCLUDED)
    assert columns.numeric[:3] == ("age", "education", "foreign_born")
    assert columns.categorical[:2] == ("marital_status", "relationship")


def test_target_and_excluded_columns_are_no_features(types):
    columns = select(types, target="employed", excluded=EXCLUDED)
    assert not {"employed", *EXCLUDED} & set(columns.names)
    assert len(columns.names) == len(types) - 5


def test_texts_and_dates_are_features_of_their_own_kinds():
    columns = select({"note": "text", "age": "integer", "seen": "datetime"}, target="y", excluded=[])
    assert columns == Columns(("age",), (), ("seen",), ("note",))
    assert columns.kinds == {"age": "double", "seen": "datetime", "note": "text"}


def test_the_kinds_of_a_served_program_give_the_columns_back():
    columns = Columns(("age",), ("town",), ("seen",), ("note",))
    assert Columns.of_kinds(columns.kinds) == columns


def test_an_excluded_column_that_does_not_exist_is_named(types):
    with pytest.raises(ConfigError, match="gender"):
        select(types, target="employed", excluded=["gender"])


def test_nothing_left_to_learn_from_is_an_error():
    with pytest.raises(ConfigError, match="No feature is left"):
        select({"age": "integer", "employed": "boolean"}, target="employed", excluded=["age"])


def test_inputs_are_float64_numbers_and_text(table, people):
    X = inputs(table, people.columns)
    assert list(X.columns) == list(people.columns.names)
    assert set(X[list(people.columns.numeric)].dtypes) == {np.dtype(np.float64)}
    assert all(type(value) is str for value in X[list(people.columns.categorical)].to_numpy().ravel())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, None, False], [1.0, np.nan, 0.0]),
        (pd.array([True, None, False], dtype="boolean"), [1.0, np.nan, 0.0]),
        (pd.array([7, None, 9], dtype="Int16"), [7.0, np.nan, 9.0]),
        ([1.5, np.nan, -2], [1.5, np.nan, -2.0]),
    ],
)
def test_every_kind_of_number_and_gap_becomes_a_float(values, expected):
    X = inputs(pd.DataFrame({"x": values}), Columns(("x",), ()))
    np.testing.assert_array_equal(X["x"], expected)


@pytest.mark.parametrize("dtype", ["object", "str", "category"])
def test_every_kind_of_missing_category_is_called_missing(dtype):
    X = inputs(pd.DataFrame({"x": pd.Series(["a", None, "b"], dtype=dtype)}), Columns((), ("x",)))
    assert X["x"].tolist() == ["a", MISSING, "b"]


def test_rows_keep_their_index_and_do_not_influence_one_another(table, people):
    rows = table.iloc[[1500, 3, 77]]
    pd.testing.assert_frame_equal(inputs(rows, people.columns), people.X.loc[[1500, 3, 77]])


def test_an_infinite_number_is_refused_by_name():
    with pytest.raises(DataError, match="'x' holds infinite"):
        inputs(pd.DataFrame({"x": [1.0, np.inf]}), Columns(("x",), ()))


def test_text_in_a_numeric_column_is_refused_by_name():
    with pytest.raises(DataError, match="'x' is a numeric feature"):
        inputs(pd.DataFrame({"x": ["1", "many"]}), Columns(("x",), ()))


def test_an_absent_column_is_named(table, people):
    with pytest.raises(DataError, match="age"):
        inputs(table.drop(columns="age"), people.columns)


@pytest.mark.parametrize("kind", ["linear", "tree", "forest"])
def test_what_is_prepared_is_float64_with_a_name_a_column(people, kind):
    prepared = preprocessor(people.columns, kind).fit(people.X)
    X = prepared.transform(people.X)
    assert X.dtype == np.float64
    assert X.shape == (len(people.X), len(prepared.get_feature_names_out()))


@pytest.mark.parametrize("kind", ["linear", "forest"])
def test_models_that_cannot_read_gaps_get_none(people, kind):
    X = people.X.copy()
    X.iloc[::7, 0] = np.nan
    assert np.isfinite(preprocessor(people.columns, kind).fit(X[:800]).transform(X[800:])).all()


def test_trees_get_numbers_and_their_gaps_as_they_are(people):
    X = people.X.copy()
    X.iloc[::7, 0] = np.nan
    prepared = preprocessor(people.columns, "tree").fit_transform(X)
    np.testing.assert_array_equal(prepared[:, :6], X[list(people.columns.numeric)])


def test_a_category_that_is_rare_in_training_shares_its_column_with_new_ones(people):
    prepared = preprocessor(people.columns, "linear").fit(people.X)
    names = list(prepared.get_feature_names_out())
    column = names.index("category__relationship_infrequent_sklearn")
    rare = people.X["relationship"].value_counts().index[-1]
    two = people.X.head(2).assign(relationship=[rare, "in a lighthouse"])
    assert prepared.transform(two)[:, column].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(("kind", "code"), [("tree", np.nan), ("forest", -1.0)])
def test_a_new_category_is_told_apart_by_trees(people, kind, code):
    prepared = preprocessor(people.columns, kind).fit(people.X)
    one = people.X.head(1).assign(relationship="in a lighthouse")
    column = list(prepared.get_feature_names_out()).index("category__relationship")
    np.testing.assert_equal(prepared.transform(one)[0, column], code)


@pytest.mark.parametrize("columns", [Columns(("age", "education"), ()), Columns((), ("relationship",))])
@pytest.mark.parametrize("kind", ["linear", "tree", "forest"])
def test_one_kind_of_column_is_enough(people, columns, kind):
    X = people.X[list(columns.names)]
    prepared = preprocessor(columns, kind).fit(X)
    assert prepared.transform(X).shape == (len(X), len(prepared.get_feature_names_out()))


def _with_age_squared(X):
    return X.assign(age_squared=X["age"] ** 2, couple=X["marital_status"] + X["relationship"])


@pytest.mark.parametrize("kind", ["linear", "tree", "forest"])
def test_the_users_own_features_are_prepared_like_all_others(people, kind, monkeypatch):
    monkeypatch.setattr(features, "TRANSFORM", _with_age_squared)
    prepared = preprocessor(people.columns, kind).fit(people.X, people.y)
    names = prepared[-1].get_feature_names_out()
    assert "number__age_squared" in names
    assert "many__couple" in names
    assert len(prepared.transform(people.X)) == len(people.X)
