"""Free text, reduced to a few dozen numbers: weighted words and pairs of words, seen along their main directions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

Array = np.ndarray[Any, np.dtype[Any]]
Weights = tuple[Array, Array]
"""Places of terms in the vocabulary, rising, and what each weighs in a text."""

MOST_CHARACTERS = 20_000
"""What lies beyond in a text is not read; `serving.program` holds the same."""

WORD = r"\w+|[\u2600-\u27bf\U0001f000-\U0001faff]"
"""A word, a number, or one emoji; whatever else there is parts them. `serving.program` holds the same."""

LONGEST_TERM = 80
"""Longer terms are no words of a language: addresses, keys, encoded pictures."""


class TextParts(TransformerMixin, BaseEstimator):
    """A column of texts as components of their TF-IDF weights, from -1 to 1; a text without known terms is all 0.

    Terms are lower-case words and pairs of neighbouring words. A text's weights are its counts of the terms times the
    terms' inverse document frequencies, divided by their length; a truncated singular value decomposition of training
    rows reduces them. `serving.program` does the same sums in the same order.

    Args:
        components: how many numbers a text becomes, at most.
        most_terms: how many terms are kept, the most frequent ones.
        least_texts: in how many texts a term must occur to be kept.
        most_texts: of how many training rows, drawn at random, terms and directions are learned.
        seed: of the drawing and of the decomposition.

    Attributes:
        terms_: the terms, sorted.
        idf_: their inverse document frequencies, shape (terms,).
        components_: the directions, shape (terms, components).

    Source: Deerwester et al. (1990), Indexing by latent semantic analysis.
    """

    def __init__(
        self,
        components: int = 32,
        most_terms: int = 4000,
        least_texts: int = 3,
        most_texts: int = 20_000,
        seed: int = 0,
    ) -> None:
        self.components = components
        self.most_terms = most_terms
        self.least_texts = least_texts
        self.most_texts = most_texts
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> TextParts:
        """Learn the terms, how rare they are, and along which directions texts differ."""
        if hasattr(X, "columns"):
            self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = 1
        texts = _texts(X)
        picked = np.random.default_rng(self.seed).permutation(len(texts))[: self.most_texts]
        counted = [Counter(terms(texts[row])) for row in np.sort(picked)]
        found = Counter(term for counts in counted for term in counts)
        often = [
            term for term, rows in found.items() if rows >= self.least_texts and len(term) <= LONGEST_TERM
        ]
        self.terms_ = sorted(sorted(often, key=lambda term: (-found[term], term))[: self.most_terms])
        rows = np.array([found[term] for term in self.terms_], dtype=np.float64)
        self.idf_ = np.log((1 + len(counted)) / (1 + rows)) + 1
        places = self._places()
        self.components_ = self._directions([weights(counts, places, self.idf_) for counts in counted])
        return self

    def transform(self, X: Any) -> Array:
        """The components of each text, shape (n, components)."""
        check_is_fitted(self)
        places = self._places()
        different: dict[str, Array] = {}
        for text in (texts := _texts(X)):
            if text not in different:
                found = weights(Counter(terms(text)), places, self.idf_)
                different[text] = reduced(found, self.components_)
        return np.array([different[text] for text in texts]).reshape(-1, self.components_.shape[1])

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> Array:
        """``<name>_1``, ``<name>_2`` and so on."""
        check_is_fitted(self)
        (name,) = self.feature_names_in_ if input_features is None else input_features
        return np.array([f"{name}_{number + 1}" for number in range(self.components_.shape[1])], dtype=object)

    def _places(self) -> dict[str, int]:
        return {term: place for place, term in enumerate(self.terms_)}

    def _directions(self, rows: Sequence[Weights]) -> Array:
        from scipy.sparse import csr_array
        from sklearn.decomposition import TruncatedSVD

        count = min(self.components, len(self.terms_) - 1, len(rows) - 1)
        if len(self.terms_) <= self.components or count < 1:
            return np.eye(
                len(self.terms_), max(len(self.terms_), 1)
            )  # as many numbers as terms, one at least
        ends = np.cumsum([0, *(len(places) for places, _ in rows)])
        places, values = (np.concatenate(each) for each in zip(*rows, strict=True))
        table = csr_array((values, places, ends), shape=(len(rows), len(self.terms_)))
        reduction = TruncatedSVD(count, random_state=self.seed).fit(table)
        return np.ascontiguousarray(reduction.components_.T)


def terms(text: str) -> list[str]:
    """The words of a text in lower case, then its pairs of neighbours."""
    words = re.findall(WORD, text[:MOST_CHARACTERS].lower())
    return [*words, *(f"{one} {other}" for one, other in pairwise(words))]


def weights(counts: Counter[str], places: dict[str, int], idf: Array) -> Weights:
    """The known terms' places and their weights, whose squares add up to 1."""
    known = sorted((places[term], count) for term, count in counts.items() if term in places)
    where = np.array([place for place, _ in known], dtype=np.int64)
    values = np.array([count for _, count in known], dtype=np.float64) * idf[where]
    return where, values / np.sqrt((values * values).sum()) if len(where) else values


def reduced(found: Weights, components: Array) -> Array:
    """A text's components, shape (components,); the sum has an order, which no library for matrices has."""
    where, values = found
    total: Array = (values[:, np.newaxis] * components[where]).sum(axis=0)
    return total


def _texts(X: Any) -> list[str]:
    texts: list[str] = np.asarray(X, dtype=object).ravel().tolist()
    return texts
