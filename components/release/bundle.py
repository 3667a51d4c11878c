"""The bundle: one folder with the served program, what made it, what was decided about it, and the proof of both.

`python -m components.release.bundle verify PATH` says whether a bundle is what it was.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from components.errors import BundleError, FlowprintError
from components.release.manifest import MANIFEST, Manifest, verify_files, verify_folder, write_manifest

if TYPE_CHECKING:
    import pandas as pd

    from components.release.export import Program

_SERVER = ("httptools", "msgspec", "uvicorn", "uvloop")
SERVED_BY = {
    "onnx": ("numpy", "onnxruntime", *_SERVER),
    "skops": ("numpy", "pandas", "scikit-learn", "skops", *_SERVER),
}
"""The libraries that each runtime and the server import."""

EXAMPLE_ROWS = 5


@dataclass(frozen=True)
class Parts:
    """What goes into a bundle, as values.

    Attributes:
        name: the project's slug.
        program: the exported program.
        smoke: recorded rows as the table has them, with the flow's predictions beside; the first ones are MLflow's
            input example.
        contract: what the server checks, as `schema.to_json` gives it.
        reference: binned counts, as `reference.reference` gives them.
        decision: as `Decision.to_json` gives it. Its `bundle_id` is left empty in the bundle, whose id depends on
            this very file.
        documents: model card, datasheet and the like by file name.
        lineage: the run, data version, commit, lock and seeds that the bundle came from.
        lock: the text of requirements.lock.
        created: when the bundle was made, UTC in ISO 8601; no other time is recorded.
    """

    name: str
    program: Program
    smoke: pd.DataFrame
    contract: Mapping[str, Any]
    reference: Mapping[str, Any]
    decision: Mapping[str, Any]
    documents: Mapping[str, str]
    lineage: Mapping[str, Any]
    lock: str
    created: str


def pack(folder: Path, parts: Parts) -> str:
    """The bundle id of the parts, written to a folder; the same parts give the same id.

    Raises:
        BundleError: the folder holds something else, a part is missing, or the environment is not the lock's.
    """
    return write(contents(parts), folder).bundle_id


def contents(parts: Parts) -> dict[str, bytes]:
    """Every file of the bundle by its path, manifest.json included.

    Raises:
        BundleError: a part is missing, or the environment is not the lock's.
    """
    from components.release.archive import server_code
    from components.release.deployable.container import of_bundle
    from components.release.lock import requirements
    from components.release.mlmodel import mlmodel_files
    from components.release.sbom import sbom

    program, decision = parts.program, {**parts.decision, "bundle_id": ""}
    facts = {key: str(decision.get(key, "")) for key in ("outcome", "run", "data_version")}
    serving = SERVED_BY[program.runtime]
    features = parts.contract["features"]
    example = parts.smoke.head(EXAMPLE_ROWS)[[rule["name"] for rule in features]]
    version = str(decision.get("run", "")).rpartition("/")[2] or "0"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    files = {
        **program.files,
        "server.pyz": server_code(),
        "model.skops": program.model,
        "contract.json": _json(parts.contract),
        "reference.json": _json(parts.reference),
        "decision.json": _json(decision),
        "lineage.json": _json({**parts.lineage, "name": parts.name, "created": parts.created}),
        "smoke.parquet": _smoke(parts.smoke, program),
        "smoke.json": _recorded_rows(parts.smoke, program),
        "requirements.txt": requirements(parts.lock, serving).encode(),
        "sbom.cdx.json": sbom(
            name=parts.name, version=version, lock=parts.lock, serving=serving, created=parts.created
        ),
        "Containerfile": of_bundle(parts.name, python).encode(),
        **mlmodel_files(
            features,
            example,
            outputs=_outputs(parts.smoke, program.inputs),
            created=parts.created,
            facts=facts,
        ),
        **{f"documents/{name}": text.encode() for name, text in parts.documents.items()},
    }
    return {**files, MANIFEST: write_manifest(files)}


def verify(folder: Path, bundle_id: str | None = None) -> Manifest:
    """The manifest of a bundle, after every file's hash was computed anew; nothing is loaded.

    Args:
        folder: the bundle.
        bundle_id: the id that ledger or registry keeps; without it, a bundle that was packed anew passes.

    Raises:
        BundleError: it names the file that is missing, altered, extra or not an ordinary file.
    """
    return verify_folder(Path(folder).resolve(), bundle_id)


def files(folder: Path) -> dict[str, bytes]:
    """The verified files of a bundle by path, manifest.json included.

    Raises:
        BundleError: as for `verify`.
    """
    folder = Path(folder).resolve()
    manifest = verify_folder(folder)
    found = {name: (folder / name).read_bytes() for name in (MANIFEST, *manifest.files)}
    verify_files(found, manifest.bundle_id)  # what was read is what was verified
    return found


def write(files: Mapping[str, bytes], folder: Path) -> Manifest:
    """The manifest of a bundle that now lies in the folder, whole; writing it again changes nothing.

    Raises:
        BundleError: the files are no bundle, or the folder holds something else.
    """
    manifest, folder = verify_files(files), Path(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".bundle-", dir=folder.parent) as name:
            whole = Path(name) / "bundle"
            _write(files, whole)
            make_readable(whole)
            # Where another process was first, what counts is whether it wrote the same.
            with contextlib.suppress(OSError):
                whole.rename(folder)
    return verify(folder, manifest.bundle_id)


def make_readable(folder: Path) -> None:
    """Let everybody read the folder, as the user of an image must, whatever the umask is."""
    for path in (folder, *folder.rglob("*")):
        wanted = 0o755 if path.is_dir() else 0o644
        if (found := path.stat().st_mode & 0o777) & wanted != wanted:
            path.chmod(found | wanted)


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        path = folder / PurePosixPath(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(_plain(value), indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    """The value as JSON knows it: arrays' numbers as Python's, and what is no finite number as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _outputs(smoke: pd.DataFrame, inputs: Mapping[str, str]) -> dict[str, str]:
    """MLflow's type of each prediction."""
    kinds = {"f": "double", "i": "long", "O": "string", "U": "string"}
    said = [name for name in smoke.columns if name not in inputs]
    return {str(name): kinds.get(smoke[name].dtype.kind, "string") for name in said}


