"""Objects that must last (snapshots, quarantine, ledger), under one root: a folder or an fsspec URL."""

import os
import tempfile
import time
from pathlib import Path

import fsspec

_WAITS_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8)


class Store:
    """Named objects under a root.

    Args:
        root: A folder, or a URL that fsspec knows, such as ``s3://bucket/prefix``.
    """

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self._filesystem, self._base = fsspec.core.url_to_fs(self.root)
        self._local = "://" not in root

    def read(self, name: str) -> bytes:
        """The object's bytes; FileNotFoundError if there is none."""
        data: bytes = self._filesystem.cat_file(self._path(name))
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write the object whole or not at all, in place of an older one."""
        if self._local:
            os.replace(self._temporary(name, data), self._path(name))
        else:
            self._filesystem.pipe_file(self._path(name), data)

    def write_if_absent(self, name: str, data: bytes) -> bool:
        """True if written, False if the name was taken; of two writers exactly one is told True."""
        if not self._local:
            return self._create_remote(name, data)
        temporary = self._temporary(name, data)
        try:
            os.link(temporary, self._path(name))
        except FileExistsError:
            return False
        finally:
            os.unlink(temporary)
        return True

    def exists(self, name: str) -> bool:
        """Whether there is an object of that name."""
        return bool(self._filesystem.exists(self._path(name)))

    def names(self, prefix: str) -> list[str]:
        """The names of the objects in the folder ``prefix`` and below, sorted."""
        base = self._path(prefix)
        self._filesystem.invalidate_cache()
        found = self._filesystem.find(base) if self._filesystem.exists(base) else []
        start = len(self._base) + 1
        return sorted(path[start:] for path in found if not Path(path).name.startswith(".partial-"))

    def url(self, name: str) -> str:
        """The object's path or URL, for libraries that read such themselves."""
        return self._path(name) if self._local else f"{self.root}/{name}"

    def _path(self, name: str) -> str:
        return f"{self._base}/{name}"

    def _temporary(self, name: str, data: bytes) -> str:
        folder = Path(self._path(name)).parent
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, path = tempfile.mkstemp(prefix=".partial-", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(path).chmod(0o644)
        return path

    def _create_remote(self, name: str, data: bytes, waits: tuple[float, ...] = _WAITS_SECONDS) -> bool:
        self._filesystem.invalidate_cache()
        try:
            self._filesystem.pipe_file(self._path(name), data, mode="create")
        except FileExistsError:
            return False
        except OSError as error:
            if not waits or not _undecided(error):
                raise
            time.sleep(waits[0])
            return self._create_remote(name, data, waits[1:])
        return True


def _undecided(error: OSError) -> bool:
    """Whether S3 was busy with another request for the same name: it wrote nothing, and says to try again."""
    response = getattr(error.__cause__, "response", {})
    return bool(response.get("Error", {}).get("Code") == "ConditionalRequestConflict")
