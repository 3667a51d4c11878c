import io
import json

import numpy as np
import pandas as pd

from components.release.inputs import ROWS, fed
from components.release.parity import PROGRAM_FILES
from components.release.texts import ARRAYS, TERMS, files, found
from components.training.features import Columns, preprocessor

COLUMNS = Columns(("age",), (), (), ("note", "more"))
X = pd.DataFrame(
    {
        "age": np.arange(40.0),
        "note": ["calm sea", "rough sea", "calm weather", "no wind at all"] * 10,
        "more": ["", "sea", "wind", "sea and wind"] * 10,
    }
)
PREPARED = preprocessor(COLUMNS, "linear").fit(X)


def test_each_text_columns_transformer_is_found():
    parts = found(PREPARED, COLUMNS)
    assert list(parts) == ["note", "more"]
    assert "calm sea" in parts["note"].terms_


def test_a_table_without_texts_has_no_files():
    assert files({}) == {}


def test_the_files_are_plain_and_the_same_for_the_same_texts():
    made = files(found(PREPARED, COLUMNS))
    assert made == files(found(preprocessor(COLUMNS, "linear").fit(X), COLUMNS))
    assert json.loads(made[TERMS])["more"] == found(PREPARED, COLUMNS)["more"].terms_
    with np.load(io.BytesIO(made[ARRAYS]), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["components_0"], found(PREPARED, COLUMNS)["note"].components_)
        np.testing.assert_array_equal(arrays["idf_1"], found(PREPARED, COLUMNS)["more"].idf_)


def test_the_graph_is_fed_with_components_and_one_matrix():
    parts = found(PREPARED, COLUMNS)
    feed = fed(X, COLUMNS, {}, parts)
    np.testing.assert_array_equal(feed[ROWS], X[["age"]])
    np.testing.assert_array_equal(feed["note"], parts["note"].transform(X[["note"]]))


def test_a_clean_process_is_given_them():
    assert {TERMS, ARRAYS} <= PROGRAM_FILES
