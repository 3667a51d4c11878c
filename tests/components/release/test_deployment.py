"""The folder that is served: bundles whole before the pointer names them."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from components.errors import BundleError
from components.release import bundle, deployment
from components.release.deployment import KEPT, Pointer
from components.release.manifest import MANIFEST, verify_files, write_manifest

SERVING = {"workers": 2, "log": "strict"}


def packed(text: str) -> dict[str, bytes]:
    files = {"program.json": text.encode(), "decision.json": b"{}"}
    return {**files, MANIFEST: write_manifest(files)}


ONE, TWO, THREE = (packed(text) for text in ("one", "two", "three"))
IDS = [verify_files(files).bundle_id for files in (ONE, TWO, THREE)]


def write(folder, champion, *bundles, texts=None):
    named = {verify_files(files).bundle_id: files for files in bundles}
    deployment.write(folder, Pointer("production", champion, SERVING), named, texts or {})


def test_what_is_named_lies_there_whole(tmp_path):
    write(
        tmp_path / "production", IDS[0], ONE, TWO, texts={"kubernetes/base/service.yaml": "kind: Service\n"}
    )
    for bundle_id in IDS[:2]:
        bundle.verify(tmp_path / "production" / "bundles" / bundle_id, bundle_id)
    assert (tmp_path / "production/kubernetes/base/service.yaml").read_text() == "kind: Service\n"
    assert deployment.served(tmp_path / "production") == Pointer("production", IDS[0], SERVING)
    assert json.loads((tmp_path / "production" / "deployment.json").read_text()) == {
        "version": 1, "environment": "production", "champion": IDS[0], "challenger": "", "mode": "", "share": 0.0,
        "sticky": "", "serving": SERVING,
    }  # fmt: skip


def test_what_was_named_last_stays_and_what_was_before_goes(tmp_path):
    """A server that refuses several deployments in a row still finds what it serves."""
    write(tmp_path, IDS[0], ONE)
    write(tmp_path, IDS[1], TWO)
    write(tmp_path, IDS[0], ONE)  # it lies there for long, and was in service until now
    for number in range(KEPT):
        refused = packed(f"refused {number}")
        write(tmp_path, verify_files(refused).bundle_id, refused)
    lying = {path.name for path in (tmp_path / "bundles").iterdir()}
    assert len(lying) == 1 + KEPT
    assert IDS[0] in lying
    assert IDS[1] not in lying


def test_everybody_can_read_what_lies_there_whatever_the_umask_is(tmp_path):
    """The user of an image is another one than who deployed."""
    before = os.umask(0o077)
    try:
        write(tmp_path, IDS[0], ONE)
        (tmp_path / "bundles" / IDS[0] / "program.json").chmod(0o600)  # as of a deployment of earlier
        write(tmp_path, IDS[0], ONE)
        bundle.write(TWO, tmp_path / "alone")
    finally:
        os.umask(before)
    for folder in (tmp_path / "bundles", tmp_path / "alone"):
        for path in (folder, *folder.rglob("*")):
            assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path


def test_a_damaged_copy_is_written_anew(tmp_path):
    write(tmp_path, IDS[0], ONE)
    (tmp_path / "bundles" / IDS[0] / "program.json").write_text("other")
    write(tmp_path, IDS[0], ONE)
    bundle.verify(tmp_path / "bundles" / IDS[0], IDS[0])


def test_a_pointer_that_stays_the_same_is_not_replaced(tmp_path):
    write(tmp_path, IDS[0], ONE)
    before = (tmp_path / "deployment.json").stat().st_ino
    write(tmp_path, IDS[0], ONE)
    assert (tmp_path / "deployment.json").stat().st_ino == before
    write(tmp_path, IDS[1], TWO)
    assert (tmp_path / "deployment.json").stat().st_ino != before


@pytest.mark.parametrize("spoil", ["altered", "another"])
def test_files_of_another_bundle_leave_the_pointer_as_it_was(tmp_path, spoil):
    write(tmp_path, IDS[0], ONE)
    files = {**TWO, "program.json": b"2"} if spoil == "altered" else TWO
    with pytest.raises(BundleError):
        deployment.write(tmp_path, Pointer("production", IDS[2], SERVING), {IDS[2]: files}, {})
    assert deployment.served(tmp_path).champion == IDS[0]


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", "{}", '{"version": 2, "environment": "test", "champion": "1", "serving": {}}'],
)
def test_a_pointer_that_cannot_be_read_names_nothing(tmp_path, text):
    if text is not None:
        (tmp_path / "deployment.json").write_text(text)
    assert deployment.served(tmp_path) is None


def test_of_two_writers_neither_removes_what_the_other_names(tmp_path):
    rounds = [(IDS[0], ONE), (IDS[1], TWO)] * 10
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(write, tmp_path, *each) for each in rounds]
        for each in done:
            each.result()
    champion = deployment.served(tmp_path).champion
    bundle.verify(tmp_path / "bundles" / champion, champion)
