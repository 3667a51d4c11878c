"""The connection to MLflow: quiet, without secrets in its messages, and safe at first use."""

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import ConfigError, FlowprintError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_SQLITE = re.compile(r"sqlite:///(?!:memory:)([^?]+)")
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def connect(uri: str) -> "MlflowClient":
    """A client of the tracking store and registry at the URI; a SQLite file is made if there is none.

    MLflow's telemetry, progress bars and notices are off, unless the environment says otherwise.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    path = sqlite_path(uri)
    if path and not path.exists():
        _create_sqlite(path)
    return MlflowClient(uri, uri)


def refuse_sqlite(uri: str, *, orchestrated: bool) -> None:
    """Pass if what is written to the tracking URI lasts where the flow runs.

    Args:
        uri: Tracking URI.
        orchestrated: Whether the flow's steps run on a cluster, each on a disk of its own.

    Raises:
        ConfigError: The steps run on a cluster and the URI names a file.
    """
    on_disk = uri.startswith(("sqlite:", "file:")) or not ("://" in uri or uri.startswith("databricks"))
    if orchestrated and on_disk:
        raise ConfigError(
            f"config.toml: tracking.uri is {uri!r}, a file that a cluster's steps do not share; "
            "name the address of an MLflow server, such as 'https://mlflow.example'."
        )


@contextmanager
def explained() -> Iterator[None]:
    """MLflow's errors as ours, without the credentials that a URI may hold."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("mlflow", "sqlalchemy"):
            raise
        raise FlowprintError(
            f"MLflow: {error} Check tracking.uri in config.toml and that its server answers."
        ) from None


@contextmanager
def unless_exists() -> Iterator[None]:
    """Pass over the error that another process has just made the same thing."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def again_if_raced(call: Callable[[], object], attempts: int = 5) -> None:
    """Call, and call again where another process has just written the same row: the second time it is found."""
    for attempt in range(1, attempts + 1):
        try:
            call()
            return
        except Exception as error:
            if "IntegrityError" not in str(error) or attempt == attempts:
                raise


def sqlite_path(uri: str) -> Path | None:
    """The file behind a SQLite URI, None for any other URI."""
    found = _SQLITE.match(uri)
    return Path(found[1]) if found else None


def _create_sqlite(path: Path) -> None:
    """Create MLflow's tables aside and move them into place whole: two processes, or a kill, leave one good file."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=path.parent) as folder:
        new = Path(folder).resolve() / path.name
        SqlAlchemyStore(f"sqlite:///{new}", str(path.resolve().parent / "mlruns")).engine.dispose()
        with suppress(FileExistsError):
            os.link(new, path)
