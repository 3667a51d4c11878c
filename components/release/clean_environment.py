"""An environment for one bundle: its own Python, and the distributions that its requirements pin, nothing else."""

from __future__ import annotations

import subprocess
import venv
from importlib import metadata
from pathlib import Path

from components.errors import BundleError
from components.release.lock import pins

_INSTALL_SECONDS = 600


def make(folder: Path, requirements: str) -> Path:
    """The Python of a new environment that holds what is pinned.

    Distributions that are installed here in the pinned versions are linked, which takes a blink; if one is not, all of
    them are installed from the package index, hashes checked.

    Args:
        folder: where the environment is to be; it does not exist yet.
        requirements: the text of the bundle's requirements.txt.

    Raises:
        BundleError: a pinned version is neither here nor in reach.
    """
    found = _installed(requirements)
    venv.EnvBuilder(symlinks=True, with_pip=found is None).create(folder)
    python = folder / "bin" / "python"
    if found is None:
        _install(python, folder, requirements)
    else:
        site = next((folder / "lib").glob("python*")) / "site-packages"
        for distribution in found:
            _link(distribution, site)
    return python


def _installed(requirements: str) -> list[metadata.Distribution] | None:
    """The pinned distributions as they are installed here; None if one is not, or in another version."""
    found = []
    for name, versions in pins(requirements).items():
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            return None
        if distribution.version not in versions:
            return None
        found.append(distribution)
    return found


def _link(distribution: metadata.Distribution, site: Path) -> None:
    """Link what a distribution put into site packages; folders that several share are made, and their content linked."""
    tops = {
        file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__", "/")
    }
    for top in tops:
        source = Path(str(distribution.locate_file(top)))
        if (
            source.is_dir()
            and not (source / "__init__.py").exists()
            and not top.endswith((".libs", ".dist-info"))
        ):
            inner = {Path(*file.parts[:2]) for file in distribution.files or () if file.parts[0] == top}
            for path in inner:
                (site / path).parent.mkdir(exist_ok=True)
                _point(site / path, Path(str(distribution.locate_file(path.as_posix()))))
        else:
            _point(site / top, source)


def _point(link: Path, source: Path) -> None:
    if source.exists() and not link.is_symlink():
        link.symlink_to(source.resolve())


def _install(python: Path, folder: Path, requirements: str) -> None:
    pinned = folder / "requirements.txt"
    pinned.write_text(requirements, encoding="utf-8")
    options = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--requirement", str(pinned)]
    done = subprocess.run(
        [str(python), "-I", "-m", "pip", "install", *options], capture_output=True, text=True,
        timeout=_INSTALL_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise BundleError(
            f"The bundle's requirements.txt pins versions that are not installed here, and pip could not install them: "
            f"{reason}"
        )
