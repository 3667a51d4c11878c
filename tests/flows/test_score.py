"""A table is scored by the champion, once and whole, and one that it cannot score is refused with an account."""

import json
import os
import shutil

import numpy as np
import polars as pl
import pytest

from components.release.ledger import Ledger
from components.serving.model import Model
from tests.flows import faults, runs
from tests.flows.project import COLUMNS, TARGET, changed, rows, toml

SETTINGS = changed(scoring={"shard_rows": 1500, "tasks": 2}, data={"max_quarantined_fraction": 0.05})


def promoted(project, environment="production"):
    """The project, whose first bundle is now the champion of an environment; as a deployment writes it."""
    entry = project.ledger[0]
    Ledger(project.store).append(
        event="promoted", run=entry.run, bundle_id=entry.bundle_id, by="tester", why="the first one",
        details={"environment": environment, "pathspec": entry.details["pathspec"]},
    )  # fmt: skip
    return project


@pytest.fixture(scope="module")
def project(trained, tmp_path_factory):
    """A copy of the trained project with a champion, and in the order of this file all that it scores."""
    project = promoted(runs.copied(trained, tmp_path_factory.mktemp("scored") / "project"))
    (project.root / "config.toml").write_text(toml(SETTINGS), encoding="utf-8")
    return project


@pytest.fixture
def fresh(trained, tmp_path):
    """A copy of its own."""
    project = promoted(runs.copied(trained, tmp_path / "project"))
    (project.root / "config.toml").write_text(toml(SETTINGS), encoding="utf-8")
    return project


@pytest.fixture(scope="module")
def first(project):
    """The first scoring: the configured source, nothing said."""
    done = project.score()
    assert done.code == 0, done.output
    return done, places(project)[0]


def places(project):
    """The scores in the store."""
    folder = project.root / "store" / "scores"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def manifest(project, place):
    """What done.json says."""
    return json.loads((project.root / "store" / "scores" / place / "done.json").read_text(encoding="utf-8"))


def scores(project, place):
    """All parts, as the manifest has them."""
    return pl.concat(
        [pl.read_parquet(project.root / "store" / part["name"]) for part in manifest(project, place)["parts"]]
    )


def whole(project, place, table):
    """None, if each row of the table stands there once, and nothing is left lying about."""
    found = scores(project, place)
    assert found["prediction_id"].to_list() == [f"{place}:{n}" for n in range(table.height)]
    names = {name.rpartition("/")[2] for name in project.store.names(f"scores/{place}")}
    done = manifest(project, place)
    assert names == {"done.json"} | {
        part["name"].rpartition("/")[2] for part in (*done["parts"], *done["refused"])
    }
    assert not (project.root / "store" / "incoming").exists() or not list(
        (project.root / "store" / "incoming").glob("*/*")
    )


def test_every_row_is_there_once_in_its_order(first, project):
    whole(project, first[1], rows())


def test_the_scores_are_those_of_the_served_model(first, project):
    model = Model.load(project.build / "bundle")
    table, found = rows(), scores(project, first[1])
    wanted = model.predict(
        {name: np.array(table[name].to_list(), dtype=object) for name in model.program.inputs}
    )
    assert np.abs(found["y_score"].to_numpy() - np.array(wanted["y_score"])).max() <= 1e-9
    assert found["y_pred"].to_list() == wanted["y_pred"]


def test_each_row_says_by_what_it_was_scored(first, project):
    entry, found = project.ledger[0], scores(project, first[1])
    told = found.select("bundle_id", "model_version", "variant", "data_version").unique().rows()
    assert told == [
        (entry.bundle_id, entry.run.partition("/")[2], "batch", manifest(project, first[1])["data_version"])
    ]
    assert set(COLUMNS) <= set(found.columns)
    assert TARGET not in found.columns


def test_the_manifest_says_where_the_rows_come_from(first, project):
    about = manifest(project, first[1])["about"]
    assert (about["source"], about["environment"]) == ("data/table.parquet", "production")
    assert about["run"].startswith("ScoreFlow/")


def test_the_terminal_says_where_they_are(first, project):
    assert (
        f"4,000 rows (data version {manifest(project, first[1])['data_version']}) are scored"
        in first[0].output
    )
    assert f"store/scores/{first[1]}/" in first[0].output


def test_scored_again_it_is_the_same_place_and_says_so(first, project):
    before = {path: path.read_bytes() for path in (project.root / "store" / "scores").rglob("*.*")}
    done = project.score("--source", "data/table.parquet")
    assert done.code == 0, done.output
    assert "were scored by this bundle before; nothing was written anew" in done.output
    assert {path: path.read_bytes() for path in (project.root / "store" / "scores").rglob("*.*")} == before


def test_what_a_run_left_long_ago_is_cleared_and_what_another_left_now_is_not(project, first):
    waiting = project.root / "store" / "incoming" / "ScoreFlow"
    for run in ("1", "2"):
        (waiting / run).mkdir(parents=True)
        (waiting / run / "rows-00000.parquet").write_bytes(b"rows")
    os.utime(waiting / "1" / "rows-00000.parquet", (0, 0))
    done = project.score()
    assert done.code == 0, done.output
    assert [path.name for path in waiting.iterdir()] == ["2"]
    shutil.rmtree(waiting / "2")


