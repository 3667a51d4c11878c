"""Files and folders that DVC tracks, at a revision of their repository."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import polars as pl

from components.data.sources import files
from components.data.sources.pin import COMMIT, Pin, pin
from components.errors import ConfigError, DataError

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BARE = re.compile(r"(?P<repository>.*[^/]\.git)/+(?P<path>.+)")


def read(place: str, revision: str) -> tuple[pl.LazyFrame, Pin]:
    """The table that DVC tracks, in memory, and the commit and the MD5 of each file.

    Args:
        place: The path of the repository, or its address up to ``.git``, and below it the tracked file or folder.
        revision: A branch, tag or commit; HEAD by default. The working copy does not count.

    Raises:
        ConfigError: If the programs ``dvc`` or ``git`` are not there.
        DataError: If there is no such repository, revision or file, or DVC cannot fetch it.
    """
    repository, path = parted(place)
    commit = _commit(repository, revision or "HEAD")
    tracked = _tracked(repository, path, commit)
    with tempfile.TemporaryDirectory(prefix="dvc-") as folder:
        fetched = Path(folder, PurePosixPath(path).name)
        _dvc("get", f"--rev={commit}", f"--out={fetched}", "--", repository, path)
        _require_same(tracked, fetched)
        frame, _ = files.read(str(fetched))
        table = frame.collect()
    return table.lazy(), pin({COMMIT: commit, **{f"md5 {name}": md5 for name, md5 in tracked.items()}})


def parted(place: str) -> tuple[str, str]:
    """The repository and the path in it.

    Raises:
        DataError: If no folder on the way holds a DVC repository.
    """
    if bare := _BARE.fullmatch(place):
        return bare["repository"], bare["path"]
    path = Path(place)
    for folder in path.parents:
        if (folder / ".dvc").is_dir():
            return str(folder), path.relative_to(folder).as_posix()
    raise DataError(
        f"dvc://{place}: none of its folders is a DVC repository (none holds .dvc); write dvc://<repository>/<tracked file>, "
        "or an address that has .git before the file."
    )


def _commit(repository: str, revision: str) -> str:
    """The commit that a revision names now."""
    if _COMMIT.fullmatch(revision):
        return revision
    if Path(repository).is_dir():
        found = _run(
            ["git", "-C", repository, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"]
        )
    else:
        found = _listed(repository, revision)
    if not _COMMIT.fullmatch(found.strip()):
        raise DataError(
            f"dvc://{repository} has no revision {revision!r}; name a branch, a tag or a whole commit in data.revision."
        )
    return found.strip()


def _listed(repository: str, revision: str) -> str:
    """The commit of an address's branch or tag of exactly this name; "" if it has neither.

    Git lists whatever ends like what is asked for, such as ``team/main`` for ``main``.
    """
    wanted = [revision] if revision == "HEAD" or revision.startswith("refs/") else []
    names = [*wanted, f"refs/heads/{revision}", f"refs/tags/{revision}"]
    listed = _run(["git", "ls-remote", "--", repository, *names, *(f"{name}^{{}}" for name in names)])
    by_name = {name: commit for commit, _, name in (line.partition("\t") for line in listed.splitlines())}
    # An annotated tag has an object of its own, and beside it the commit that it stands for.
    commits = {name: by_name.get(f"{name}^{{}}", by_name[name]) for name in names if name in by_name}
    if len(set(commits.values())) > 1:
        raise DataError(
            f"dvc://{repository}: {revision!r} names both {' and '.join(commits)}, which differ; write the one that is meant "
            "whole in data.revision."
        )
    return next(iter(commits.values()), "")


def _tracked(repository: str, path: str, commit: str) -> dict[str, str]:
    """The MD5 of each file that DVC tracks at the path, by its path in the repository."""
    listed = json.loads(
        _dvc("list", "--json", "--show-hash", "--recursive", f"--rev={commit}", "--", repository, path)
    )
    found = {each["path"]: each["md5"] for each in listed if each.get("isout") and each.get("md5")}
    if not found:
        raise DataError(
            f"dvc://{repository}: {path} is not tracked by DVC at {commit[:12]}; `dvc add` it, or read it as a plain file."
        )
    return found if set(found) != {PurePosixPath(path).name} else {path: next(iter(found.values()))}


def _require_same(tracked: dict[str, str], fetched: Path) -> None:
    for name, md5 in tracked.items():
        file = fetched / name if fetched.is_dir() else fetched
        with file.open("rb") as opened:
            found = hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if md5 not in (found, _unix_md5(file)):
            raise DataError(
                f"{name}: DVC tracks it with the MD5 {md5}, but gave {found}; mend its cache or its remote."
            )


def _unix_md5(file: Path) -> str:
    """The MD5 that DVC 2 knew a text file by: its line ends were made those of Unix, a chunk of a mebibyte at a time."""
    found = hashlib.md5(usedforsecurity=False)
    with file.open("rb") as opened:
        while chunk := opened.read(2**20):
            found.update(chunk.replace(b"\r\n", b"\n"))
    return found.hexdigest()


def _dvc(*words: str) -> str:
    """What DVC prints, run from its own environment, from that of this process, or from the path."""
    places = [Path(sys.prefix, "dvc", "bin"), Path(sys.executable).parent, *os.get_exec_path()]
    program = shutil.which("dvc", path=os.pathsep.join(map(str, places)))
    if not program:
        raise ConfigError(
            "A source of DVC needs the program dvc, which is not installed; run `make sources`, or put it on the path."
        )
    return _run([program, *words])


def _run(words: Sequence[str]) -> str:
    """What a program prints.

    Raises:
        ConfigError: If the program is not there.
        DataError: If it fails, with its last words.
    """
    quiet = {"DVC_NO_ANALYTICS": "1", "GIT_TERMINAL_PROMPT": "0", "PYTHONPATH": ""}
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | quiet)
    except FileNotFoundError:
        raise ConfigError(f"A source of DVC needs the program {words[0]}, which is not installed.") from None
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if line.startswith(("ERROR", "fatal", "error"))]
        raise DataError(
            f"{Path(words[0]).name} {words[1]}: {' '.join(told) or done.stderr.strip() or done.returncode}; "
            "check data.source and data.revision, and that the repository and DVC's remote can be reached."
        )
    return done.stdout
