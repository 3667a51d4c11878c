"""A table's scores are those that the server gives the same rows, whatever the task, and each kind of row is scored once."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from components.data import schema
from components.data.checks import judge
from components.data.contract_json import from_json
from components.errors import BundleError
from components.release import export
from components.release.bundle import Parts, pack
from components.release.reference import reference
from components.scoring import scorer
from components.scoring.scorer import Scorer, loaded
from components.serving.model import Model
from components.training import features
from components.training.candidates import FAMILIES, build
from components.training.features import Columns
from components.training.predictor import Predictor
from tests.components.films import COLUMNS, films
from tests.components.serving import bundles
from tests.components.serving.bundles import ROOT, people
from tests.components.serving.tasks import TASKS, packed

TOLERANCE = 1e-9


def packed_films(folder: Path) -> pd.DataFrame:
    """Films with a text, dates and hundreds of categories, and gaps in all of them; their bundle is packed into the folder."""
    made, columns = films(), list(COLUMNS.names)
    family = FAMILIES["linear"]
    predictor = Predictor(build(family, family.default, COLUMNS, 0)).fit(made.X, made.y)
    said = export.predictions(predictor, made.X)
    parts = Parts(
        name="films",
        program=export.program(predictor, COLUMNS, made.X.head(200)),
        smoke=made.table[columns].assign(**said).head(40),
        contract=schema.to_json(schema.infer(pl.from_pandas(made.table)), columns),
        reference=reference(made.X, said, texts=COLUMNS.texts),
        decision={"outcome": "approved", "run": "TrainFlow/1", "checks": []},
        documents={},
        lineage={},
        lock=(ROOT / "requirements.lock").read_text(),
        created="2026-01-02T03:04:05+00:00",
    )
    pack(folder, parts)
    return made.table[columns].head(500)


def packed_people(folder: Path, name: str) -> pd.DataFrame:
    """People with hours a week, of which every ninth row has none; the bundle of trees is packed into the folder."""
    table = people().to_pandas()
    hours = np.random.default_rng(0).normal(35, 10, len(table))
    table = table.assign(hours=np.where(np.arange(len(table)) % 9, hours, np.nan))
    columns = Columns(("hours", *bundles.COLUMNS.numeric), bundles.COLUMNS.categorical)
    X, y = features.inputs(table, columns), table.employed.to_numpy(int)
    predictor = Predictor(build(FAMILIES[name], FAMILIES[name].default, columns, 0)).fit(X, y)
    said = export.predictions(predictor, X)
    parts = Parts(
        name="people",
        program=export.program(predictor, columns, X.head(200)),
        smoke=table[list(columns.names)].assign(**said).head(40),
        contract=schema.to_json(schema.infer(pl.from_pandas(table)), columns.names),
        reference=reference(X, said),
        decision={"outcome": "approved", "run": "TrainFlow/1", "checks": []},
        documents={},
        lineage={},
        lock=(ROOT / "requirements.lock").read_text(),
        created="2026-01-02T03:04:05+00:00",
    )
    pack(folder, parts)
    return table[list(columns.names)]


@pytest.fixture(scope="module", params=["gradient_boosting", "random_forest"])
def trees(request, tmp_path_factory):
    """A model of trees, and rows as a table has them."""
    folder = tmp_path_factory.mktemp(request.param) / "bundle"
    frame = packed_people(folder, request.param)
    return Model.load(folder), pl.from_pandas(frame)


@pytest.fixture(scope="module", params=[*TASKS, "films"])
def task(request, tmp_path_factory):
    """The model of a task, and rows as a table has them."""
    folder = tmp_path_factory.mktemp(request.param) / "bundle"
    frame = packed_films(folder) if request.param == "films" else packed(request.param, folder)
    return Model.load(folder), pl.from_pandas(frame)


def conforming(model: Model, table: pl.DataFrame) -> pl.DataFrame:
    """The rows as a shard has them."""
    features, _ = from_json(json.loads((model.folder / "contract.json").read_text(encoding="utf-8")))
    judged = judge(table, features)
    assert not judged.bad.any(), judged.violations
    return judged.rows


def served(model: Model, table: pl.DataFrame) -> dict:
    """What the server answers of the rows, as JSON has them."""
    plain = table.with_columns(pl.selectors.temporal().dt.to_string("iso"))
    checked = model.rules.check({name: plain[name].to_list() for name in plain.columns}, plain.height)
    assert not checked.problems
    return model.answer(checked.columns)


def assert_same(found: pl.DataFrame, wanted: dict) -> None:
    assert found.columns == list(wanted)
    for name, values in wanted.items():
        if isinstance(values[0], float):
            assert np.abs(found[name].to_numpy() - np.array(values)).max() <= TOLERANCE
        else:
            assert found[name].to_list() == values


def test_scores_are_those_of_the_server_whatever_the_task(task):
    model, table = task
    assert_same(Scorer(model).predictions(conforming(model, table)), served(model, table))


def test_repeated_rows_are_scored_once_and_answered_alike(task):
    model, table = task
    rows = conforming(model, table)
    many, alike = Scorer(model), pl.concat([rows.reverse(), rows, rows.head(7)])
    found = many.predictions(alike)
    assert (many.scored, many.answered) == (rows.n_unique(), alike.height)
    assert_same(found, served(model, pl.concat([table.reverse(), table, table.head(7)])))


def test_what_was_said_of_a_kind_of_row_is_not_asked_again(task):
    model, table = task
    rows = conforming(model, table)
    by, half = Scorer(model), table.height // 2
    shards = [slice(0, half), slice(half // 2, None), slice(0, None)]
    for shard in shards:
        part = pl.concat([rows[shard]] * 2)
        assert_same(by.predictions(part), served(model, pl.concat([table[shard]] * 2)))
    assert by.scored == rows.n_unique()


def test_where_there_is_no_room_rows_are_asked_again(task, monkeypatch):
    monkeypatch.setattr(scorer, "MOST_KNOWN", 7)
    model, table = task
    rows, by = conforming(model, table), Scorer(model)
    for _ in range(2):
        twice = pl.concat([rows, rows, rows.head(7)])
        assert_same(by.predictions(twice), served(model, pl.concat([table, table, table.head(7)])))
    assert by.scored == 2 * rows.n_unique() - 7


def test_where_rows_hardly_repeat_nothing_is_remembered(task):
    model, table = task
    rows, by = conforming(model, table).unique(maintain_order=True), Scorer(model)
    for _ in range(2):
        by.predictions(rows)
    assert by.scored == 2 * rows.height


def test_trees_score_rows_once_that_lie_between_the_same_thresholds(trees):
    model, table = trees
    between = (pl.col("hours") - pl.col("hours").abs() * 1e-13).fill_null(float("nan"))
    rows = conforming(model, table)
    moved = conforming(model, table.with_columns(between))
    assert (rows["hours"] != moved["hours"]).any()
    by = Scorer(model)
    by.predictions(pl.concat([rows, rows]))
    once = by.scored
    assert once < rows.n_unique()
    assert_same(by.predictions(moved), served(model, table.with_columns(between)))
    assert by.scored == once


def test_what_lies_at_the_ends_is_scored_as_the_server_does(trees):
    model, table = trees
    ages = [14, 69, 16, 68] * (table.height // 4)
    far = table.head(len(ages)).with_columns(
        hours=pl.Series([-10.9, 72.6, 0.0, None] * (len(ages) // 4)), age=pl.Series(ages)
    )
    both = pl.concat([table.cast(far.schema), far])
    assert_same(Scorer(model).predictions(conforming(model, both)), served(model, both))


def test_categories_that_are_new_are_told_from_those_that_are_not(tmp_path):
    packed_films(tmp_path / "bundle")
    model, table = Model.load(tmp_path / "bundle"), pl.from_pandas(films().table[list(COLUMNS.names)])
    some = table.filter(pl.col("genres").is_not_null()).head(200)
    new = some.with_columns(genres=pl.lit("never heard of"))
    both = pl.concat([some, new])
    by = Scorer(model)
    assert_same(by.predictions(conforming(model, both)), served(model, both))
    assert by.scored == both.n_unique()


def test_a_bundle_whose_program_takes_columns_alone_is_scored_as_well(trees):
    model, table = trees
    rows = conforming(model, table)
    older = replace(model, program=replace(model.program, numbers=None))
    assert_same(Scorer(older).predictions(rows), served(model, table))


def test_calls_of_few_rows_add_up(task, monkeypatch):
    model, table = task
    monkeypatch.setattr(scorer, "AT_ONCE", 17)
    assert_same(Scorer(model).predictions(conforming(model, table)), served(model, table))


def test_a_bundle_is_verified_before_anything_of_it_is_loaded(bundle):
    altered = bundle.files | {"program.pyz": b"no archive"}
    with pytest.raises(BundleError, match=r"program\.pyz: altered"), loaded(altered, bundle.bundle_id):
        pass


def test_another_bundle_is_refused(bundle):
    with pytest.raises(BundleError, match="this is bundle"), loaded(bundle.files, "0" * 64):
        pass
