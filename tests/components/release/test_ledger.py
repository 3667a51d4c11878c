import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.errors import LedgerError
from components.release.ledger import ORIGIN, Ledger, formers
from components.store import Store

PROJECT = Path(__file__).parents[3]
WRITER = """
import sys
from components.release.ledger import Ledger
from components.store import Store
root, writer, count, key = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] or None
ledger = Ledger(Store(root))
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    ledger.append(event="rejected", run=f"TrainFlow/{writer}", bundle_id="b" * 64, by=writer, why=str(number),
                  once_key=key)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


@pytest.fixture
def ledger(store: Store) -> Ledger:
    """Four entries: two decisions on one holdout, one on another, and a promotion."""
    ledger = Ledger(store)
    decide(ledger, "rejected", "1")
    decide(ledger, "approved", "2")
    decide(ledger, "approved", "3", holdout_id="other")
    happen(ledger, "promoted", "2")
    return ledger


def decide(ledger: Ledger, event, run, *, holdout_id="held", once_key=None):
    return ledger.append(
        event=event, run=f"TrainFlow/{run}", bundle_id=bundle(run), by="ada", why="P01 failed",
        details={"holdout_id": holdout_id}, once_key=once_key,
    )  # fmt: skip


def happen(ledger: Ledger, event, run):
    return ledger.append(event=event, run="DeployFlow/9", bundle_id=bundle(run), by="ada", why="it is better")


def bundle(run: str) -> str:
    return run * 64


def write_together(root: str, *, writers: int, count: int, key: str = "") -> None:
    """Start real processes, let them all get ready, and let them write at the same moment."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, root, str(writer), str(count), key],
            cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for writer in range(writers)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0


