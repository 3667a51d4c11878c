import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from components.training.texts import LONGEST_TERM, MOST_CHARACTERS, TextParts, terms
from tests.components.films import SOURCE


@pytest.fixture(scope="module")
def notes() -> pd.DataFrame:
    """Sentences that people wrote: titles of films with what they are about, as Metaflow ships them."""
    movies = pd.read_csv(SOURCE)
    return pd.DataFrame({"note": movies["movie_title"] + " " + movies["genres"].str.replace("|", " ")})


def test_terms_are_lower_case_words_and_pairs_of_neighbours():
    assert terms("The CAT\nsat, 2 times!") == [
        "the", "cat", "sat", "2", "times", "the cat", "cat sat", "sat 2", "2 times",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"), [("", []), ("\0\n\t --- ", []), ("né😀😀x", ["né", "😀", "😀", "x"])]
)
def test_words_of_any_language_and_emoji_are_words_and_nothing_else_is(text, words):
    assert [term for term in terms(text) if " " not in term] == words


def test_what_lies_beyond_the_most_characters_is_not_read():
    assert terms("a " * MOST_CHARACTERS) == terms("a " * (MOST_CHARACTERS // 2))


def test_it_is_scikit_learns_reduction_of_the_same_weights(notes):
    parts = TextParts(components=10, most_terms=300, seed=3)
    found = parts.fit_transform(notes)
    expected = TruncatedSVD(10, random_state=3).fit_transform(
        TfidfVectorizer(analyzer=terms, vocabulary=parts.terms_).fit_transform(notes["note"])
    )
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_rare_terms_are_left_out_and_the_most_frequent_kept(notes):
    parts = TextParts(most_terms=50, least_texts=4).fit(notes)
    assert len(parts.terms_) == 50
    assert parts.terms_ == sorted(parts.terms_)
    assert {"the", "comedy", "drama"} <= set(parts.terms_)
    assert "avatar" not in TextParts(least_texts=4).fit(notes).terms_


def test_terms_without_end_are_no_terms():
    texts = pd.DataFrame({"note": [f"{'x' * LONGEST_TERM}x short"] * 5})
    assert TextParts().fit(texts).terms_ == ["short"]


def test_each_text_is_reduced_by_itself(notes):
    parts = TextParts().fit(notes[:2000])
    together = parts.transform(notes[2000:])
    alone = np.vstack([parts.transform(notes[row : row + 1]) for row in range(2000, 2050)])
    np.testing.assert_array_equal(together[:50], alone)


def test_order_and_repetition_of_sentences_do_not_move_the_last_digit(notes):
    parts = TextParts().fit(notes)
    one, other = (pd.DataFrame({"note": [text]}) for text in ("comedy drama war", "war comedy drama"))
    unpaired = TextParts().fit(notes)
    unpaired.components_[[" " in term for term in unpaired.terms_]] = 0
    unpaired.idf_[[" " in term for term in unpaired.terms_]] = 0
    np.testing.assert_array_equal(unpaired.transform(one), unpaired.transform(other))
    assert not np.array_equal(
        parts.transform(one), parts.transform(pd.DataFrame({"note": ["comedy comedy drama"]}))
    )


def test_a_text_without_known_words_is_nought(notes):
    unknown = pd.DataFrame({"note": ["", "zzzz qqqq", "\0"]})
    assert not TextParts().fit(notes).transform(unknown).any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("texts", [[""] * 20, ["same words"] * 20, ["a b", "c d"] * 10])
def test_texts_that_say_little_become_few_numbers(texts):
    X = pd.DataFrame({"note": texts})
    parts = TextParts().fit(X)
    assert parts.transform(X).shape == (20, len(parts.get_feature_names_out()))
    assert 1 <= parts.components_.shape[1] <= 6


def test_terms_are_learned_of_a_sample_of_many_rows(notes):
    few = TextParts(most_texts=200).fit(notes)
    assert set(few.terms_) < set(TextParts().fit(notes).terms_)
    assert few.terms_ == TextParts(most_texts=200).fit(notes).terms_


def test_components_bear_the_columns_name_and_a_number(notes):
    names = TextParts(components=3).fit(notes).get_feature_names_out()
    assert names.tolist() == ["note_1", "note_2", "note_3"]


def test_it_can_be_cloned():
    assert clone(TextParts(components=5, seed=9)).get_params() == TextParts(components=5, seed=9).get_params()
