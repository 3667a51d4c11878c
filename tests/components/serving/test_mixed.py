"""Dates, texts and many categories score in the served program as in training, in every form that a client may send."""

import datetime as dt
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.pipeline import Pipeline

from components.release import export
from components.release.texts import ARRAYS, TERMS, files, found
from components.serving import program as runtime
from components.serving.program import Program
from components.training import texts
from components.training.candidates import FAMILIES, build
from components.training.features import MISSING, Columns, inputs, preprocessor
from components.training.predictor import Predictor
from tests.components.films import COLUMNS, films

TRAINED = 2800
TABLE, X, Y = films().table, films().X, films().y


@pytest.fixture(scope="module", params=FAMILIES)
def predictor(request) -> Predictor:
    family = FAMILIES[request.param]
    small = {"max_iter": 20} if family.name == "gradient_boosting" else {}
    fitted = Predictor(build(family, family.default | small, COLUMNS, 0))
    return fitted.fit(X[:TRAINED], Y[:TRAINED])


@pytest.fixture(scope="module")
def folder(predictor, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    made = export.program(predictor, COLUMNS, X[TRAINED:])
    assert made.parity.max_abs_difference <= 1e-12
    assert made.parity.decisions_changed == 0
    for name, content in made.files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def program(folder) -> Program:
    return Program.load(folder)


def columns_of(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    return {name: frame[name].to_numpy() for name in frame.columns}


def test_the_program_says_what_it_takes_each_column_for(folder):
    description = json.loads((folder / "program.json").read_text())
    assert description["runtime"] == "onnx"
    assert description["inputs"] == COLUMNS.kinds


def test_rows_as_the_table_has_them_score_as_in_training(program, predictor):
    later = TABLE[TRAINED:]
    said = program.predict(columns_of(later))
    np.testing.assert_allclose(said["y_score"], predictor.score_positive(X[TRAINED:]), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(said["y_pred"], predictor.predict(X[TRAINED:]))
    np.testing.assert_array_equal(program.predict(columns_of(X[TRAINED:]))["y_score"], said["y_score"])


WRITTEN = {
    "days": lambda dates: dates.dt.strftime("%Y-%m-%d").astype(object),
    "seconds": lambda dates: dates.dt.strftime("%Y-%m-%dT%H:%M:%S").astype(object),
    "UTC": lambda dates: dates.dt.strftime("%Y-%m-%d %H:%M:%SZ").astype(object),
    "offsets": lambda dates: (dates.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo").map(dt.datetime.isoformat, na_action="ignore").astype(object)),
    "numbers": lambda dates: inputs(pd.DataFrame({"d": dates}), Columns((), (), ("d",)))["d"],
    "nanoseconds": lambda dates: dates.astype("datetime64[ns]"),
    "timestamps": lambda dates: dates.astype(object),
}  # fmt: skip


@pytest.mark.parametrize("form", WRITTEN)
def test_dates_may_be_written_in_many_ways(program, form):
    rows = TABLE[TRAINED:].head(60)
    if form == "days":
        rows = rows.assign(released=rows["released"].dt.normalize())
    expected = program.predict(columns_of(rows))["y_score"]
    written = rows.assign(**{name: WRITTEN[form](rows[name]) for name in COLUMNS.dates})
    np.testing.assert_array_equal(program.predict(columns_of(written))["y_score"], expected)


@pytest.mark.parametrize("absent", [None, float("nan"), "", pd.NaT, np.datetime64("NaT"), pd.NA])
def test_a_missing_date_may_come_in_many_ways(program, absent):
    row = columns_of(X[:1])
    expected = program.predict(row | {"released": np.array([np.nan])})["y_score"]
    given_ = np.empty(1, dtype=object)
    given_[0] = absent
    np.testing.assert_array_equal(program.predict(row | {"released": given_})["y_score"], expected)


@pytest.mark.parametrize("absent", [None, float("nan"), "", pd.NA])
def test_a_missing_text_is_an_empty_one(program, absent):
    row = columns_of(X[:1])
    expected = program.predict(row | {"title": np.array([""], dtype=object)})["y_score"]
    np.testing.assert_array_equal(
        program.predict(row | {"title": np.array([absent], dtype=object)})["y_score"], expected
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("31/01/2026", "'released' is a date and holds '31/01/2026'"),
        (1_700_000_000_000, "no time in seconds since 1970"),
        (True, "holds True"),
        ([2026], "holds"),
    ],
)
def test_what_is_no_date_is_named_with_its_column(program, value, told):
    values = np.empty(1, dtype=object)
    values[0] = value
    with pytest.raises(ValueError, match=told):
        program.predict(columns_of(TABLE[:1]) | {"released": values})


def test_a_batch_of_milliseconds_is_refused(program):
    with pytest.raises(ValueError, match="seconds since 1970"):
        program.predict(columns_of(TABLE[:1]) | {"released": np.array([1.7e12])})


def test_the_program_and_training_read_a_text_by_the_same_rules():
    assert (runtime.WORD, runtime.MOST_CHARACTERS) == (texts.WORD, texts.MOST_CHARACTERS)


PARTS = texts.TextParts(components=16).fit(
    pd.DataFrame(
        {"title": (TABLE["title"].fillna("") + " " + TABLE["genres"].str.replace("|", "\n") + " 😀 né")}
    )
)
SERVED = files({"title": PARTS})
with np.load(io.BytesIO(SERVED[ARRAYS]), allow_pickle=False) as arrays:
    REDUCE = runtime._reduction(json.loads(SERVED[TERMS])["title"], arrays["idf_0"], arrays["components_0"])

ODD = st.sampled_from(["", "\0", "\n", "😀😀", "Né ", "THE Drama\tWar", "comedy\0drama", "ǅ", "İstanbul", "a" * 50_000, "the love " * 4000])  # fmt: skip
KNOWN = st.lists(st.sampled_from(PARTS.terms_), max_size=60).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(st.text(), ODD, KNOWN, st.builds("{}{}".format, KNOWN, st.text())), min_size=1, max_size=5
    )
)
def test_any_text_becomes_the_same_numbers_in_both(written):
    np.testing.assert_array_equal(REDUCE(written), PARTS.transform(pd.DataFrame({"title": written})))


def test_texts_of_any_kind_pass_through_the_clean_process(predictor):
    odd = X[TRAINED : TRAINED + 8].copy()
    odd["title"] = ["", "\0", "end\0", "line\nline", "😀 né", "x" * 100_000, "love \ud7ff", "the love"]
    made = export.program(predictor, COLUMNS, odd)
    assert made.parity.max_abs_difference <= 1e-12


def test_a_program_without_texts_reads_no_files_of_texts(predictor):
    assert found(predictor.pipeline["features"], Columns((), ())) == {}


def test_columns_without_a_value_in_training_are_served_alike(predictor):
    empty = X[:600].assign(
        gross=np.nan, genres=MISSING, kind=MISSING, released=np.nan, premiered=np.nan, title=""
    )
    empty["gross"] = np.arange(600) % 7  # or there is nothing to learn
    fitted = Predictor(clone(predictor.pipeline)).fit(empty, Y[:600])
    made = export.program(fitted, COLUMNS, X[TRAINED:])
    assert (made.runtime, made.parity.decisions_changed) == ("onnx", 0)
    assert made.parity.max_abs_difference <= 1e-12


def test_dates_and_texts_are_served_as_python_where_the_model_has_no_onnx_form():
    pipeline = Pipeline(
        [("features", preprocessor(COLUMNS, "forest")), ("model", GradientBoostingClassifier(n_estimators=5))]
    )
    fitted = Predictor(pipeline).fit(X[:600], Y[:600])
    made = export.program(fitted, COLUMNS, X[TRAINED : TRAINED + 300])
    assert (made.runtime, made.parity.max_abs_difference) == ("skops", 0.0)
    assert "texts.json" not in made.files
