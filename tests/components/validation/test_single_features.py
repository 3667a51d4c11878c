"""What a feature alone knows of the target, in every form that a leak takes."""

import numpy as np
import pandas as pd
import pytest

from components.training.examples import Examples
from components.training.features import Columns
from components.training.target import Target
from components.validation.checks.leakage import single_feature
from components.validation.gates import Limit
from components.validation.single_features import single_feature_scores

ROWS = 8000
LEAKS = {
    "0 for negatives, an amount for positives": lambda y, noise: y * (100 + 50 * noise),
    "missing for negatives": lambda y, noise: np.where(y == 1, noise, np.nan),
    "missing for positives": lambda y, noise: np.where(y == 1, np.nan, noise),
    "a code that only positives have": lambda y, noise: np.where(y == 1, 7.0, np.round(4 * noise)),
    "in the middle for positives": lambda y, noise: np.where(y == 1, 0.01, 1) * noise,
    "large for negatives": lambda y, noise: noise - 10 * y,
}


def scored(column, y):
    X = pd.DataFrame({"it": column})
    numeric = pd.api.types.is_numeric_dtype(column)
    columns = Columns(("it",), ()) if numeric else Columns((), ("it",))
    return single_feature_scores(Examples(X, y, None, X), columns=columns)["it"].value


@pytest.mark.parametrize("prevalence", [0.005, 0.05, 0.3, 0.8])
@pytest.mark.parametrize("leak", LEAKS)
def test_a_number_that_gives_the_target_away_is_seen_at_any_prevalence(leak, prevalence):
    generator = np.random.default_rng(0)
    y = (generator.random(ROWS) < prevalence).astype(int)
    assert scored(LEAKS[leak](y, generator.standard_normal(ROWS)), y) > 0.95


def test_a_category_that_gives_the_target_away_is_seen():
    y = np.arange(ROWS) % 10 == 3
    assert scored(np.where(y, "refunded", "open").astype(object), y.astype(int)) == 1


@pytest.mark.parametrize("values", ["floats", "few", "mostly 0", "labels"])
def test_noise_knows_next_to_nothing(values):
    generator = np.random.default_rng(1)
    y, noise = (generator.random(ROWS) < 0.1).astype(int), generator.random(ROWS)
    columns = {
        "floats": noise,
        "few": np.round(9 * noise),
        "mostly 0": np.where(noise < 0.9, 0, noise),
        "labels": pd.Series(np.round(1000 * noise).astype(int).astype(str)).to_numpy(object),
    }
    assert scored(columns[values], y) < 0.56


def test_weights_count():
    y, value = np.array([0, 1, 0, 1] * 50), np.array([1.0, 1.0, 2.0, 2.0] * 50)
    weight = np.array([1.0, 0.0, 0.0, 1.0] * 50)
    X = pd.DataFrame({"it": value})
    found = single_feature_scores(Examples(X, y, weight, X), columns=Columns(("it",), ()))
    assert found["it"].value == 1


def test_the_interval_covers_what_more_rows_show():
    generator, covered = np.random.default_rng(0), 0
    y = (generator.random(200_000) < 0.3).astype(int)
    truth = single(y, generator).value
    for _ in range(200):
        found = single(y[:400], generator)
        covered += found.low <= truth <= found.high
    assert 180 <= covered <= 199


def single(y, generator):
    X = pd.DataFrame({"it": y + generator.standard_normal(len(y))})
    return single_feature_scores(Examples(X, y, None, X), columns=Columns(("it",), ()))["it"]


def told(values, y, kind):
    X = pd.DataFrame({"it": values})
    columns = Columns((), (), ("it",)) if kind == "date" else Columns((), (), (), ("it",))
    return single_feature_scores(Examples(X, y, None, X), columns=columns)["it"].value


def test_a_text_that_gives_the_target_away_in_a_word_is_seen():
    generator = np.random.default_rng(2)
    y = (generator.random(2000) < 0.2).astype(int)
    words = generator.choice(["late", "parcel", "thanks", "order"], (2000, 6))
    texts = [
        " ".join(each) + (" REFUNDED." if code else "") + f" no {row} batch{row // 6}"
        for row, (each, code) in enumerate(zip(words, y, strict=True))
    ]
    assert told(texts, y, "text") > 0.99
    assert told([text.replace(" REFUNDED.", "") for text in texts], y, "text") < 0.56


def test_a_date_that_gives_the_target_away_is_seen():
    y = (np.random.default_rng(3).random(2000) < 0.2).astype(int)
    seconds = 1.5e9 + 86_400.0 * np.arange(2000)
    assert told(np.where(y == 1, seconds, np.nan), y, "date") == 1
    assert told(seconds, y, "date") < 0.56


@pytest.mark.parametrize("period", [2, 4], ids=["by turns", "one of four"])
@pytest.mark.parametrize("kind", ["number", "category", "text"])
def test_noise_knows_nothing_where_the_target_follows_the_order_of_the_rows(kind, period):
    generator, y = np.random.default_rng(4), (np.arange(2000) % period == 0).astype(int)
    noise = generator.choice([*"abc"], 2000).astype(object)
    if kind == "text":
        assert told([f"it is {value} of no {row}" for row, value in enumerate(noise)], y, "text") < 0.56
    else:
        assert scored(noise if kind == "category" else generator.standard_normal(2000), y) < 0.56


def test_of_several_classes_the_one_that_is_given_away_is_told_beside_the_mean():
    generator, y = np.random.default_rng(0), np.arange(3000) % 3
    leak = (y == 2) + 0.01 * generator.standard_normal(3000)
    X = pd.DataFrame({"leak": leak, "noise": generator.standard_normal(3000)})
    columns = Columns(("leak", "noise"), ())
    found = single_feature_scores(Examples(X, y, None, X), columns=columns, task="multiclass")
    assert found["leak"].value < 0.9
    assert (found["leak"].most, found["leak"].code) == (1.0, 2)
    assert found["noise"].most < 0.56
    target = Target("y", "multiclass", ("red", "white", "rosé"))
    check = single_feature(found, Limit(0.95), target)
    assert (check.status, check.value) == ("passed", found["leak"].value)
    assert "the largest of a single class is 1: 'leak' for 'rosé'" in check.reason