def rewrite(store: Store, number: int, **changes) -> None:
    name = f"ledger/{number:08d}.json"
    content = {**json.loads(store.read(name)), **changes}
    store.write(name, (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())


def test_entry_says_what_happened(ledger):
    entry = ledger.entries()[1]
    assert (entry.number, entry.event, entry.by, entry.why) == (2, "approved", "ada", "P01 failed")
    assert (entry.run, entry.bundle_id, entry.details) == ("TrainFlow/2", bundle("2"), {"holdout_id": "held"})
    assert entry.at.endswith("+00:00")


def test_each_entry_names_the_hash_of_the_one_before(ledger):
    entries = ledger.entries()
    assert [entry.previous for entry in entries] == [ORIGIN, *(entry.hash for entry in entries[:-1])]


def test_entries_are_objects_of_their_own(ledger, store):
    assert store.names("ledger") == [f"ledger/0000000{number}.json" for number in range(1, 5)]


def test_a_new_ledger_is_empty(store):
    ledger = Ledger(store)
    assert (ledger.entries(), ledger.head(), ledger.champion()) == ([], ORIGIN, None)


def test_head_is_the_newest_entrys_hash(ledger):
    assert ledger.head() == ledger.entries()[-1].hash


def test_appending_leaves_earlier_objects_alone(ledger, store):
    before = {name: store.read(name) for name in store.names("ledger")}
    happen(ledger, "rolled back", "2")
    assert {name: store.read(name) for name in before} == before


def test_words_of_any_language_are_kept(ledger):
    happen(ledger, "refused", "3")
    ledger.append(event="waived", run="", bundle_id="", by="Zoë", why="für den Versuch – 期限付き")
    assert ledger.entries()[-1].why == "für den Versuch – 期限付き"


def test_unknown_event_is_refused(ledger):
    with pytest.raises(LedgerError, match="'celebrated' is no event of the ledger; use one of: approved"):
        happen(ledger, "celebrated", "2")


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_details_that_json_cannot_hold_are_refused(ledger, value):
    with pytest.raises(LedgerError, match="plain JSON values"):
        ledger.append(event="approved", run="", bundle_id="", by="", why="", details={"value": value})


# Once


def test_an_event_with_a_key_is_written_once(store):
    ledger = Ledger(store)
    first = decide(ledger, "approved", "1", once_key="decision of TrainFlow/1")
    again = decide(ledger, "approved", "1", once_key="decision of TrainFlow/1")
    assert again == first
    assert len(ledger.entries()) == 1


@pytest.mark.parametrize(("event", "run"), [("approved", "1"), ("rejected", "2")])
def test_a_recorded_decision_cannot_be_made_anew(store, event, run):
    ledger = Ledger(store)
    decide(ledger, "rejected", "1", once_key="decision of TrainFlow/1")
    with pytest.raises(LedgerError, match=r"00000001\.json already records .*start a new run"):
        decide(ledger, event, run, once_key="decision of TrainFlow/1")


# Questions


def test_champion_is_the_newest_promoted(ledger):
    happen(ledger, "promoted", "3")
    assert ledger.champion().bundle_id == bundle("3")


def test_rolling_back_brings_the_former_champion_back(ledger):
    happen(ledger, "promoted", "3")
    happen(ledger, "rolled back", "3")
    assert ledger.champion().bundle_id == bundle("2")


def test_no_champion_is_left_when_all_were_rolled_back(ledger):
    happen(ledger, "rolled back", "2")
    assert ledger.champion() is None


def test_a_bundle_promoted_again_is_champion_again(ledger):
    happen(ledger, "rolled back", "2")
    happen(ledger, "promoted", "2")
    assert ledger.champion().number == 6


def test_holdout_uses_counts_approvals_and_rejections(ledger):
    assert (ledger.holdout_uses("held"), ledger.holdout_uses("other"), ledger.holdout_uses("new")) == (
        2,
        1,
        0,
    )


def test_holdout_uses_leaves_out_the_run_that_asks(ledger):
    decide(ledger, "approved", "4", once_key="decision of TrainFlow/4")
    assert ledger.holdout_uses("held", once_key="decision of TrainFlow/4") == 2


def promote(ledger: Ledger, run, environment):
    details = {"environment": environment}
    return ledger.append(
        event="promoted", run="DeployFlow/9", bundle_id=bundle(run), by="ada", why="", details=details
    )


def test_each_environment_has_its_own_champion(ledger):
    promote(ledger, "1", "test")
    promote(ledger, "3", "staging")
    assert [ledger.champion(name).bundle_id[0] for name in ("production", "staging", "test")] == [
        "2",
        "3",
        "1",
    ]
    assert ledger.champion().bundle_id == bundle("2")
    assert ledger.champion("moon") is None


def test_what_is_rolled_back_in_one_environment_stands_in_another(ledger):
    promote(ledger, "2", "staging")
    happen(ledger, "rolled back", "2")
    assert (ledger.champion(), ledger.champion("staging").bundle_id) == (None, bundle("2"))


def test_an_entry_is_found_by_its_key(ledger):
    entry = decide(ledger, "approved", "4", once_key="decision of TrainFlow/4")
    assert (ledger.recorded("decision of TrainFlow/4"), ledger.recorded("of none")) == (entry, None)


# On a condition


def test_a_condition_that_fails_appends_nothing(ledger):
    def forbid(entries):
        raise LedgerError(f"after {entries[-1].number}")

    with pytest.raises(LedgerError, match="after 4"):
        ledger.append(event="promoted", run="", bundle_id=bundle("3"), by="ada", why="", given=forbid)
    assert len(ledger.entries()) == 4


def test_a_condition_sees_what_another_writer_did_just_before(ledger, store):
    seen = []

    def interrupted(entries):
        seen.append(len(entries))
        if len(seen) == 1:
            happen(Ledger(store), "promoted", "3")

    ledger.append(event="refused", run="", bundle_id=bundle("2"), by="ada", why="", given=interrupted)
    assert seen == [4, 5]
    assert [entry.event for entry in ledger.entries()[4:]] == ["promoted", "refused"]


# Corruption


def test_a_runs_decision_is_found(ledger):
    happen(ledger, "waived", "4")
    assert [ledger.decision(f"TrainFlow/{run}").event for run in "12"] == ["rejected", "approved"]
    assert ledger.decision("TrainFlow/4") is None


@pytest.mark.parametrize("number", [1, 3, 4])
def test_an_altered_entry_is_named(ledger, store, number):
    rewrite(store, number, why="P01 passed")
    with pytest.raises(
        LedgerError, match=f"ledger/0000000{number}.json: its content does not match its hash"
    ):
        ledger.entries()


def test_one_flipped_bit_in_an_entry_is_noticed(ledger, store):
    name = "ledger/00000002.json"
    whole = store.read(name)
    for position in range(0, len(whole), 3):
        store.write(name, whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(LedgerError, match=r"00000002\.json"):
            ledger.entries()


def test_an_entry_laid_out_anew_is_noticed(ledger, store):
    store.write("ledger/00000002.json", store.read("ledger/00000002.json") + b"\n")
    with pytest.raises(LedgerError, match=r"00000002\.json: its content does not match"):
        ledger.entries()


def test_a_missing_entry_is_named(ledger, tmp_path):
    (tmp_path / "store" / "ledger" / "00000002.json").unlink()
    with pytest.raises(LedgerError, match=r"ledger/00000002\.json: missing"):
        ledger.entries()


def test_an_entry_altered_together_with_its_hash_is_named(ledger, store, tmp_path):
    other = Ledger(Store(str(tmp_path / "forged")))
    other.append(event="approved", run="TrainFlow/1", bundle_id=bundle("1"), by="eve", why="all is well")
    store.write("ledger/00000001.json", Store(str(tmp_path / "forged")).read("ledger/00000001.json"))
    with pytest.raises(LedgerError, match=r"ledger/00000001\.json was altered together with its hash"):
        ledger.entries()


def test_nothing_is_appended_to_a_broken_chain(ledger, store):
    rewrite(store, 2, event="rejected")
    with pytest.raises(LedgerError, match=r"00000002\.json"):
        happen(ledger, "promoted", "3")
    assert len(store.names("ledger")) == 4


def test_files_that_are_no_entries_do_no_harm(ledger, store):
    store.write("ledger/notes.txt", b"")
    store.write("ledger/.DS_Store", b"")
    assert len(ledger.entries()) == 4


def test_a_stray_high_number_is_a_gap(ledger, store):
    store.write("ledger/99999999.json", store.read("ledger/00000001.json"))
    with pytest.raises(LedgerError, match=r"ledger/00000005\.json: missing"):
        ledger.entries()


def test_a_cut_tail_is_noticed_by_the_head_kept_elsewhere(ledger, tmp_path):
    head = ledger.head()
    (tmp_path / "store" / "ledger" / "00000004.json").unlink()
    with pytest.raises(LedgerError, match="ends at entry 3, but entry 4 was recorded"):
        ledger.check_head(4, head)


def test_a_tail_written_anew_is_noticed_by_the_head_kept_elsewhere(ledger, tmp_path):
    head = ledger.head()
    (tmp_path / "store" / "ledger" / "00000004.json").unlink()
    happen(ledger, "refused", "2")
    with pytest.raises(LedgerError, match=r"00000004\.json: its hash is"):
        ledger.check_head(4, head)


def test_a_head_that_has_been_built_upon_is_still_there(ledger):
    head = ledger.head()
    happen(ledger, "rolled back", "2")
    ledger.check_head(4, head)


# Writers at the same time


def test_eight_processes_make_one_whole_chain(store):
    write_together(store.root, writers=8, count=4)
    entries = Ledger(store).entries()
    assert sorted((entry.by, entry.why) for entry in entries) == [
        (str(writer), str(number)) for writer in range(8) for number in range(4)
    ]


def test_processes_write_an_event_with_a_key_once(store):
    write_together(store.root, writers=4, count=3, key="decision of TrainFlow/1")
    assert len(Ledger(store).entries()) == 1


def test_threads_on_a_store_that_is_no_folder_make_one_whole_chain(request):
    store = Store(f"memory://{request.node.name}")
    threads = [
        threading.Thread(target=lambda: [happen(Ledger(store), "refused", "1") for _ in range(5)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Ledger(store).entries()) == 20


@pytest.fixture
def bucket(monkeypatch) -> Iterator[str]:
    """A bucket on a real S3 server in this process."""
    import boto3
    import s3fs
    from moto.server import ThreadedMotoServer

    # A file system remembers the address of its server.
    s3fs.S3FileSystem.clear_instance_cache()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
    boto3.client("s3").create_bucket(Bucket="project")
    yield "s3://project/store"
    server.stop()


@pytest.mark.system
def test_processes_on_s3_make_one_whole_chain(bucket):
    write_together(bucket, writers=4, count=3)
    assert len(Ledger(Store(bucket)).entries()) == 12


def test_the_champions_before_are_those_promoted_before_newest_first(tmp_path):
    ledger = Ledger(Store(str(tmp_path)))

    def event(name, bundle, environment="production"):
        return ledger.append(event=name, run="TrainFlow/1", bundle_id=bundle, by="a", why="so it was", details={"environment": environment})  # fmt: skip

    for name, bundle, environment in [
        ("promoted", "a", "production"), ("promoted", "b", "production"), ("promoted", "t", "test"),
        ("rolled back", "b", "production"), ("promoted", "a", "production"), ("promoted", "c", "production"),
    ]:  # fmt: skip
        event(name, bundle, environment)
    now = event("promoted", "d")
    event("promoted", "e")
    assert [entry.bundle_id for entry in formers(ledger.entries(), now)] == ["c", "a", "b"]
    first = ledger.entries()[0]
    assert formers(ledger.entries(), first) == []
    again = event("promoted", "a")
    assert [entry.bundle_id for entry in formers(ledger.entries(), again)] == ["e", "d", "c", "b"]
