"""A challenger beside the champion: in the shadow it answers nobody, in a split its own keys; the log tells all."""

from pathlib import Path

import polars as pl
import pytest

from components.serving.model import Model
from components.serving.prediction_log import read
from components.training.features import Columns
from tests.components.serving.bundles import COLUMNS, ROW, Bundle, bundle, deploy, people
from tests.components.serving.conftest import serving

COUNT = 60


@pytest.fixture(scope="module")
def champion() -> Bundle:
    return bundle("TrainFlow/1", C=1.0)


@pytest.fixture(scope="module")
def challenger() -> Bundle:
    return bundle("TrainFlow/2", C=0.001)


@pytest.fixture
def folder(tmp_path: Path, champion: Bundle, challenger: Bundle) -> Path:
    folder = tmp_path / "deployment"
    for each in (champion, challenger):
        each.write(folder)
    return folder


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    return people().select(list(ROW)).head(COUNT).to_dicts()


def scores(folder: Path, of: Bundle, rows: list[dict[str, object]]) -> list[float]:
    model = Model.load(folder / "bundles" / of.bundle_id)
    columns = {name: [row[name] for row in rows] for name in ROW}
    return list(model.predict(model.rules.check(columns, len(rows)).arrays)["y_score"])


def logged(folder: Path, variant: str) -> pl.DataFrame:
    table, damaged = read(folder)
    assert damaged == 0
    return table.filter(pl.col("variant") == variant).sort("prediction_id")


def test_a_shadow_is_logged_beside_the_champion_and_answers_nobody(
    tmp_path, folder, champion, challenger, rows
):
    deploy(folder, champion.bundle_id, challenger=challenger.bundle_id, mode="shadow")
    with serving(["--deployment", str(folder)], tmp_path) as served:
        status, content = served.post({"dataframe_records": rows})
        name = "/v2/models/job_coaching/versions/"
        by_name = [served.ask("GET", name + version)[0] for version in ("1", "2")]
    assert by_name == [200, 404]
    assert status == 200
    assert [each["y_score"] for each in content["predictions"]] == scores(folder, champion, rows)
    answered, shadow = (logged(served.log_folder, name) for name in ("champion", "shadow"))
    assert answered["prediction_id"].to_list() == shadow["prediction_id"].to_list()
    assert sorted(shadow["y_score"]) == sorted(scores(folder, challenger, rows))
    assert set(shadow["bundle_id"]) == {challenger.bundle_id}


def test_a_shadow_leaves_aside_the_columns_that_it_does_not_know(tmp_path, folder, champion, rows):
    fewer = bundle("TrainFlow/3", columns=Columns(("age", "education"), COLUMNS.categorical))
    fewer.write(folder)
    deploy(folder, champion.bundle_id, challenger=fewer.bundle_id, mode="shadow")
    with serving(["--deployment", str(folder)], tmp_path) as served:
        assert served.post({"dataframe_records": rows})[0] == 200
    shadow = logged(served.log_folder, "shadow")
    assert (shadow.height, set(shadow["foreign_born"])) == (COUNT, {None})


def test_a_row_that_was_set_aside_has_no_shadow(tmp_path, folder, champion, challenger, rows):
    said = {"challenger": challenger.bundle_id, "mode": "shadow", "serving": {"bad_rows": "set_aside"}}
    deploy(folder, champion.bundle_id, **said)
    bad = [{**rows[0], "age": 1000}, *rows[1:3]]
    with serving(["--deployment", str(folder)], tmp_path) as served:
        assert served.post({"dataframe_records": bad})[0] == 200
    for variant in ("champion", "shadow"):
        assert [each.rpartition(":")[2] for each in logged(served.log_folder, variant)["prediction_id"]] == [
            "1",
            "2",
        ]


def test_a_split_answers_each_key_by_one_of_the_two_whatever_the_request(
    tmp_path, folder, champion, challenger, rows
):
    said = {"challenger": challenger.bundle_id, "mode": "split", "share": 0.5, "sticky": "education"}
    deploy(folder, champion.bundle_id, **said)
    with serving(["--deployment", str(folder)], tmp_path) as served:
        status, content = served.post({"dataframe_records": rows})
        alone = [served.post({"dataframe_records": [row]})[1]["predictions"][0]["y_score"] for row in rows]
    assert status == 200
    together = [each["y_score"] for each in content["predictions"]]
    by = {"champion": scores(folder, champion, rows), "challenger": scores(folder, challenger, rows)}
    who = [
        "champion" if each == pytest.approx(by["champion"][n], abs=1e-12) else "challenger"
        for n, each in enumerate(together)
    ]
    assert set(who) == {"champion", "challenger"}
    assert together == pytest.approx([by[name][n] for n, name in enumerate(who)], abs=1e-12)
    assert alone == pytest.approx(together, abs=1e-12)
    of_key: dict[object, set[str]] = {}
    for row, name in zip(rows, who, strict=True):
        of_key.setdefault(row["education"], set()).add(name)
    assert all(len(names) == 1 for names in of_key.values())
    assert logged(served.log_folder, "challenger").height == 2 * who.count("challenger")


def test_a_key_is_one_however_it_is_written_and_must_be_there(tmp_path, folder, champion, challenger, rows):
    said = {"challenger": challenger.bundle_id, "mode": "split", "share": 0.5, "sticky": "age"}
    deploy(folder, champion.bundle_id, **said)
    ages = range(20, 50)
    with serving(["--deployment", str(folder)], tmp_path) as served:
        for age in ages:
            for written in (age, float(age), str(age), f" {age}"):
                assert served.post({"dataframe_records": [{**rows[0], "age": written}]})[0] == 200
        status, content = served.post(
            {"dataframe_records": [{k: v for k, v in rows[0].items() if k != "age"}]}
        )
    assert (status, "decides who answers" in content["error"]) == (422, True)
    table, _ = read(served.log_folder)
    of_age = table.group_by("age").agg(pl.col("variant").n_unique().alias("variants"), pl.len())
    assert (set(of_age["variants"]), set(of_age["len"])) == ({1}, {4})
