"""A bundle's own Python: its program, beside that of any other bundle, and the features' code, of which a process has one."""

from __future__ import annotations

import importlib.abc
import importlib.util
import io
import pkgutil
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import components
from components.errors import BundleError

ARCHIVE = "program.pyz"
_FEATURES = "components/training/"

_running: dict[str, bytes] = {}
"""The features' code that this process runs, by its paths in the archive; empty until a bundle has brought some."""


def program_of(folder: Path, bundle_id: str) -> ModuleType:
    """The bundle's own `program.py` as a module of its own.

    Args:
        folder: a bundle that was verified.
        bundle_id: names the module.

    Raises:
        BundleError: the bundle is served as Python, and this process runs other features' code.
    """
    archive = folder / ARCHIVE
    content = archive.read_bytes()
    if own := features_code(content):
        _run_features(own, archive, bundle_id)
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        source = files.read("program.py").decode()
    name = f"program_{bundle_id}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_loader(name, _Source(f"{archive}/program.py", source))
        if spec is None or spec.loader is None:
            raise BundleError(f"{ARCHIVE}: cannot be imported")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def features_code(archive: bytes) -> dict[str, bytes]:
    """The sources of the features by their paths in a `program.pyz`; none in that of a compiled program."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        return {name: files.read(name) for name in files.namelist() if name.startswith(_FEATURES)}


def require_one_process(champion: bytes, challenger: bytes) -> None:
    """Pass if one process can run both: compiled programs, or the same features' code.

    Args:
        champion: its `program.pyz`.
        challenger: that of the bundle which is to stand beside it.

    Raises:
        BundleError: they need different code by the same names.
    """
    one, other = features_code(champion), features_code(challenger)
    if one and other and (differing := _differing(one, other)):
        raise BundleError(
            "Champion and challenger are served as Python by different features' code, of which a process has one "
            f"({', '.join(differing[:3])}); promote the challenger, or train it with the champion's code."
        )


def _differing(own: Mapping[str, bytes], found: Mapping[str, bytes | None]) -> list[str]:
    return sorted(name for name, source in own.items() if found.get(name) != source)


def _run_features(own: Mapping[str, bytes], archive: Path, bundle_id: str) -> None:
    """Let the features' code be imported.

    Python has one module of a name: what is imported already, or lies beside the server, is what the bundle would run.
    """
    beside = _beside(f"{_FEATURES}__init__.py") is not None
    if _running or beside:
        found: Mapping[str, bytes | None] = _running or {name: _beside(name) for name in own}
        if differing := _differing(own, found):
            raise BundleError(
                f"Bundle {bundle_id[:12]} is served as Python by the features' code that it was trained with, and this "
                f"process runs another one ({', '.join(differing[:3])}). Start a server anew by the bundle's own "
                "server.pyz; to score a table, check out the commit that lineage.json names."
            )
    elif str(archive / "components") not in components.__path__:
        components.__path__.append(str(archive / "components"))
    _running.update(own)


def _beside(name: str) -> bytes | None:
    """A source of the project, or of the archive, that this module comes from; None where it holds no such file."""
    try:
        return pkgutil.get_data("components", name.removeprefix("components/"))
    except OSError:
        return None


class _Source(importlib.abc.InspectLoader):
    """Gives one source text as a module, under a name of its own."""

    def __init__(self, path: str, source: str) -> None:
        self._path, self._source = path, source

    def get_source(self, fullname: str) -> str:
        return self._source

    def get_code(self, fullname: str) -> Any:
        return self.source_to_code(self._source, self._path)