def _smoke(rows: pd.DataFrame, program: Program) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    scores = [f"y_score_{name}" for name in program.classes] or ["y_score"]
    absent = [name for name in (*program.inputs, *scores, "y_pred") if name not in rows.columns]
    if absent or not len(rows):
        raise BundleError(
            f"The smoke rows ({len(rows)}) lack {absent or 'a row'}; record some of the holdout."
        )
    plain = rows.astype({name: str for name in rows if rows[name].dtype == "category"})
    table = pa.Table.from_pandas(plain, preserve_index=False).replace_schema_metadata(None)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _recorded_rows(rows: pd.DataFrame, program: Program) -> bytes:
    """The smoke rows by column as JSON has them, which a server reads with nothing installed."""
    plain = rows.astype(object).where(rows.notna(), None)
    columns = {str(name): [_moment(value) for value in plain[name].tolist()] for name in plain}
    inputs = {name: columns.pop(name) for name in program.inputs}
    return _json({"inputs": inputs, "predictions": columns})


def _moment(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def main(arguments: list[str] | None = None) -> int:
    """`verify PATH`: prints what was verified; 1 and one line if the bundle is refused.

    The ledger of the project says whether this bundle was ever decided on: a bundle that was packed anew, with a
    manifest of its own, is whole and yet refused. Where there is no project, `--id` takes the ledger's place.
    """
    parser = argparse.ArgumentParser(prog="python -m components.release.bundle")
    command = parser.add_subparsers(required=True).add_parser("verify", help="compute every hash anew")
    command.add_argument("path", type=Path)
    command.add_argument("--id", help="the bundle id that the ledger keeps; without it the ledger is asked")
    command.add_argument("--config", type=Path, default=Path("config.toml"), help="names the project's store")
    options = parser.parse_args(arguments)
    try:
        manifest = verify(options.path, options.id)
        said = f"id {options.id}" if options.id else _recorded(manifest, options.config)
    except FlowprintError as error:
        sys.stderr.write(f"refused: {error}\n")
        return 1
    sys.stdout.write(_account(options.path, manifest, said))
    return 0


def _recorded(manifest: Manifest, config: Path) -> str:
    """What the ledger says of the bundle."""
    from components.release.ledger import of_project

    told = [entry for entry in of_project(config).entries() if entry.bundle_id == manifest.bundle_id]
    if not any(entry.event in ("approved", "rejected") for entry in told):
        raise BundleError(
            f"{MANIFEST}: no decision in the ledger names bundle {manifest.bundle_id[:12]}: it was packed anew, or "
            "belongs to another project. Get the bundle that was decided on, or give its id."
        )
    return "ledger " + ", ".join(f"{entry.event} (entry {entry.number})" for entry in told)


def _account(folder: Path, manifest: Manifest, said: str) -> str:
    decision = json.loads((folder / "decision.json").read_text(encoding="utf-8"))
    lines = [
        f"bundle    {manifest.bundle_id}",
        f"decision  {decision.get('outcome')}, run {decision.get('run')}, data {decision.get('data_version')}",
        f"known by  {said}",
        f"verified  {len(manifest.files)} files, {manifest.size_bytes / 1e6:.2f} MB:",
        *(
            f"  {record.sha256[:12]}  {record.size_bytes:>10,}  {name}"
            for name, record in manifest.files.items()
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
