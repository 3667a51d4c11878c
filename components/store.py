"""Objects that must last (snapshots, quarantine, ledger), under one root: a folder or an fsspec URL."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
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

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """A file of this machine that holds the object, to be read only; FileNotFoundError if there is none."""
        if self._local:
            yield Path(self._path(name))
            return
        with tempfile.TemporaryDirectory(prefix="store-") as folder:
            path = Path(folder, "object")
            self._filesystem.get_file(self._path(name), str(path))
            yield path

    @contextmanager
    def draft(self, name: str) -> Iterator[Path]:
        """A file of this machine in which an object is written; it is nothing before it is kept, and removed at the end."""
        folder = Path(self._path(name)).parent if self._local else Path(tempfile.gettempdir())
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, path = tempfile.mkstemp(prefix=".partial-", dir=folder)
        os.close(descriptor)
        try:
            yield Path(path)
        finally:
            Path(path).unlink(missing_ok=True)

    def write(self, name: str, data: bytes) -> None:
        """Write the object whole or not at all, in place of an older one."""
        if not self._local:
            self._filesystem.pipe_file(self._path(name), data)
            return
        with self.draft(name) as draft:
            draft.write_bytes(data)
            _to_disk(draft)
            os.replace(draft, self._path(name))

    def write_if_absent(self, name: str, data: bytes) -> bool:
        """True if written, False if the name was taken; of two writers exactly one is told True."""
        if not self._local:
            return self._created(lambda: self._filesystem.pipe_file(self._path(name), data, mode="create"))
        with self.draft(name) as draft:
            draft.write_bytes(data)
            return self.keep_if_absent(name, draft)

    def keep_if_absent(self, name: str, draft: Path) -> bool:
        """As :meth:`write_if_absent`, of what a file of :meth:`draft` holds."""
        if not self._local:
            path = self._path(name)
            return self._created(lambda: self._filesystem.put_file(str(draft), path, mode="create"))
        _to_disk(draft)
        try:
            os.link(draft, self._path(name))
        except FileExistsError:
            return False
        return True

    def exists(self, name: str) -> bool:
        """Whether there is an object of that name."""
        return bool(self._filesystem.exists(self._path(name)))

    def written_at(self, name: str) -> datetime:
        """When the object was written."""
        written: datetime = self._filesystem.modified(self._path(name))
        return written

    def names(self, prefix: str) -> list[str]:
        """The names of the objects in the folder ``prefix`` and below, sorted."""
        base = self._path(prefix)
        self._filesystem.invalidate_cache()
        found = self._filesystem.find(base) if self._filesystem.exists(base) else []
        start = len(self._base.rstrip("/")) + 1
        return sorted(path[start:] for path in found if not Path(path).name.startswith(".partial-"))

    def remove(self, prefix: str) -> None:
        """Remove the objects in the folder ``prefix`` and below; there may be none."""
        self._filesystem.invalidate_cache()
        if self._filesystem.exists(self._path(prefix)):
            self._filesystem.rm(self._path(prefix), recursive=True)

    def folders(self, prefix: str) -> list[str]:
        """The folders that lie directly in the folder ``prefix``, by their names under the root, sorted."""
        self._filesystem.invalidate_cache()
        try:
            found = self._filesystem.ls(self._path(prefix), detail=True)
        except FileNotFoundError:
            return []
        start = len(self._base) + 1
        return sorted(each["name"].rstrip("/")[start:] for each in found if each["type"] == "directory")

    def changed(self, prefix: str) -> datetime | None:
        """When something in the folder ``prefix`` and below was written last, also what is half written; None if nothing is there.

        Raises:
            FileNotFoundError: somebody removes it meanwhile.
        """
        self._filesystem.invalidate_cache()
        found = self._filesystem.find(self._path(prefix))
        return max(map(self._filesystem.modified, found), default=None)

    def url(self, name: str) -> str:
        """The object's path or URL, for libraries that read such themselves."""
        return self._path(name) if self._local else f"{self.root}/{name}"

    def _path(self, name: str) -> str:
        return f"{self._base}/{name}"

    def _created(self, create: Callable[[], object], waits: tuple[float, ...] = _WAITS_SECONDS) -> bool:
        self._filesystem.invalidate_cache()
        try:
            create()
        except FileExistsError:
            return False
        except OSError as error:
            if not waits or not _undecided(error):
                raise
            time.sleep(waits[0])
            return self._created(create, waits[1:])
        return True


def _to_disk(draft: Path) -> None:
    draft.chmod(0o644)
    with draft.open("rb") as file:
        os.fsync(file.fileno())


def _undecided(error: OSError) -> bool:
    """Whether S3 was busy with another request for the same name: it wrote nothing, and says to try again."""
    response = getattr(error.__cause__, "response", {})
    return bool(response.get("Error", {}).get("Code") == "ConditionalRequestConflict")
