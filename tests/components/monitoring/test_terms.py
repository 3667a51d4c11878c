"""A bundle is judged by what it was trained for, whatever the project's settings have become."""

import json
from dataclasses import replace

from components.monitoring.terms import Terms, terms_of
from components.training.outcomes import ClassValues, ErrorValues, OutcomeValues

WORTH = {
    "unit": "dollars", "true_positive": 1.0, "false_positive": -1.0, "true_negative": 0.0, "false_negative": 0.0,
    "right": 1.0, "wrong": -2.0, "worth": {"a": {"b": -5.0}}, "too_high": -1.0, "too_low": -3.0,
}  # fmt: skip
THEN = Terms("yes", ("no",), "roc_auc", WORTH, ("household",), "weight")
TODAY = Terms("no", (), "log_loss", {**WORTH, "true_positive": 9.0})


def bundle(lineage: dict, title: str = "Primary metric (roc_auc)") -> dict[str, bytes]:
    decision = {"checks": [{"code": "U01", "title": "Utility (log_loss)"}, {"code": "P01", "title": title}]}
    return {"lineage.json": json.dumps(lineage).encode(), "decision.json": json.dumps(decision).encode()}


def test_a_bundle_keeps_its_terms_whatever_is_set_today():
    assert terms_of(bundle({"terms": THEN.to_json()}), TODAY) == THEN


def test_an_older_bundle_has_those_of_today_and_the_metric_that_approved_it():
    assert terms_of(bundle({}), TODAY) == replace(TODAY, metric="roc_auc")
    for title in ("", "Primary metric (something)"):
        assert terms_of(bundle({}, title), TODAY) == TODAY


def test_they_tell_what_is_predicted_and_what_it_is_worth():
    binary = THEN.target("y", {"task": "binary"})
    assert (binary.classes, binary.negatives) == (("yes",), ("no",))
    assert THEN.value(binary) == OutcomeValues(1.0, -1.0, 0.0, 0.0, "dollars")
    several = THEN.target("y", {"task": "multiclass", "classes": ["a", "b", "c"]})
    values = THEN.value(several)
    assert isinstance(values, ClassValues)
    assert values.table.tolist() == [[1, -5, -2], [-2, 1, -2], [-2, -2, 1]]
    assert THEN.value(THEN.target("y", {"task": "regression"})) == ErrorValues(-1.0, -3.0, "dollars")
