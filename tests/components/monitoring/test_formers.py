"""What the champions before would have scored on the same labelled rows, by their own programs."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from components.monitoring import formers
from components.monitoring.accounts import account_of
from components.monitoring.answers import Answers, answers
from components.monitoring.formers import Former, compared
from components.monitoring.labels import joined, settled
from components.monitoring.looking import labelled
from components.monitoring.watched import Watched
from components.release.export import program
from components.training import fitting
from components.training.examples import examples
from components.training.features import Columns
from components.training.outcomes import ClassValues, ErrorValues
from components.training.target import Target
from components.validation.metrics import METRICS
from tests.components.monitoring.sample import LIMITS, TARGET, VALUE, _made, labels, log, model, table, window

AT = "2016-06-01T00:00:00+00:00"


@cache
def found(rows: int = 3000):
    asked = log(2017).head(rows).lazy()
    known = joined(asked, settled(labels(2017).lazy(), until=window(2019).end, of=asked))
    return known, answers(known.rows, TARGET, labelled=True)


@cache
def poor() -> Former:
    """A linear model of a few hundred rows, which the champion replaced."""
    columns = _made()[2]
    few = examples(table().filter(pl.col("year") == 2015).head(400), columns=columns, target=TARGET)
    fitted = fitting.fit("linear", {"C": 1e-3}, few, few, columns=columns, value=VALUE, alpha=0.01, seed=1)
    made = program(fitted.predictor, columns, few.X)
    lineage = {"threshold": fitted.predictor.threshold, "task": "binary", "classes": []}
    return Former("f" * 64, AT, {**made.files, "lineage.json": json.dumps(lineage).encode()})


def same() -> Former:
    return Former("c" * 64, AT, model().files)


def test_a_poorer_model_would_have_scored_less_on_the_very_same_rows():
    told = compared(found()[1], [poor()], model(), seed=1)
    (former,) = told["formers"]
    assert (told["rows"], former["bundle_id"], former["promoted_at"], former["problem"]) == (
        3000,
        "f" * 64,
        AT,
        "",
    )
    assert former["difference"]["low"] > 0
    assert former["difference"]["value"] == pytest.approx(
        told["champion"]["metric"]["value"] - former["metric"]["value"]
    )
    assert former["metric"]["low"] < former["metric"]["value"] < former["metric"]["high"]


def test_groups_and_weights_count_as_in_the_champions_account():
    once = found()[1]
    four, person = (
        [np.concatenate([each] * 4) for each in (once.y_score, once.truth)],
        np.arange(len(once.truth)),
    )
    rows = pl.concat([once.rows] * 4).with_columns(
        person=pl.Series(np.tile(person, 4)), weight=pl.Series(np.tile(1.0 + person % 3, 4))
    )
    several = replace(once, rows=rows, y_score=four[0], y_true=four[1], y_pred=np.tile(once.y_pred, 4))
    told = compared(several, [same()], replace(model(), group=("person",), weight="weight"), seed=1)
    metric = told["champion"]["metric"]
    weighted = roc_auc_score(several.truth, several.y_score, sample_weight=rows["weight"])
    assert metric["value"] == pytest.approx(weighted, abs=1e-9)
    alone = compared(several, [same()], replace(model(), weight="weight"), seed=1)["champion"]["metric"]
    assert metric["high"] - metric["low"] == pytest.approx(2 * (alone["high"] - alone["low"]), rel=0.05)
    lacking = compared(once, [same()], replace(model(), group=("person",)), seed=1)
    assert "person (data.group) is not in the log" in lacking["unknown"]


def test_its_own_program_answers():
    rows, columns = found()[0].rows, _made()[2]
    few = table().filter(pl.col("year") == 2015).head(400)
    fitted = fitting.fit(
        "linear", {"C": 1e-3}, *[examples(few, columns=columns, target=TARGET)] * 2,
        columns=columns, value=VALUE, alpha=0.01, seed=1,
    )  # fmt: skip
    score = fitted.predictor.respond(
        examples(rows.with_columns(employed="y_true"), columns=columns, target=TARGET).X
    )
    truth = found()[1].truth
    (former,) = compared(found()[1], [poor()], model(), seed=1)["formers"]
    assert former["metric"]["value"] == pytest.approx(roc_auc_score(truth, score), abs=1e-9)
    assert former["gap"]["value"] == pytest.approx(np.mean(truth - score), abs=1e-9)


def test_the_champions_own_program_differs_by_nothing():
    told = compared(found()[1], [same()], model(), seed=1)
    assert told["formers"][0]["difference"]["value"] == pytest.approx(0, abs=1e-12)
    assert told["formers"][0]["metric"]["value"] == pytest.approx(
        told["champion"]["metric"]["value"], abs=1e-12
    )


def test_of_many_rows_the_same_are_drawn_for_all(monkeypatch):
    monkeypatch.setattr(formers, "MOST_ROWS", 500)
    told = compared(found()[1], [same(), poor()], model(), seed=1)
    assert told["rows"] == 500
    assert {each["difference"]["rows"] for each in told["formers"]} == {500}
    assert told == compared(found()[1], [same(), poor()], model(), seed=1)


def test_an_input_that_the_log_does_not_keep_is_named():
    told = answers(found()[0].rows.drop("education"), TARGET, labelled=True)
    (former,) = compared(told, [poor()], model(), seed=1)["formers"]
    assert (former["metric"], former["difference"]) == (None, None)
    assert former["problem"] == "The log does not keep education (serving.log_columns)."


def test_a_bundle_that_cannot_be_had_and_one_of_another_task_say_so():
    gone = Former("a" * 64, AT, {}, "Its bundle is not in this Metaflow datastore.")
    lineage = {"threshold": 0.5, "task": "multiclass", "classes": ["x", "y", "z"]}
    other = Former("b" * 64, AT, {**poor().files, "lineage.json": json.dumps(lineage).encode()})
    told = compared(found()[1], [gone, other, same()], model(), seed=1)["formers"]
    assert [each["problem"] for each in told] == [
        gone.problem,
        "It predicts another target, or other classes.",
        "",
    ]


def test_a_program_that_does_not_run_is_told_and_the_others_are_asked():
    broken = Former("b" * 64, AT, {**poor().files, "program.pyz": b"nothing"})
    told = compared(found()[1], [broken, same()], model(), seed=1)["formers"]
    assert "does not run on its own" in told[0]["problem"]
    assert told[1]["problem"] == ""


def test_one_class_only_has_no_metric_and_still_a_mean():
    rows = found()[0].rows.filter(pl.col("y_true"))
    told = compared(answers(rows, TARGET, labelled=True), [same()], model(), seed=1)
    assert told["champion"]["metric"] is None
    assert told["champion"]["gap"]["value"] > 0
    assert "every class" in told["formers"][0]["problem"]


def test_the_account_of_a_window_has_it_and_without_a_former_champion_nothing():
    options = {"trials": {}, "before": []}
    account = labelled(found()[0], window(2017), model(), "production", LIMITS, formers=[poor()], **options)
    again = account_of(json.loads(json.dumps(account.to_json())))
    assert again.details["formers"]["formers"][0]["difference"]["low"] > 0
    alone = labelled(found()[0], window(2017), model(), "production", LIMITS, **options)
    assert alone.details["formers"] == {}
    assert [each.key for each in alone.findings] == [each.key for each in account.findings]


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_of_several_classes_and_of_numbers_the_program_answers_too(task):
    draw = np.random.default_rng(2)
    rows = pl.DataFrame({"a": draw.normal(size=900), "b": draw.normal(size=900)})
    signal = 2 * rows["a"].to_numpy() + draw.normal(size=900)
    names = ("p", "q", "r")
    target = Target("y_true", task, names if task == "multiclass" else ())
    value = ClassValues(np.eye(3), "dollars") if target.several else ErrorValues(-1.0, -2.0, "dollars")
    y = np.array(names)[np.digitize(signal, [-1, 1])] if target.several else signal
    rows, columns = rows.with_columns(y_true=pl.Series(y)), Columns(("a", "b"), ())
    known = examples(rows, columns=columns, target=target)
    fitted = fitting.fit("linear", {"C": 1.0}, known, known, columns=columns, value=value, alpha=0.01, seed=1)
    lineage = {
        "threshold": np.eye(3).tolist() if target.several else 0.5,
        "task": task,
        "classes": list(target.several),
    }
    files = {
        **program(fitted.predictor, columns, known.X, target.several).files,
        "lineage.json": json.dumps(lineage).encode(),
    }
    score = fitted.predictor.respond(known.X)
    worse = np.full_like(score, 1 / 3) if target.several else np.zeros(900)
    watched = Watched("w" * 64, files, target, "log_loss" if target.several else "r2", value)
    told = compared(Answers(worse, known.y, known.y, rows), [Former("f" * 64, AT, files)], watched, seed=1)
    (former,) = told["formers"]
    assert former["problem"] == ""
    assert former["difference"]["high"] < 0
    assert former["metric"]["value"] == pytest.approx(
        METRICS[watched.metric].function(known.y, score), abs=1e-6
    )
    assert (former["gap"] is None) == bool(target.several)
