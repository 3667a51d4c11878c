"""The manifest of a bundle: the hash and size of every file, and the check that nothing else is there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from components.errors import BundleError

MANIFEST = "manifest.json"
FORMAT = 1

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileRecord:
    """What the manifest says of one file."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Manifest:
    """A bundle's verified content.

    Attributes:
        bundle_id: SHA-256 of manifest.json.
        files: every other file by its path in the bundle.
    """

    bundle_id: str
    files: dict[str, FileRecord]

    @property
    def size_bytes(self) -> int:
        """The size of all files but the manifest."""
        return sum(record.size_bytes for record in self.files.values())


def write_manifest(files: Mapping[str, bytes]) -> bytes:
    """The bytes of manifest.json for the files of a bundle.

    Raises:
        BundleError: a name leads out of the bundle.
    """
    return _canonical({name: _record(content) for name, content in files.items()})


def read_manifest(data: bytes) -> Manifest:
    """What manifest.json says.

    Raises:
        BundleError: it is no manifest, is not written as this project writes it, or names a path outside.
    """
    try:
        parsed = json.loads(data)
        files = {name: FileRecord(entry["sha256"], entry["size"]) for name, entry in parsed["files"].items()}
        canonical = _canonical(files)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(f"{MANIFEST}: not a manifest ({error}); pack the bundle again.") from error
    if canonical != data:
        raise BundleError(f"{MANIFEST}: not as it was written, format {FORMAT}; pack the bundle again.")
    return Manifest(hashlib.sha256(data).hexdigest(), files)


def verify_folder(folder: Path, bundle_id: str | None = None) -> Manifest:
    """The manifest of a folder that holds exactly what it names.

    Every path is looked at and every file's hash computed anew; nothing is loaded.

    Raises:
        BundleError: a file is missing, altered, extra, or not an ordinary file; it is named.
    """
    try:
        paths = _ordinary_files(folder)
        if MANIFEST not in paths:
            raise BundleError(f"{MANIFEST}: missing in {folder.name}; this is no bundle.")
        manifest = read_manifest((folder / MANIFEST).read_bytes())
        _same_names(set(paths) - {MANIFEST}, manifest)
        for name, record in manifest.files.items():
            _same_content(name, FileRecord(_sha256(folder / name), (folder / name).stat().st_size), record)
    except OSError as error:
        raise BundleError(f"{error.filename}: {error.strerror}; the bundle cannot be read.") from error
    _same_id(manifest, bundle_id)
    return manifest


def verify_files(files: Mapping[str, bytes], bundle_id: str | None = None) -> Manifest:
    """The manifest of a bundle held in memory, which holds exactly what it names.

    Raises:
        BundleError: as for a folder.
    """
    if MANIFEST not in files:
        raise BundleError(f"{MANIFEST}: missing; this is no bundle.")
    manifest = read_manifest(files[MANIFEST])
    _same_names(set(files) - {MANIFEST}, manifest)
    for name, record in manifest.files.items():
        _same_content(name, _record(files[name]), record)
    _same_id(manifest, bundle_id)
    return manifest


def _canonical(files: Mapping[str, FileRecord]) -> bytes:
    entries: dict[str, Any] = {}
    for name, record in sorted(files.items()):
        _safe(name)
        size = record.size_bytes
        if not _SHA256.fullmatch(record.sha256) or type(size) is not int or size < 0:
            raise ValueError(f"'{name}' has no SHA-256 and size")
        entries[name] = {"sha256": record.sha256, "size": size}
    return json.dumps({"files": entries, "format": FORMAT}, indent=1, ensure_ascii=True).encode() + b"\n"


def _safe(name: str) -> None:
    path = PurePosixPath(name)
    ordinary = path.parts and not path.is_absolute() and ".." not in path.parts and str(path) == name
    if not ordinary or name == MANIFEST or any(character in name for character in "\\:\0\n"):
        raise BundleError(f"{MANIFEST}: the path {name!r} leads out of the bundle; do not trust it.")


def _record(content: bytes) -> FileRecord:
    return FileRecord(hashlib.sha256(content).hexdigest(), len(content))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _ordinary_files(folder: Path) -> set[str]:
    """Every file below the folder; links, devices and folders without a file are refused."""
    if not folder.is_dir():
        raise BundleError(f"{folder}: not a folder, and so no bundle.")
    found = set()
    for base, folders, files in os.walk(folder, onerror=_raise):
        for name in (*folders, *files):
            path = Path(base, name)
            mode = path.lstat().st_mode
            if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
                raise BundleError(
                    f"{_inside(path, folder)}: a link or device; a bundle has ordinary files only."
                )
            if stat.S_ISREG(mode):
                found.add(_inside(path, folder))
        if not folders and not files and Path(base) != folder:
            raise BundleError(
                f"{_inside(Path(base), folder)}: an empty folder that {MANIFEST} does not name."
            )
    return found


def _raise(error: OSError) -> None:
    raise error


def _inside(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _same_names(found: set[str], manifest: Manifest) -> None:
    for name in sorted(manifest.files.keys() - found):
        raise BundleError(f"{name}: missing, though {MANIFEST} names it; get the bundle again.")
    for name in sorted(found - manifest.files.keys()):
        raise BundleError(f"{name}: not named in {MANIFEST}; remove it, or get the bundle again.")


def _same_content(name: str, found: FileRecord, wanted: FileRecord) -> None:
    if found != wanted:
        raise BundleError(
            f"{name}: altered; it has {found.size_bytes} bytes with SHA-256 {found.sha256[:12]}, {MANIFEST} says "
            f"{wanted.size_bytes} bytes with {wanted.sha256[:12]}; get the bundle again."
        )


def _same_id(manifest: Manifest, bundle_id: str | None) -> None:
    if bundle_id is not None and manifest.bundle_id != bundle_id:
        raise BundleError(
            f"{MANIFEST}: this is bundle {manifest.bundle_id[:12]}, not {bundle_id[:12]}; get the right one."
        )
