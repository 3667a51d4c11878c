"""Archives whose bytes depend on nothing but what is in them."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMPONENTS = Path(__file__).resolve().parents[1]

_EPOCH = (1980, 1, 1, 0, 0, 0)
_SERVER_MAIN = b"import sys\n\nfrom components.serving.__main__ import main\n\nsys.exit(main())\n"
_MAIN = b"import sys\n\nfrom program import main\n\nsys.exit(main())\n"


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of the files, in the order of their names, without times or owners."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.external_attr, entry.create_system = (
                zipfile.ZIP_DEFLATED,
                0o644 << 16,
                3,
            )
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def program_code(*, with_training: bool = False) -> bytes:
    """The bundle's code as one file that Python runs and imports from: `program.pyz`.

    A zip rather than a folder, because importing from a folder writes bytecode into it, and a bundle is verified
    to hold nothing that was not packed.

    Args:
        with_training: also the features' own Python, which a program that is not compiled runs.
    """
    files = {"__main__.py": _MAIN, "program.py": (COMPONENTS / "serving" / "program.py").read_bytes()}
    if with_training:
        shared = [COMPONENTS / "__init__.py", COMPONENTS / "errors.py"]
        for path in [*shared, *(COMPONENTS / "training").rglob("*.py")]:
            files[path.relative_to(COMPONENTS.parent).as_posix()] = path.read_bytes()
    return zipped(files)


def server_code() -> bytes:
    """The server as one file that Python runs: `server.pyz`.

    It keeps the packages' paths, so that it is the same code wherever it runs.
    """
    shared = [
        COMPONENTS / "__init__.py",
        COMPONENTS / "errors.py",
        COMPONENTS / "release" / "__init__.py",
        COMPONENTS / "release" / "manifest.py",
    ]
    paths = [*shared, *(COMPONENTS / "serving").rglob("*.py")]
    files = {path.relative_to(COMPONENTS.parent).as_posix(): path.read_bytes() for path in paths}
    return zipped({"__main__.py": _SERVER_MAIN, **files})


def canonical_skops(data: bytes) -> bytes:
    """A skops file that loads the same objects, and is the same for the same objects.

    skops names each object after its place in memory and stamps each file with the time; here they are numbered
    in the order in which the schema mentions them.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    numbers: dict[str, str] = {}
    schema = _renumbered(json.loads(files.pop("schema.json")), numbers)
    named = {_renamed(name, numbers): content for name, content in files.items()}
    return zipped({**named, "schema.json": json.dumps(schema, separators=(",", ":")).encode()})


def _renumbered(node: Any, numbers: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_renumbered(child, numbers) for child in node]
    if not isinstance(node, dict):
        return node
    if "__id__" in node and "__loader__" in node:
        numbers.setdefault(str(node["__id__"]), str(len(numbers) + 1))
        node = {**node, "__id__": int(numbers[str(node["__id__"])])}
        if isinstance(node.get("file"), str):
            node["file"] = _renamed(node["file"], numbers)
    return {key: _renumbered(child, numbers) for key, child in node.items()}


def _renamed(name: str, numbers: dict[str, str]) -> str:
    return re.sub(r"^\d+", lambda match: numbers[match[0]], name)
