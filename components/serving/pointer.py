"""What a deployment's folder says is to be served."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from components.errors import DeploymentError
from components.serving.settings import ServingSettings

POINTER = "deployment.json"
FORMAT = 1
TEST = "test"
"""The environment where a rejected run's bundle may be served."""

Mode = Literal["", "shadow", "split"]
_KEYS = {"version", "environment", "champion", "challenger", "mode", "share", "sticky", "serving"}


@dataclass(frozen=True)
class Pointer:
    """What deployment.json says.

    Attributes:
        environment: where this is, such as "production".
        champion: the bundle that answers.
        challenger: a second bundle, or "".
        mode: "shadow": the challenger scores too, and only the log sees it; "split": it answers its share.
        share: of the keys that the challenger answers, from 0 to 1.
        sticky: the input column by whose value a row is always answered by the same one; "" for the routing key of
            the request.
        settings: of the server.
    """

    environment: str
    champion: str
    challenger: str = ""
    mode: Mode = ""
    share: float = 0.0
    sticky: str = ""
    settings: ServingSettings = field(default_factory=ServingSettings)

    @classmethod
    def read(cls, folder: Path) -> Pointer:
        """The pointer of a deployment's folder.

        Raises:
            DeploymentError: there is none, or it says something else than a deployment does.
        """
        path = folder / POINTER
        try:
            return cls.parse(path, path.read_bytes())
        except FileNotFoundError:
            raise DeploymentError(
                f"{path}: missing; deploy a bundle there first (make deploy), or name another folder."
            ) from None
        except OSError as error:
            raise DeploymentError(f"{path}: cannot be read ({error}); deploy again.") from error

    @classmethod
    def parse(cls, path: Path, content: bytes) -> Pointer:
        """The pointer that a file holds.

        Raises:
            DeploymentError: it says something else than a deployment does.
        """
        try:
            said = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise DeploymentError(f"{path}: cannot be read ({error}); deploy again.") from error
        if not isinstance(said, dict) or said.get("version") != FORMAT or not said.keys() <= _KEYS:
            raise DeploymentError(f"{path}: not a deployment of format {FORMAT}; deploy again.")
        said.pop("version")
        settings = ServingSettings.from_json(said.pop("serving", {}))
        return _checked(path, said, settings)

    def to_bytes(self) -> bytes:
        """What :meth:`read` reads."""
        said = {**vars(self), "version": FORMAT, "serving": vars(self.settings)}
        said.pop("settings")
        return json.dumps(said, indent=2, sort_keys=True).encode() + b"\n"


def _checked(path: Path, said: Mapping[str, Any], settings: ServingSettings) -> Pointer:
    pointer = Pointer(**{"environment": "", "champion": "", **said}, settings=settings)
    texts = (pointer.environment, pointer.champion, pointer.challenger, pointer.mode, pointer.sticky)
    if not all(isinstance(text, str) for text in texts) or not isinstance(pointer.share, int | float):
        raise DeploymentError(f"{path}: a value is of another type than a deployment has; deploy again.")
    if not pointer.champion:
        raise DeploymentError(f"{path}: names no champion; deploy again.")
    if pointer.mode not in ("", "shadow", "split") or bool(pointer.mode) != bool(pointer.challenger):
        raise DeploymentError(
            f"{path}: the mode is {pointer.mode!r} and the challenger {pointer.challenger[:12]!r}; a challenger goes "
            "with the mode 'shadow' or 'split', and without one both are empty."
        )
    if not 0 <= pointer.share <= 1:
        raise DeploymentError(f"{path}: the share is {pointer.share}; it must be from 0 to 1.")
    return pointer
