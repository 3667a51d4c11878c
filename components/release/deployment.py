"""The folder from which an environment is served: verified bundles, the files that deploy them, and the one pointer."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from components.errors import BundleError
from components.release import bundle

POINTER = "deployment.json"
BUNDLES = "bundles"
LOCK = ".lock"
FORMAT = 1
KEPT = 5
"""So many bundles stay that are named no longer: a server that refused the newest ones still serves one of them."""


@dataclass(frozen=True)
class Pointer:
    """What deployment.json says, in the form in which the server reads it.

    Attributes:
        environment: where this is.
        champion: the bundle that answers.
        serving: the server's settings.
        challenger: a second bundle, or "".
        mode: "shadow", "split", or "" where there is no challenger.
        share: of the keys that the challenger answers, from 0 to 1.
        sticky: the input column by whose value a row is always answered by the same one, or "".
    """

    environment: str
    champion: str
    serving: Mapping[str, Any]
    challenger: str = ""
    mode: str = ""
    share: float = 0.0
    sticky: str = ""

    def to_bytes(self) -> bytes:
        """The file's content."""
        return json.dumps({"version": FORMAT, **asdict(self)}, indent=2, sort_keys=True).encode() + b"\n"


def write(
    folder: Path,
    pointer: Pointer,
    bundles: Mapping[str, Mapping[str, bytes]],
    texts: Mapping[str, str],
) -> None:
    """Make the folder serve what the pointer names; the pointer is replaced last, in one move.

    A server that watches the folder finds every bundle whole when it reads the pointer, and a crash before that moment
    changes nothing of what is served. Of several writers each has its turn, so that none removes what another names.

    Args:
        folder: of the environment.
        pointer: what is to be served.
        bundles: the verified files of each bundle that is to lie there, by bundle id. Of others, those that were named last
            stay, as many as `KEPT`.
        texts: the other files by their paths in the folder.

    Raises:
        BundleError: files are not those of the bundle that they stand for.
    """
    with _turn(folder):
        for bundle_id, files in bundles.items():
            _place(files, folder / BUNDLES / bundle_id, bundle_id)
            os.utime(folder / BUNDLES / bundle_id)  # when it was named last
        bundle.make_readable(folder / BUNDLES)
        for name, text in texts.items():
            _replace(folder / PurePosixPath(name), text.encode())
        _replace(folder / POINTER, pointer.to_bytes())
        others = [path for path in (folder / BUNDLES).iterdir() if path.name not in bundles]
        for path in sorted(others, key=lambda path: path.stat().st_mtime_ns, reverse=True)[KEPT:]:
            shutil.rmtree(path, ignore_errors=True)


def served(folder: Path) -> Pointer | None:
    """What the folder's pointer says; None if there is none that can be read."""
    try:
        told = json.loads((folder / POINTER).read_text(encoding="utf-8"))
        if told.pop("version") != FORMAT:
            return None
        return Pointer(**told)
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return None


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # it ends with the file, or with the process
        yield


def _place(files: Mapping[str, bytes], folder: Path, bundle_id: str) -> None:
    try:
        found = bundle.write(files, folder).bundle_id
    except BundleError:
        # A copy that was damaged is of no use to anybody.
        shutil.rmtree(folder, ignore_errors=True)
        found = bundle.write(files, folder).bundle_id
    if found != bundle_id:
        raise BundleError(f"bundles/{bundle_id[:12]}: this is bundle {found[:12]}; get the right one.")


def _replace(path: Path, content: bytes) -> None:
    """Put the content in place whole or not at all; a file that holds it already is left alone."""
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(prefix=".partial-", dir=path.parent, delete=False) as draft:
        draft.write(content)
    Path(draft.name).chmod(0o644)
    Path(draft.name).replace(path)