def test_bad_rows_are_set_aside_and_told(project, first):
    bad = pl.int_range(pl.len()).is_in([5, 3999])
    table = rows().with_columns(age=pl.when(bad).then(7).otherwise("age"), extra=pl.lit("not asked for"))
    table.drop(TARGET).write_csv(project.root / "data" / "new.csv")
    done = project.score("--source", "data/new.csv")
    assert done.code == 0, done.output
    assert "2 rows break its contract and were set aside" in done.output
    place = next(each for each in places(project) if each != first[1])
    kept = [
        pl.read_parquet(project.root / "store" / part["name"]) for part in manifest(project, place)["refused"]
    ]
    told = pl.concat(kept)
    assert told["prediction_id"].to_list() == [f"{place}:5", f"{place}:3999"]
    assert all(reason.startswith("age: below ") for reason in told["reasons"])
    assert scores(project, place).height == 3998


def test_a_data_version_of_the_store_is_scored_under_its_name(project):
    version, before = project.decision["data_version"], places(project)
    done = project.score("--data-version", version)
    assert done.code == 0, done.output
    (place,) = [each for each in places(project) if each not in before] or [before[0]]
    assert manifest(project, place)["data_version"] == version


def refused(project, *words):
    """What it says; nothing new is in the store."""
    before = places(project)
    done = project.score(*words)
    assert done.code != 0
    assert places(project) == before
    assert "Traceback" not in done.output, done.output
    return " ".join(done.output.split())


def test_a_table_that_has_drifted_is_refused(project):
    rows().with_columns(age=pl.when(pl.int_range(pl.len()) % 4 == 0).then(7).otherwise("age")).write_parquet(
        project.root / "data" / "drifted.parquet"
    )
    told = refused(project, "--source", "data/drifted.parquet")
    assert "The table has drifted out of the bundle's contract" in told
    assert "at most 5.00% of all may" in told
    assert "Nothing was scored; the rows with their reasons are kept in incoming/ScoreFlow/" in told


def test_a_table_without_a_column_is_refused(project):
    rows().drop("education").write_parquet(project.root / "data" / "lacking.parquet")
    assert "The table has no column education" in refused(project, "--source", "data/lacking.parquet")


def test_a_source_and_a_version_are_refused_together(project):
    told = refused(project, "--source", "data/table.parquet", "--data-version", "d0123456789abcdef")
    assert "name one or the other" in told


def test_where_there_is_no_champion_nothing_is_scored(project):
    assert "staging has no champion that could score" in refused(project, "--environment", "staging")


def test_a_bundle_that_is_named_needs_no_champion_and_one_that_was_rejected_is_refused(project):
    card = {"documents/model_card.md": b"# Another model card\n"}
    entry = runs.beside(project, "2", card)
    done = project.score("--environment", "staging", "--bundle", entry.bundle_id[:8])
    assert done.code == 0, done.output
    assert any(manifest(project, place)["bundle_id"] == entry.bundle_id for place in places(project))
    rejected = runs.beside(project, "3", {"documents/model_card.md": b"# A third\n"}, event="rejected")
    assert "was rejected" in refused(project, "--bundle", rejected.run)


def test_a_champion_whose_bundle_was_altered_is_refused(fresh):
    run_id = fresh.ledger[0].run.partition("/")[2]
    files = runs.bundle(fresh, run_id)
    runs.store(fresh, run_id, files | {"contract.json": files["contract.json"] + b" "})
    assert "contract.json: altered" in refused(fresh)


def killed(project, *moments):
    """The run, started and resumed until it has died at each of these moments, to its end."""
    faults.arm(project, *moments)
    done = project.score()
    for _ in moments:
        if done.code == 0:
            break
        done = project.score(resumed=project.run(flow="ScoreFlow").id)
    assert done.code == 0, done.output
    assert [moment for moment in moments if not faults.grave(project, moment).exists()] == []


def test_a_run_that_dies_and_is_resumed_leaves_neither_gaps_nor_doubles(fresh, first, project):
    killed(fresh, "part", "manifest")
    assert places(fresh) == [first[1]]
    whole(fresh, first[1], rows())


@pytest.mark.system
@pytest.mark.parametrize("moment", faults.SCORING)
def test_it_may_die_at_any_step(fresh, first, project, moment):
    killed(fresh, moment)
    assert places(fresh) == [first[1]]
    whole(fresh, first[1], rows())
    same = ["prediction_id", *COLUMNS, "y_score", "y_pred"]
    assert scores(fresh, first[1]).select(same).equals(scores(project, first[1]).select(same))


@pytest.mark.system
@pytest.mark.parametrize("moment", ["shard", "part", "manifest", "done"])
def test_a_new_run_goes_on_where_one_died(fresh, first, moment):
    faults.arm(fresh, moment)
    assert fresh.score().code != 0
    done = fresh.score()
    assert done.code == 0, done.output
    assert places(fresh) == [first[1]]
    assert scores(fresh, first[1])["prediction_id"].n_unique() == 4000
    assert ("scored by this bundle before" in done.output) == (moment == "done")


@pytest.mark.system
def test_of_two_at_once_there_is_one_result(fresh, first):
    running = [fresh.start("run", flow="score") for _ in range(2)]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], "\n".join(outputs)
    assert places(fresh) == [first[1]]
    whole(fresh, first[1], rows())
