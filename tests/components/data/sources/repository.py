"""A real repository of DVC with a remote in a folder beside it."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl

DVC = Path(sys.prefix, "dvc", "bin", "dvc")
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in {"NAME": "tester", "EMAIL": "tester@example.com"}.items()
}


class Repository:
    """A repository whose folder ``data`` holds ``table.parquet``, tracked by DVC and kept in the remote alone.

    Args:
        root: where it is made.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.remote = root, root.with_name(f"{root.name}-remote")
        root.mkdir(parents=True)
        self.run("git", "init", "--quiet", "--initial-branch", "main")
        self.run(str(DVC), "init", "--quiet")
        self.run(str(DVC), "remote", "add", "--quiet", "--default", "shared", str(self.remote))

    def commit(self, table: pl.DataFrame, name: str = "data/table.parquet") -> str:
        """The commit with which the table became the tracked one."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        table.write_parquet(path)
        self.track(name.partition("/parts/")[0] + "/parts" if "/parts/" in name else name)
        self.run("rm", "-r", "-f", ".dvc/cache", "data/table.parquet")
        return self.run("git", "rev-parse", "HEAD")

    def track(self, name: str) -> None:
        """Add a file or folder to DVC, commit, and send it to the remote."""
        self.run(str(DVC), "add", "--quiet", name)
        self.run("git", "add", ".")
        self.run("git", "commit", "--quiet", "--message", "a table")
        self.run(str(DVC), "push", "--quiet")

    def run(self, *words: str) -> str:
        """What a command in the repository prints."""
        done = subprocess.run(
            words,
            cwd=self.root,
            env={name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
            | IDENTITY
            | {"DVC_NO_ANALYTICS": "1", "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()
