"""A copy of the project in which the loop lives: with a store, a ledger and an MLflow of its own, and no account anywhere."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import tomlkit

from components.errors import FlowprintError
from components.release.ledger import Entry, Ledger
from components.store import Store

FOLDERS = ("components", "flows")
TABLE = "data/table.parquet"
_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ (\[[^\]]*\] )?")
PLAIN: dict[str, dict[str, Any]] = {
    "project": {"orchestrator": "local"},
    "data": {
        "source": TABLE,
        "revision": "",
        "query": "",
        "drop": [],
        "missing": {},
        "numbers": {},
        "dates": {},
    },
    "store": {"root": "store"},
    "tracking": {"uri": "sqlite:///mlflow.db"},
    "deploy": {"approval": False},
    "serving": {"log": "window", "log_columns": ["*"]},
    "retraining": {"events": False, "schedule": ""},
    "monitoring": {"schedule": ""},
}
"""What the copy's config.toml has, whatever the project's own: its table, and nothing outside of its folder."""


@dataclass(frozen=True)
class Done:
    """A command that ended.

    Attributes:
        words: as they are typed.
        code: 0 if all went well.
        output: what it said.
        log: where that is kept.
    """

    words: str
    code: int
    output: str
    log: Path

    @property
    def lines(self) -> list[str]:
        """What it said, without what Metaflow and make say of themselves."""
        plain = (_PREFIX.sub("", line).strip() for line in self.output.splitlines())
        return [line for line in plain if line and not line.startswith("make")]

    @property
    def last(self) -> str:
        """The last line that it said."""
        return self.lines[-1] if self.lines else "It said nothing."

    @property
    def refusal(self) -> str:
        """Why it refused, in its own words; the last line where it did not."""
        lines = self.lines
        if "Refused:" not in lines:
            return self.last
        why = lines[lines.index("Refused:") + 1 :]
        ends = [place for place, line in enumerate(why) if line == "Task failed."]
        return " ".join(why[: ends[0]] if ends else why)


class Copy:
    """The project's folder that the loop lives in.

    Args:
        root: of the copy.
        logs: where what commands say is kept.
        venv: the environment with what is installed.

    Attributes:
        heard: called with each line of a command's output.
        live: the environment that users meet.
        extra: of the commands' environment.
    """

    def __init__(self, root: Path, logs: Path, venv: str) -> None:
        self.root, self.logs, self._venv = root, logs, venv
        self.heard: Callable[[str], None] = lambda _: None
        self._commands = 0
        self.extra: dict[str, str] = {}

    def make(self, project: Path, past: pl.DataFrame, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the copy's files.

        Args:
            project: whose code, contract and configuration are copied.
            past: the first rows of its table.
            changes: of config.toml, by section and key.
        """
        for name in FOLDERS:
            shutil.copytree(project / name, self.root / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in (project / "Makefile", project / "schema.yaml", *project.glob("requirements*.lock")):
            shutil.copy2(
                path, self.root / path.name
            )  # with its time: an environment that is up to date stays so
        (self.root / "data").mkdir()
        for path in (project / "data").glob("*.toml"):
            shutil.copy2(path, self.root / "data" / path.name)
        self.know(past)
        text = (project / "config.toml").read_text(encoding="utf-8")
        (self.root / "config.toml").write_text(changed(changed(text, PLAIN), changes), encoding="utf-8")

    def know(self, rows: pl.DataFrame) -> None:
        """Let the table be these rows, whole or not at all."""
        draft = self.root / "data" / "draft.parquet"
        rows.write_parquet(draft)
        draft.replace(self.root / TABLE)

    @property
    def ledger(self) -> Ledger:
        """The copy's own."""
        return Ledger(self.store)

    @property
    def store(self) -> Store:
        """The copy's own."""
        return Store(str(self.root / "store"))

    def champion(self) -> Entry | None:
        """The promotion that stands in the environment that users meet."""
        return self.ledger.champion(self.live)

    live = "production"

    def run(self, *words: str, **variables: str) -> Done:
        """`make` with these targets and variables, to its end."""
        told = " ".join(
            [
                "make",
                *words,
                *(
                    f"{name}='{value}'" if " " in value else f"{name}={value}"
                    for name, value in variables.items()
                ),
            ]
        )
        self._commands += 1
        log = self.logs / f"{self._commands:02d}-{'-'.join(words)}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        given = [f"{name}={value}" for name, value in variables.items()]
        command = ["make", "--no-print-directory", *words, f"VENV={self._venv}", *given]
        lines = []
        with log.open("w", encoding="utf-8") as file:
            file.write(f"$ {told}\n")
            with subprocess.Popen(
                command, cwd=self.root, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL, start_new_session=True,
            ) as process:  # fmt: skip
                assert process.stdout
                try:
                    for line in process.stdout:
                        file.write(line)
                        lines.append(line)
                        self.heard(line)
                except BaseException:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGTERM)
                    raise
        return Done(told, process.returncode, "".join(lines), log)

    @property
    def environment(self) -> dict[str, str]:
        """Of commands: nobody's settings of Metaflow, MLflow or make, and no webhook but the loop's."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("METAFLOW_", "MLFLOW_", "MAKE", "MFLAGS", "SERVING_", "MONITOR_"))
            and name not in ("PYTHONPATH", "REASON", "RUN", "QUERY")
        }
        return kept | {
            "PYTHONPATH": str(self.root),
            "METAFLOW_USER": os.environ.get("METAFLOW_USER", "") or "loop",
            "METAFLOW_HOME": str(self.root / "metaflow"),
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(self.root),
            "METAFLOW_DEFAULT_DATASTORE": "local",
            "METAFLOW_DEFAULT_METADATA": "local",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            **self.extra,
        }


def changed(text: str, sections: Mapping[str, Mapping[str, Any]]) -> str:
    """A config.toml with these keys in these sections; comments and all else stay.

    Raises:
        FlowprintError: it is none.
    """
    try:
        document = tomlkit.parse(text)
    except tomlkit.exceptions.TOMLKitError as error:
        raise FlowprintError(f"config.toml is not valid TOML: {error}; mend the line it names.") from None
    for section, keys in sections.items():
        table = document.setdefault(section, tomlkit.table())
        for key, value in keys.items():
            table[key] = value
    return tomlkit.dumps(document)
