"""Real films with a text, many categories and dates: a table of every kind of column that Metaflow brings along."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import metaflow
import numpy as np
import pandas as pd

from components.training.features import Columns, inputs

SOURCE = Path(metaflow.__file__).with_name("tutorials") / "01-playlist" / "movies.csv"
COLUMNS = Columns(("gross",), ("genres", "kind"), ("released", "premiered"), ("title",))


@dataclass(frozen=True)
class Films:
    """The table, the model's inputs, and what is predicted: a film after 2005, with some answers turned round."""

    table: pd.DataFrame
    X: pd.DataFrame
    y: np.ndarray


@cache
def films() -> Films:
    """Titles and some 700 mixtures of genres as they are; the day within the year and the gaps are drawn."""
    table = pd.read_csv(SOURCE).rename(columns={"movie_title": "title"}).sample(frac=1, random_state=0)
    year, generator = table.pop("title_year"), np.random.default_rng(0)
    within = pd.to_timedelta(generator.integers(0, 31_536_000, len(table)), "s")
    released = pd.to_datetime(year.astype(str)) + within
    premiered = released.dt.normalize() - pd.to_timedelta(generator.integers(1, 90, len(table)), "D")
    table = table.assign(
        kind=table["genres"].str.partition("|")[0],
        released=released.mask(generator.random(len(table)) < 0.02),
        premiered=premiered.mask(generator.random(len(table)) < 0.2),
        title=table["title"].mask(generator.random(len(table)) < 0.1),
    ).reset_index(drop=True)
    late = (year > 2005).to_numpy() | table["genres"].str.contains("Sci-Fi").to_numpy()
    y = (late ^ (generator.random(len(table)) < 0.25)).astype(np.int64)
    return Films(table, inputs(table, COLUMNS), y)
