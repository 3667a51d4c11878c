"""What an approved run leaves behind."""

import base64
import json
import os
import re

import pandas as pd
import pytest

from components import config
from components.config import GATES
from components.release import bundle

CARDS = {
    "start": ["# Data", "data version"],
    "search": ["# Search", "trial"],
    "choose": ["# Choice", "(chosen)", "data:image/svg+xml"],
    "evaluate": ["# Evaluation", "ROC AUC", "data:image/svg+xml"],
    "audit": ["# Fairness", "demographic parity", "data:image/svg+xml", "# Ageing", "No column says when"],
    "explain": ["# Explanation", "loss when permuted", "data:image/svg+xml"],
    "judge": ["S02", "limit"],
}
"""By step, what its card says."""


def test_it_is_approved(trained):
    assert trained.decision["outcome"] == "approved"


def test_the_artifact_and_the_file_are_the_same_decision(trained):
    assert json.loads(json.dumps(trained.artifact("decision").to_json())) == trained.decision


def test_the_decision_has_its_promised_form(trained):
    assert set(trained.decision) == {
        "outcome", "run", "data_version", "holdout_id", "holdout_uses", "bundle_id", "checks",
    }  # fmt: skip


def test_every_check_has_its_promised_form(trained):
    keys = {"code", "title", "status", "value", "interval", "threshold", "reason"}
    assert all(set(check) == keys for check in trained.decision["checks"])


def test_every_gate_has_its_say(trained):
    assert {check["code"] for check in trained.decision["checks"]} == set(GATES) - {"K03"}  # of numbers


def test_the_decision_names_its_run(trained):
    assert trained.decision["run"] == trained.run().pathspec


def test_the_bundle_verifies_under_the_id_that_was_decided_on(trained):
    assert bundle.verify(trained.build / "bundle", trained.decision["bundle_id"])


def test_the_bundle_keeps_what_its_answers_mean_and_by_what_they_are_judged(trained):
    terms = json.loads((trained.build / "bundle" / "lineage.json").read_text(encoding="utf-8"))["terms"]
    objective = config.settings(trained.artifact("config", "judge")).objective
    assert (terms["positive"], terms["negatives"], terms["metric"]) == ("true", ["false"], objective.metric)
    assert (terms["worth"]["true_positive"], terms["worth"]["unit"]) == (
        objective.true_positive,
        objective.unit,
    )


def test_mlflow_loads_the_bundle_and_gives_the_scores_of_the_flow(trained, tmp_path, monkeypatch):
    import mlflow

    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    smoke = pd.read_parquet(trained.build / "bundle" / "smoke.parquet")
    model = mlflow.pyfunc.load_model(str(trained.build / "bundle"))
    scores = model.predict(smoke[list(trained.artifact("columns").names)])
    assert scores["y_score"].to_numpy() == pytest.approx(smoke["y_score"].to_numpy(), abs=1e-12)


def test_the_smoke_rows_have_the_scores_of_the_evaluation(trained):
    smoke = pd.read_parquet(trained.build / "bundle" / "smoke.parquet")
    assert smoke["y_score"].tolist() == trained.artifact("evaluation").y_score[: len(smoke)].tolist()


def test_mlflow_has_one_run_that_knows_the_flow_run(trained):
    assert [run.data.tags["metaflow.pathspec"] for run in trained.mlflow_runs()] == [trained.run().pathspec]


def test_the_flow_run_knows_its_mlflow_run(trained):
    assert [run.info.run_id for run in trained.mlflow_runs()] == [trained.artifact("mlflow_run_id")]


def test_mlflow_has_the_bundle_as_challenger(trained):
    version = trained.mlflow.get_model_version_by_alias("small", "challenger")
    assert version.tags["bundle_id"] == trained.decision["bundle_id"]


def test_the_ledger_has_the_approval(trained):
    assert [(entry.event, entry.run, entry.bundle_id) for entry in trained.ledger] == [
        ("approved", trained.run().pathspec, trained.decision["bundle_id"])
    ]


def test_no_artifact_holds_a_local_path(trained):
    # Metaflow's own pointers to the files that a run includes name its store, wherever that is.
    pointers = ("contract_text", "datasheet_text", "lock")
    paths = [os.fsencode(path) for path in (trained.root, trained.root.parents[1])]
    holding = [
        name
        for name, stored in trained.pickled().items()
        if not name.endswith(pointers) and any(path in stored for path in paths)
    ]
    assert not holding


def test_the_report_stands_alone(trained):
    report = (trained.build / "report.html").read_text(encoding="utf-8")
    assert not any(outside in report for outside in ('src="http', 'href="http', "@import", "<link"))


@pytest.fixture(scope="module")
def cards(trained):
    """What the cards of each step hold."""
    code = (
        "import json, metaflow; from metaflow.cards import get_cards; metaflow.namespace(None);"
        f"run = metaflow.Run('{trained.run().pathspec}');"
        f"print(json.dumps({{name: [card.get() for card in get_cards(run[name].task)] for name in {list(CARDS)}}}))"
    )
    done = trained.python("-c", code)
    assert done.code == 0, done.output
    return json.loads(done.output.splitlines()[-1])


@pytest.mark.parametrize("step", CARDS)
def test_a_step_worth_seeing_has_a_card_that_shows_what_it_found(cards, step):
    (page,) = cards[step]
    written = base64.b64decode(re.search(r'__MF_DATA__\["[^"]+"\] = "([^"]+)"', page)[1]).decode()
    assert [said for said in CARDS[step] if said not in written] == []
