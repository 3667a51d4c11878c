import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score

from components.errors import ConfigError, DataError
from components.training import features
from components.training.candidates import FAMILIES, build
from components.training.features import MISSING, Columns, inputs, preprocessor, readable, select
from tests.components.films import COLUMNS as MIXED
from tests.components.films import films

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
    assert columns.described == ("age", "seen (date)", "note (text)")


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


MOMENTS = {
    "microseconds": pd.Series(pd.to_datetime(["1999-12-31 23:59:59.25", None]), dtype="datetime64[us]"),
    "nanoseconds": pd.Series(pd.to_datetime(["1999-12-31 23:59:59.25", None]), dtype="datetime64[ns]"),
    "zoned": pd.Series(pd.to_datetime(["2000-01-01 08:59:59.25+09:00", None])),
    "texts": pd.Series(["1999-12-31T23:59:59.25", None], dtype="str"),
    "empty texts": pd.Series(["1999-12-31T23:59:59.25Z", ""], dtype=object),
    "timestamps": pd.Series([pd.Timestamp("1999-12-31 23:59:59.25"), pd.NaT], dtype=object),
    "seconds": pd.Series([946_684_799.25, np.nan]),
}


@pytest.mark.parametrize("form", MOMENTS)
def test_every_form_of_date_becomes_seconds_since_1970(form):
    X = inputs(pd.DataFrame({"x": MOMENTS[form]}), Columns((), (), ("x",)))
    np.testing.assert_array_equal(X["x"], [946_684_799.25, np.nan])


def test_what_is_no_date_is_refused_by_name():
    with pytest.raises(DataError, match="'x' is a date"):
        inputs(pd.DataFrame({"x": ["yesterday"]}), Columns((), (), ("x",)))


@pytest.mark.parametrize("dtype", ["object", "str", "category"])
def test_a_missing_text_is_an_empty_one(dtype):
    X = inputs(pd.DataFrame({"x": pd.Series(["a b", None], dtype=dtype)}), Columns((), (), (), ("x",)))
    assert X["x"].tolist() == ["a b", ""]


def test_model_inputs_are_model_inputs_again():
    pd.testing.assert_frame_equal(inputs(films().X, MIXED), films().X)


def test_readable_inputs_have_dates_again():
    shown = readable(films().X, MIXED)
    pd.testing.assert_series_equal(shown["premiered"], films().table["premiered"], check_dtype=False)
    assert shown["title"].equals(films().X["title"])


@pytest.mark.parametrize("kind", ["linear", "tree", "forest"])
@pytest.mark.filterwarnings("error")
def test_every_kind_of_column_is_prepared_for_every_model(kind):
    X, y = films().X, films().y
    prepared = preprocessor(MIXED, kind).fit(X[:2000], y[:2000])
    names = set(prepared.get_feature_names_out())
    assert {"many__genres", "date__released_year", "date__premiered_days", "text1__title_1"} <= names
    assert np.isnan(prepared.transform(X[2000:])).any() == (kind == "tree")


@pytest.mark.parametrize("kind", ["linear", "tree", "forest"])
@pytest.mark.filterwarnings("error")
def test_columns_without_a_value_in_the_training_rows_do_no_harm(kind):
    X, y = films().X, films().y
    train = X[:800].assign(
        gross=np.nan, genres=MISSING, kind=MISSING, released=np.nan, premiered=np.nan, title=""
    )
    prepared = preprocessor(MIXED, kind).fit(train, y[:800])
    assert np.isfinite(prepared.transform(X[800:])).any()
    model = {"linear": LogisticRegression(), "forest": RandomForestClassifier(5)}.get(
        kind, HistGradientBoostingClassifier(max_iter=3)
    )
    scores = model.fit(prepared.transform(train), y[:800]).predict_proba(prepared.transform(X[800:]))
    assert np.isfinite(scores).all()


def test_a_category_seen_too_often_to_be_expanded_becomes_the_share_of_positives():
    X = films().X
    prepared = preprocessor(Columns((), ("genres",)), "tree").fit(X, films().y)
    rows = pd.DataFrame({"genres": ["Comedy", "Drama", "a genre of tomorrow"]})
    comedy, drama, new = prepared.transform(rows)[:, 0]
    shares = pd.Series(films().y).groupby(X["genres"]).mean()
    np.testing.assert_allclose([comedy, drama], shares[["Comedy", "Drama"]], atol=0.02)
    assert new == pytest.approx(films().y.mean())


def test_thirty_categories_are_few_and_one_more_is_many():
    y = np.arange(620) % 2
    for categories, part in ((30, "category"), (31, "many")):
        X = pd.DataFrame({"x": [f"c{row % categories}" for row in range(620)]})
        (name,) = preprocessor(Columns((), ("x",)), "tree").fit(X, y).get_feature_names_out()
        assert name == f"{part}__x"


NOISE = np.random.default_rng(5)
NUMBERED = pd.DataFrame(
    {"who": [f"w{code}" for code in NOISE.integers(0, 1500, 3000)], "n": NOISE.normal(size=3000)}
)
ANSWERS = NOISE.integers(0, 2, 3000)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_category_of_pure_noise_teaches_nothing(family):
    pipeline = build(family, family.default, Columns(("n",), ("who",)), 0)
    scores = cross_val_score(pipeline, NUMBERED, ANSWERS, scoring="roc_auc", cv=5)
    assert abs(scores.mean() - 0.5) < 0.03
    fitted = pipeline.fit(NUMBERED, ANSWERS)
    learned = fitted["features"].fit_transform(NUMBERED, ANSWERS)
    assert roc_auc_score(ANSWERS, learned[:, 1]) < 0.53


def test_without_cross_fitting_the_same_noise_would_look_like_knowledge():
    naive = preprocessor(Columns(("n",), ("who",)), "tree").fit(NUMBERED, ANSWERS).transform(NUMBERED)
    assert roc_auc_score(ANSWERS, naive[:, 1]) > 0.7


@pytest.mark.parametrize(("task", "width"), [("multiclass", 3), ("regression", 1)])
def test_many_categories_are_encoded_for_every_task(task, width):
    y = films().X["gross"].rank(pct=True).to_numpy()
    y = np.floor(3 * y).clip(0, 2).astype(int) if task == "multiclass" else y
    prepared = preprocessor(Columns((), ("genres",)), "tree", task)
    assert prepared.fit_transform(films().X, y).shape[1] == width
    assert prepared.get_params()["many"].target_type == (
        "continuous" if task == "regression" else "multiclass"
    )


def test_the_same_rows_are_prepared_alike():
    one, other = (preprocessor(MIXED, "linear").fit_transform(films().X, films().y) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def _with_words(X):
    return X.assign(words=X["title"].str.count(" ") + 1.0, initial=X["title"].str[:1])


@pytest.mark.parametrize("kind", ["linear", "tree", "forest"])
def test_the_users_own_features_stand_beside_dates_and_texts(kind, monkeypatch):
    monkeypatch.setattr(features, "TRANSFORM", _with_words)
    prepared = preprocessor(MIXED, kind).fit(films().X, films().y)
    names = list(prepared[-1].get_feature_names_out())
    assert "number__words" in names
    assert "many__initial" in names
    assert not any(name.startswith(("number__released", "many__title", "category__title")) for name in names)
    assert "text1__title_1" in names
