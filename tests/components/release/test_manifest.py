"""A manifest names files inside, is written in one way only, and tells one bundle from another."""

import json

import pytest

from components.errors import BundleError
from components.release.manifest import read_manifest, verify_files, write_manifest

FILES = {"MLmodel": b"flavors: {}\n", "documents/card.md": b"# Card\n"}
BUNDLE = {**FILES, "manifest.json": write_manifest(FILES)}


def test_a_bundle_in_memory_is_verified():
    manifest = verify_files(BUNDLE)
    assert set(manifest.files) == set(FILES)
    assert manifest.size_bytes == sum(len(content) for content in FILES.values())


@pytest.mark.parametrize("name", FILES)
def test_an_altered_file_is_named(name):
    with pytest.raises(BundleError, match=f"^{name}: altered"):
        verify_files({**BUNDLE, name: FILES[name][:-1] + b" "})


def test_a_missing_file_is_named():
    with pytest.raises(BundleError, match=r"^MLmodel: missing"):
        verify_files({name: content for name, content in BUNDLE.items() if name != "MLmodel"})


def test_an_extra_file_is_named():
    with pytest.raises(BundleError, match=r"^extra\.py: not named"):
        verify_files({**BUNDLE, "extra.py": b""})


@pytest.mark.parametrize(
    "path",
    ["../outside", "/etc/passwd", "a/../../b", "./MLmodel", "a//b", "c:\\d", "manifest.json", "", "a\nb"],
)
def test_a_path_that_leads_outside_is_refused(path):
    data = (
        json.dumps({"files": {path: {"sha256": "0" * 64, "size": 1}}, "format": 1}, indent=1).encode() + b"\n"
    )
    with pytest.raises(BundleError, match="leads out of the bundle"):
        read_manifest(data)


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd"])
def test_nothing_is_packed_outside(path):
    with pytest.raises(BundleError, match="leads out of the bundle"):
        write_manifest({path: b""})


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff\xfe", b"[]", b"{}", b'{"files": []}', b'{"files": {"a": 1}}',
        b'{"files": {"a": {"sha256": "short", "size": 1}}, "format": 1}',
        BUNDLE["manifest.json"] + b" ",
        BUNDLE["manifest.json"].replace(b'"format": 1', b'"format": 2'),
        BUNDLE["manifest.json"].replace(b'"format": 1', b'"format": 1, "more": 0'),
    ],
)  # fmt: skip
def test_what_is_not_written_as_a_manifest_is_refused(data):
    with pytest.raises(BundleError, match=r"^manifest\.json: not"):
        read_manifest(data)


def test_another_bundle_is_not_the_one_asked_for():
    wanted = verify_files(BUNDLE).bundle_id
    other = {"MLmodel": b"other"}
    with pytest.raises(BundleError, match=f"not {wanted[:12]}"):
        verify_files({**other, "manifest.json": write_manifest(other)}, wanted)
