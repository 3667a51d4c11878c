"""Copy what bears no answer from the template's root into the project, byte for byte.

It runs in the project's folder, also when cruft renders a template anew to compare versions: it touches files only.
"""
# ruff: noqa: F821, RUF100

import fnmatch
import json
import os
import subprocess
import sys
from pathlib import Path

COPIED = (
    ".gitignore",
    "Makefile",
    "components",
    "data",
    "flows",
    "notebooks",
    "requirements-dev.lock",
    "requirements-dvc.lock",
    "requirements-sources.lock",
    "requirements-uv.lock",
    "requirements.lock",
    "schema.yaml",
    "tests/components",
    "tests/conftest.py",
    "tests/flows",
)
CI_FILES = {
    "github": {"ci/github.yml": ".github/workflows/ci.yml"},
    "gitlab": {"ci/gitlab.yml": ".gitlab-ci.yml"},
    "none": {},
}


def tracked(root: Path) -> list[str]:
    """The files to copy that git tracks, relative to the root; none where git knows nothing of them."""
    # A git hook that generates a project has GIT_DIR set, to another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(root), "ls-files", "-z", "--deduplicate", "--", *COPIED]
    try:
        listed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [name for name in listed.split("\0") if name and (root / name).is_file()]


def lying_there(root: Path) -> list[str]:
    """The files to copy that are there, relative to the root, without those that .gitignore names."""
    lines = (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored = [line.rstrip("/") for line in lines if line and not line.startswith(("#", "/"))]
    found = (path for name in COPIED for path in [root / name, *(root / name).rglob("*")] if path.is_file())
    names = (path.relative_to(root) for path in found)
    return [
        name.as_posix()
        for name in names
        if not any(fnmatch.fnmatch(part, pattern) for part in name.parts for pattern in ignored)
    ]


def copy(root: Path, targets: dict[str, str]) -> None:
    """Write each file of the root to its place below the current folder, executable if it was."""
    for folder in {Path(target).parent for target in targets.values()}:
        folder.mkdir(parents=True, exist_ok=True)
    for source, target in targets.items():
        Path(target).write_bytes((root / source).read_bytes())
        if os.access(root / source, os.X_OK):
            Path(target).chmod(0o755)


def main() -> None:
    """Copy, and say what to do next."""
    answers = json.loads({{cookiecutter | tojson | tojson}})
    root = Path(json.loads({{template_root | tojson | tojson}}))
    names = tracked(root) or lying_there(root)
    if not any(name.startswith("flows/") for name in names):
        sys.exit(f"{root}: no flows/ to copy were found; the template is incomplete, fetch it anew.")
    copy(root, {name: name for name in names} | CI_FILES[answers["ci"]])
    if "_output_dir" in answers:  # not under cruft, which has words of its own
        print(f"Generated {answers['project_slug']}/. Next: cd {answers['project_slug']} && make train")


if __name__ == "__main__":
    main()
