"""What could not be asked of a window is a finding without a judgement, never silence."""

import json

from components.monitoring.untested import MOST_NAMED, NOT_LOGGED, few_rows, not_logged, sensitive_not_logged
from components.monitoring.watched import Watched
from components.training.outcomes import OutcomeValues
from components.training.target import Target

CONTRACT = {"features": [{"name": "age"}], "optional": [{"name": "sex"}, {"name": "household"}]}
MODEL = Watched(
    "b" * 64, {"contract.json": json.dumps(CONTRACT).encode()}, Target("y"), "roc_auc", OutcomeValues(1, -1, 0, 0, "dollars")
)  # fmt: skip


def test_few_rows_leave_each_kind_unjudged_and_enough_none():
    found = few_rows(["drift", "association"], 150, 200)
    assert [(each.key, each.alarm, each.judged) for each in found] == [
        ("drift", False, False), ("association", False, False)
    ]  # fmt: skip
    assert "150 rows; 200 are wanted (monitoring.min_rows)" in found[0].reason
    assert few_rows(["drift"], 200, 200) == []


def test_what_the_model_reads_is_drift_that_is_not_judged_and_the_rest_is_missing():
    drift, missing = not_logged(["sex", "age", "y_score"], MODEL)
    assert (drift.key, drift.judged, drift.value) == (f"drift {NOT_LOGGED}", False, 2)
    assert "age, y_score are not in the log" in drift.reason
    assert (missing.key, missing.judged) == (f"missing {NOT_LOGGED}", False)
    assert not_logged([], MODEL) == []


def test_of_many_columns_some_are_named():
    (found,) = not_logged([f"x{number}" for number in range(500)], MODEL)
    assert f"and {500 - MOST_NAMED} more are not in the log" in found.reason


def test_sensitive_features_that_are_not_logged_leave_fairness_unjudged():
    (found,) = sensitive_not_logged(["sex", "race"], ["race"])
    assert (found.kind, found.judged) == ("fairness", False)
    assert sensitive_not_logged(["race"], ["race"]) == []
