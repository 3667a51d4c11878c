"""`make retrain`: what a monitor asked for is trained, judged and deployed once; what is unworthy is refused."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from components.release.ledger import Ledger
from components.release.retraining import BEGUN, ENDED, REQUESTED, tried
from components.serving.program import Program
from tests.flows import faults, runs
from tests.flows.project import TARGET, changed, rows, toml
from tests.flows.watched import label, people, serve, watched


def ask(project, window: str):
    """A request as a monitor makes it."""
    champion = Ledger(project.store).champion()
    return Ledger(project.store).append(
        event=REQUESTED, run=champion.run, bundle_id=champion.bundle_id, by="monitor", why=f"calibration in {window}",
        details={"environment": "production", "window": window, "end": "", "alerts": []}, once_key=f"retraining {window}",
    )  # fmt: skip


def retrain(project, *words: str):
    return project.python("-m", "flows.retrain", *words)


def die(project) -> None:
    """Let `make retrain` be killed at the next moment; what is armed counts where its module is imported."""
    done = project.python("-c", "from flows.retrain import main; raise SystemExit(main([]))")
    assert done.code == -signal.SIGKILL, done.output


def since(project, count: int) -> list[str]:
    return [entry.event for entry in Ledger(project.store).entries()[count:] if entry.event != "waived"]


@pytest.fixture(scope="module")
def answered(trained, tmp_path_factory):
    """A project with more rows than its champion has seen, after a request was answered; and what was said.

    Who answered was killed twice, before it trained and before it deployed what the gates had approved.
    """
    project = watched(trained, tmp_path_factory.mktemp("retrained") / "project")
    rows(5000).write_parquet(project.root / "data" / "table.parquet")
    faults.arm(project, *faults.RETRAINING)
    before, request = len(Ledger(project.store).entries()), ask(project, "2016")
    for _ in faults.RETRAINING:
        die(project)
    return project, before, request, retrain(project)


@pytest.mark.system
def test_a_request_ends_in_a_new_champion_also_after_whoever_answered_was_killed(answered):
    """What was decided is not trained again."""
    project, before, request, done = answered
    assert done.code == 0, done.output
    assert since(project, before) == [
        REQUESTED, BEGUN, ENDED, BEGUN, "approved", ENDED, BEGUN, "promoted", ENDED,
    ]  # fmt: skip
    last = {entry.event: entry for entry in Ledger(project.store).entries()}
    approved, promoted, ended = last["approved"], last["promoted"], last[ENDED]
    assert approved.details["cause"] == request.hash
    assert (promoted.bundle_id, ended.details["outcome"]) == (approved.bundle_id, "promoted")
    assert project.served()["champion"] == approved.bundle_id != request.bundle_id


@pytest.mark.system
def test_nothing_retrains_twice_for_one_cause(answered):
    project = answered[0]
    before = len(Ledger(project.store).entries())
    done = retrain(project)
    assert (done.code, "Nothing asks for another training" in done.output) == (0, True)
    assert since(project, before) == []


@pytest.fixture(scope="module")
def looked_back(answered, tmp_path_factory):
    """A copy that was monitored on a labelled year, after one more bundle was promoted, rolled back and altered."""
    project = runs.copied(answered[0], tmp_path_factory.mktemp("looked") / "project")
    ledger = Ledger(project.store)
    champion, lost = ledger.champion(), runs.beside(project, "77", {"datasheet.md": b"# Another datasheet\n"})
    for bundle in (lost, champion):
        ledger.append(
            event="promoted", run=bundle.run, bundle_id=bundle.bundle_id, by="tester", why="to be looked at",
            details={"environment": "production", "pathspec": bundle.details["pathspec"]},
        )  # fmt: skip
    runs.store(project, "77", {**runs.bundle(project, "77"), "datasheet.md": b"altered"})
    asked = people(2016)
    label(project, asked, serve(project, asked, 2016, champion), 2016)
    done = project.monitor("--since", "2016", "--until", "2017-06-01", "--window", "year", "--k", "1")
    assert done.code == 0, done.output
    (path,) = (project.root / "store" / "monitoring").glob(f"*-{champion.bundle_id[:12]}-labelled.json")
    return project, asked, lost, json.loads(path.read_text())["details"]["formers"]


@pytest.mark.system
def test_a_monitor_tells_what_the_champion_before_would_have_scored_on_the_same_rows(looked_back):
    project, asked, _, told = looked_back
    first = project.ledger[0]
    former = told["formers"][-1]
    assert (former["bundle_id"], former["problem"], told["rows"]) == (first.bundle_id, "", asked.height)
    program = Program.load(project.root / "build" / "runs" / first.run.partition("/")[2] / "bundle")
    table = {name: asked[name].cast(pl.String).to_numpy() if asked[name].dtype == pl.Categorical else asked[name].to_numpy() for name in program.inputs}  # fmt: skip
    score, truth = program.predict(table)["y_score"], asked[TARGET].to_numpy()
    assert former["metric"]["value"] == pytest.approx(roc_auc_score(truth, score), abs=1e-9)
    difference = told["champion"]["metric"]["value"] - former["metric"]["value"]
    assert former["difference"]["value"] == pytest.approx(difference, abs=1e-12)
    assert former["difference"]["low"] < difference < former["difference"]["high"]
    page = (project.root / "build" / "monitoring" / "production.html").read_text(encoding="utf-8")
    assert "What the champions before would have scored in 2016" in page


@pytest.mark.system
def test_a_champion_before_whose_bundle_was_altered_is_not_asked_and_named(looked_back):
    _, _, lost, told = looked_back
    former = told["formers"][0]
    assert (former["bundle_id"], former["metric"], former["difference"]) == (lost.bundle_id, None, None)
    assert "datasheet.md" in former["problem"]


@pytest.mark.system
def test_of_two_at_once_one_trains_the_unworthy_is_refused_and_in_the_end_a_person_is_called(answered):
    project = answered[0]
    table = pl.read_parquet(project.root / "data" / "table.parquet")
    champion = project.served()["champion"]
    strict = changed(retraining={"most_failures": 1})
    strict["gates"] = strict["gates"] | {"P01": {"threshold": 0.99}}
    (project.root / "config.toml").write_text(toml(strict), encoding="utf-8")
    table.head(4500).write_parquet(project.root / "data" / "table.parquet")
    before, _ = len(Ledger(project.store).entries()), ask(project, "2017")
    with ThreadPoolExecutor(2) as pool:
        two = sorted(pool.map(lambda _: retrain(project), range(2)), key=lambda done: done.code)
    assert [done.code for done in two] == [0, 1], "\n".join(done.output for done in two)
    assert "Rejected" in two[0].output
    assert "answers a request since" in two[1].output
    assert since(project, before) == [REQUESTED, BEGUN, "rejected", ENDED]
    assert project.served()["champion"] == champion
    before, _ = len(Ledger(project.store).entries()), ask(project, "2018")
    done = retrain(project)
    assert done.code == 1
    assert "a person is to look why" in done.output
    assert "Traceback" not in done.output
    assert since(project, before) == [REQUESTED, "alerted"]


@pytest.fixture
def asked(trained, tmp_path):
    """A project with a champion, a request for another training, and how long the ledger is."""
    project = watched(trained, tmp_path / "project")
    return project, ask(project, "2016"), len(Ledger(project.store).entries())


def test_a_configuration_that_cannot_be_trained_by_is_refused_before_anything_begins(asked):
    project, _, count = asked
    (project.root / "config.toml").write_text(
        toml(changed(search={"families": ["oracle"]})), encoding="utf-8"
    )
    done = retrain(project)
    assert (done.code, "'oracle'" in done.output, "Traceback" in done.output) == (1, True, False), done.output
    assert since(project, count) == []


def test_a_webhook_that_could_call_nobody_is_refused_before_anything_begins(asked):
    project, _, count = asked
    done = project.python("-m", "flows.retrain", MONITOR_WEBHOOK_URL="hooks.example.com/tok-en")
    assert (done.code, "MONITOR_WEBHOOK_URL is no http" in done.output) == (1, True), done.output
    assert "tok-en" not in done.output
    assert since(project, count) == []


def test_a_flow_that_cannot_begin_is_a_failure_that_says_why(asked):
    project, _, count = asked
    with (project.root / "flows" / "train.py").open("a", encoding="utf-8") as code:
        code.write(
            "\nfrom metaflow.exception import MetaflowException\nraise MetaflowException('no such plugin')\n"
        )
    done = retrain(project)
    assert (done.code, "Traceback" in done.output) == (1, False), done.output
    assert "Failed: A flow could not begin: no such plugin" in done.output
    ended = Ledger(project.store).entries()[-1]
    assert since(project, count) == [BEGUN, ENDED]
    assert (ended.details["outcome"], "no such plugin" in ended.why) == ("failed", True)


def test_what_a_person_is_to_approve_is_no_failure_and_not_deployed_until_then(asked):
    project, request, count = asked
    (project.root / "config.toml").write_text(toml(changed(deploy={"approval": True})), encoding="utf-8")
    other = runs.beside(project, "2", {"datasheet.md": b"# Another datasheet\n"})
    Ledger(project.store).append(
        event="approved", run=other.run, bundle_id=other.bundle_id, by="tester", why="all gates passed",
        details={**other.details, "cause": request.hash, "data_version": "another", "once_key": "answer"},
    )  # fmt: skip
    done = retrain(project)
    assert (done.code, "Awaits approval: TrainFlow/2 passed the gates" in done.output) == (0, True), (
        done.output
    )
    assert "make approve RUN=TrainFlow/2" in done.output
    assert since(project, count) == ["approved", "approved", BEGUN, "refused", ENDED]
    assert Ledger(project.store).entries()[-1].details["outcome"] == "awaits approval"
    now = tried(Ledger(project.store).entries(), "production")
    assert (now.open, now.failures) == (None, 0)


def test_a_deployment_that_breaks_off_leaves_the_request_open_and_a_person_needs_no_other_rows(asked):
    project, champion = asked[0], Ledger(asked[0].store).champion()
    request = Ledger(project.store).append(
        event=REQUESTED, run=champion.run, bundle_id=champion.bundle_id, by="tester", why="the features were mended",
        details={"environment": "production", "by_a_person": True, "end": ""},
    )  # fmt: skip
    other = runs.beside(project, "2", {"datasheet.md": b"# Another datasheet\n"})
    Ledger(project.store).append(
        event="approved", run=other.run, bundle_id=other.bundle_id, by="tester", why="all gates passed",
        details={**other.details, "cause": request.hash, "once_key": "answer"},
    )  # fmt: skip
    count = len(Ledger(project.store).entries())
    faults.arm(project, "trial")
    done = retrain(project)
    assert (done.code, "broke off" in done.output, "Traceback" in done.output) == (1, True, False), (
        done.output
    )
    now = tried(Ledger(project.store).entries(), "production")
    assert (now.open, now.failures) == (request, 1)
    done = retrain(project)
    assert (done.code, "Promoted" in done.output) == (0, True), done.output
    assert since(project, count) == [BEGUN, ENDED, BEGUN, "promoted", ENDED]
    assert tried(Ledger(project.store).entries(), "production").open is None


def test_where_nothing_was_asked_nothing_is_done(trained):
    done = retrain(trained)
    assert (done.code, done.output.strip()) == (0, "Nothing asks for another training.")


def test_a_person_says_why(trained):
    done = retrain(trained, "--reason", "why")
    assert (done.code, "a sentence" in done.output) == (1, True)
    assert "Traceback" not in done.output
