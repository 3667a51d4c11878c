"""A table's scores have one place: whoever writes, however often, and wherever a writer dies, they stand there once."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from components.data.source import Taken
from components.errors import DataError
from components.scoring import intake, scores
from components.scoring.asked import WRITTEN, Asked
from components.scoring.scorer import loaded
from components.scoring.scores import Scores

FOLDER = "incoming/ScoreFlow/1"


@pytest.fixture(scope="module")
def by(bundle):
    with loaded(bundle.files, bundle.bundle_id) as by:
        yield by


@pytest.fixture
def incoming(bundle, people, store):
    """The people in shards of 400 rows, one of whom is too young."""
    young = people.with_columns(age=pl.when(pl.int_range(1500) == 9).then(7).otherwise("age"))
    asked = Asked.of_bundle(json.loads(bundle.files["contract.json"]))
    return intake.take_in(
        Taken(young.lazy()), asked, shard_rows=400, most_refused_fraction=0.1, folder=FOLDER, store=store
    )


class Run:
    """What the tasks of a run do."""

    def __init__(self, incoming, by, store):
        self.incoming, self.by, self.store = incoming, by, store
        self.bundle_id = by.model.bundle_id
        self.score_id = scores.score_id(self.bundle_id, incoming.data_version, incoming)

    def shard(self, number):
        return scores.write_shard(
            self.incoming.shards[number], self.by, folder=FOLDER, score_id=self.score_id,
            data_version=self.incoming.data_version, store=self.store,
        )  # fmt: skip

    def manifest(self, **others):
        parts = [part for number in range(len(self.incoming.shards)) for part in self.shard(number)]
        return scores.of_parts(
            self.incoming, parts, score_id=self.score_id, data_version=self.incoming.data_version,
            bundle_id=self.bundle_id, model_version="1", **others,
        )  # fmt: skip

    def names(self):
        return [name.rpartition("/")[2] for name in self.store.names(scores.place(self.score_id))]


@pytest.fixture
def run(incoming, by, store):
    return Run(incoming, by, store)


ALL = [
    "part-00000.parquet",
    "part-00001.parquet",
    "part-00002.parquet",
    "part-00003.parquet",
    "refused-00000.parquet",
]


def table(run, done):
    return pl.concat([pl.read_parquet(run.store.url(part.name)) for part in done.parts])


def test_a_scored_row_is_told_as_the_prediction_log_tells_it(run, people):
    before = datetime.now(UTC)
    done = run.manifest()
    found = table(run, done)
    features = ["age", "education", "foreign_born", "marital_status", "relationship", "sex"]
    assert found.columns == [*WRITTEN, *features, "y_score", "y_pred"]
    assert found["prediction_id"].to_list() == [f"{run.score_id}:{n}" for n in range(1500) if n != 9]
    assert found.schema["served_at"] == pl.Datetime("us", "UTC")
    assert before <= found["served_at"].min() <= found["served_at"].max() <= datetime.now(UTC)
    told = ["model_version", "bundle_id", "variant", "data_version"]
    assert found.select(told).unique().rows() == [("1", run.bundle_id, "batch", run.incoming.data_version)]


def test_refused_rows_stand_beside_with_their_reasons(run):
    done = run.manifest()
    assert (done.rows, done.refused_rows) == (1499, 1)
    refused = pl.read_parquet(run.store.url(done.refused[0].name))
    assert refused.select("prediction_id", "age", "reasons").rows() == [
        (f"{run.score_id}:9", "7", "age: below 13")
    ]


def test_the_manifest_is_written_last_and_tells_the_hash_and_the_rows_of_each_part(run):
    done = run.manifest(about={"run": "ScoreFlow/1"})
    assert run.names() == ALL
    assert scores.publish(done, run.store) == (done, True)
    assert run.names() == ["done.json", *ALL]
    written = json.loads(run.store.read(f"{scores.place(run.score_id)}/done.json"))
    assert [(part["rows"], len(part["sha256"])) for part in written["parts"]] == [
        (399, 64),
        (400, 64),
        (400, 64),
        (300, 64),
    ]
    assert (written["version"], written["about"]) == (1, {"run": "ScoreFlow/1"})
    assert scores.published(run.score_id, run.store) == done


def test_what_is_not_published_is_not_done(run):
    run.manifest()
    assert scores.published(run.score_id, run.store) is None


def test_a_part_that_is_there_stays_and_is_not_scored_again(run):
    first = run.shard(1)
    before, scored = run.store.read(first[0].name), run.by.answered
    assert run.shard(1) == first
    assert (run.store.read(first[0].name), run.by.answered) == (before, scored)


def test_of_two_writers_at_once_one_wins_and_both_tell_the_same(run):
    with ThreadPoolExecutor(4) as threads:
        told = list(threads.map(run.shard, [2] * 4))
    assert told == [told[0]] * 4
    assert len(run.names()) == 1


def test_of_two_manifests_the_first_stands(run):
    done = run.manifest(about={"run": "ScoreFlow/1"})
    other = replace(done, about={"run": "ScoreFlow/2"})
    scores.publish(done, run.store)
    found, first = scores.publish(other, run.store)
    assert (first, found.about) == (False, {"run": "ScoreFlow/1"})


def test_a_manifest_that_tells_of_other_parts_is_refused(run):
    done = run.manifest()
    scores.publish(done, run.store)
    with pytest.raises(DataError, match="tells of other scores"):
        scores.publish(replace(done, rows=3), run.store)


@pytest.mark.parametrize("harm", ["missing", "too many"])
def test_nothing_is_done_where_parts_are_missing_or_too_many(run, harm):
    done = run.manifest()
    place = scores.place(run.score_id)
    run.store.remove(f"{place}/part-00002.parquet") if harm == "missing" else run.store.write(
        f"{place}/part-00009.parquet", b"x"
    )
    with pytest.raises(DataError, match="does not hold just what was scored"):
        scores.publish(done, run.store)
    assert scores.published(run.score_id, run.store) is None


@pytest.mark.parametrize("content", [b"", b"PAR1 nonsense PAR1"], ids=["empty", "nonsense"])
def test_a_part_that_is_there_and_damaged_is_refused(run, content):
    name = run.shard(1)[0].name
    run.store.write(name, content)
    with pytest.raises(
        DataError, match=r"part-00001\.parquet in the store is damaged.*move .*/s[0-9a-f]{16} away"
    ):
        run.shard(1)


def test_a_part_of_other_rows_is_refused(run):
    other = run.store.read(run.shard(0)[0].name)
    run.store.write(run.shard(1)[0].name, other)
    with pytest.raises(DataError, match=r"part-00001\.parquet in the store is damaged"):
        run.shard(1)


@pytest.mark.parametrize("harm", ["altered", "removed"])
def test_what_is_published_is_verified_before_it_is_said_to_be_there(run, harm):
    done = run.manifest()
    scores.publish(done, run.store)
    name = done.parts[1].name
    run.store.write(name, run.store.read(name)[:-1] + b"?") if harm == "altered" else run.store.remove(name)
    with pytest.raises(DataError, match=r"part-00001\.parquet in the store is not what .*done\.json says"):
        scores.published(run.score_id, run.store)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"parts": 3}'])
def test_a_manifest_that_is_none_is_refused(run, content):
    run.store.write(f"{scores.place(run.score_id)}/done.json", content)
    with pytest.raises(DataError, match=r"done\.json in the store is damaged"):
        scores.published(run.score_id, run.store)


def test_a_manifest_of_another_format_is_refused(run):
    done = replace(run.manifest(), version=2)
    with pytest.raises(DataError, match="of the format 2"):
        Scores.parse("done.json", done.to_bytes())


def test_the_same_rows_have_the_same_place_and_others_another(run, people, bundle, store, by):
    asked = Asked.of_bundle(json.loads(bundle.files["contract.json"]))

    def place_of(table, rows=400, bundle_id=by.model.bundle_id):
        taken = intake.take_in(
            Taken(table.lazy()), asked, shard_rows=rows, most_refused_fraction=1, folder=FOLDER, store=store
        )
        return scores.score_id(bundle_id, taken.data_version, taken)

    places = [
        place_of(people),
        place_of(people.reverse()),
        place_of(people, rows=300),
        place_of(people, bundle_id="another"),
        place_of(people.head(1499)),
        place_of(people.with_columns(age=pl.when(pl.int_range(1500) == 9).then(7).otherwise("age"))),
        place_of(people.with_columns(age=pl.when(pl.int_range(1500) == 9).then(8).otherwise("age"))),
    ]
    assert place_of(people) == places[0]
    assert len(set(places)) == len(places)
