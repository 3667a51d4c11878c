"""What a server serves: the champion, and beside it a challenger that sees the same requests or a share of them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from components.errors import DeploymentError, FlowprintError
from components.serving.compatibility import Interface, apart
from components.serving.model import Model
from components.serving.pointer import POINTER, TEST, Pointer
from components.serving.settings import ServingSettings

RETRY_SECONDS = 5.0
"""After which what was refused is tried again."""

_Stamp = tuple[int, int]


@dataclass(frozen=True)
class Variant:
    """A model and the part it plays: "champion" or "challenger"."""

    name: str
    model: Model


@dataclass(frozen=True)
class _Serving:
    """What is served at a moment; replaced as a whole."""

    pointer: Pointer
    champion: Variant
    challenger: Variant | None = None


class Deployment:
    """The models in service; what a newer deployment asks for is verified before it takes over.

    Attributes:
        refused: why the newest deployment is not in service; "" if it is.
        swaps: how often another one has taken over.
        settings_differ: whether the newest deployment asks for other settings than the server started with.
    """

    def __init__(
        self, folder: Path | None, serving: _Serving, *, seen: _Stamp = (0, 0), accepted: Path | None = None
    ) -> None:
        self._folder, self._serving, self._seen = folder, serving, seen
        self._accepted, self._tried = accepted, time.monotonic()
        self._refreshing = threading.Lock()
        self.refused, self.swaps, self.settings_differ = "", 0, False

    @classmethod
    def of_bundle(
        cls, folder: Path, settings: ServingSettings | None = None, environment: str = ""
    ) -> Deployment:
        """One bundle alone, for good.

        Raises:
            BundleError: it cannot be served.
            DeploymentError: its run was rejected, and the environment is not "test".
        """
        settings = settings or ServingSettings()
        model = Model.load(folder, threads=settings.threads)
        pointer = Pointer(environment, model.bundle_id, settings=settings)
        serving = _Serving(pointer, Variant("champion", model))
        _require_approved(serving)
        return cls(None, serving)

    @classmethod
    def watched(
        cls, folder: Path, accepted: Path | None = None, settings: ServingSettings | None = None
    ) -> Deployment:
        """What a deployment's folder names, now and when :meth:`refresh` is called.

        Args:
            folder: of the deployment.
            accepted: a file in which the workers of one server keep what was last in service. One that takes the place
                of a dead one goes on with that, where a newer deployment is refused.
            settings: those that the server started with; None for the deployment's.

        Raises:
            DeploymentError: the folder names nothing that can be served.
            BundleError: a bundle is not what it should be.
        """
        folder = Path(folder).absolute()  # a link in it may be swapped for another one later
        seen = _stamp(folder)  # before it is read: what comes meanwhile is seen later
        try:
            pointer = Pointer.read(folder)
            kept = replace(pointer, settings=settings or pointer.settings)
            deployment = cls(folder, _load(folder, kept, {}), seen=seen, accepted=accepted)
            deployment.settings_differ = pointer.settings != kept.settings
        except FlowprintError as error:
            if accepted is None or not accepted.exists():
                raise
            former = Pointer.parse(accepted, accepted.read_bytes())
            former = replace(former, settings=settings or former.settings)
            deployment = cls(folder, _load(folder, former, {}), seen=seen, accepted=accepted)
            deployment.refused = str(error)
        deployment._keep()
        return deployment

    @property
    def settings(self) -> ServingSettings:
        """Of the server; those it started with, whatever a newer deployment says."""
        return self._serving.pointer.settings

    @property
    def environment(self) -> str:
        """Where this is, such as "production"; "" for a bundle alone, of which nobody said."""
        return self._serving.pointer.environment

    @property
    def champion(self) -> Variant:
        """Who answers, or answers most."""
        return self._serving.champion

    @property
    def challenger(self) -> Variant | None:
        """Who is tried beside, if anybody is."""
        return self._serving.challenger

    @property
    def shadow(self) -> Variant | None:
        """Who scores what the champion answers, for the log alone."""
        return self._serving.challenger if self._serving.pointer.mode == "shadow" else None

    @property
    def splits(self) -> bool:
        """Whether a share of the requests is the challenger's."""
        return self._serving.pointer.mode == "split"

    @property
    def sticky(self) -> str:
        """The column by whose value rows are routed, or ""."""
        return self._serving.pointer.sticky if self.splits else ""

    def route(self, key: str) -> Variant:
        """Who answers for a key: the same one as long as the same two are compared.

        The key's place in [0, 1) is a hash of it and of both bundles; below the share, the challenger answers. Other
        bundles are other places, so that one experiment does not follow the assignment of the one before.
        """
        serving = self._serving
        if serving.challenger is None or serving.pointer.mode != "split":
            return serving.champion
        salt = f"{serving.pointer.champion}:{serving.pointer.challenger}:{key}"
        place = int.from_bytes(hashlib.blake2b(salt.encode(), digest_size=8).digest(), "big") / 2**64
        return serving.challenger if place < serving.pointer.share else serving.champion

    @property
    def changed(self) -> bool:
        """Whether the pointer was replaced since it was last looked at; or was refused, and may have been mended."""
        if self._folder is None:
            return False
        mended = bool(self.refused) and time.monotonic() - self._tried > RETRY_SECONDS
        return mended or _stamp(self._folder) != self._seen

    def refresh(self) -> bool:
        """Whether another deployment has taken over; if it cannot, the old one stays and ``refused`` says why."""
        if self._folder is None:
            return False
        with self._refreshing:
            self._seen, self._tried = _stamp(self._folder), time.monotonic()
            try:
                pointer = Pointer.read(self._folder)
                self.settings_differ = pointer.settings != self.settings
                if replace(pointer, settings=self.settings) == self._serving.pointer:
                    self.refused = ""
                    return False
                known = {each.model.bundle_id: each.model for each in self._variants()}
                serving = _load(self._folder, replace(pointer, settings=self.settings), known)
            except FlowprintError as error:
                self.refused = str(error)
                return False
            except Exception as error:  # whatever a deployment holds, the one in service goes on
                self.refused = f"The deployment cannot be read: {type(error).__name__}"
                return False
            self._serving, self.refused, self.swaps = serving, "", self.swaps + 1
            self._keep()
            return True

    def _keep(self) -> None:
        """Let those who come after know what is in service."""
        if self._accepted is not None and not self.refused:
            draft = self._accepted.with_name(f".{self._accepted.name}-{os.getpid()}")
            with contextlib.suppress(OSError):
                draft.write_bytes(self._serving.pointer.to_bytes())
                draft.replace(self._accepted)

    def _variants(self) -> list[Variant]:
        serving = self._serving
        return [serving.champion, *([serving.challenger] if serving.challenger else [])]


def _load(folder: Path, pointer: Pointer, known: Mapping[str, Model]) -> _Serving:
    serving = _loaded(folder, pointer, known)
    _require_approved(serving)
    _require_compatible(serving)
    return serving


def _require_compatible(serving: _Serving) -> None:
    if serving.challenger is None:
        return
    champion, challenger = (_interface(each.model) for each in (serving.champion, serving.challenger))
    if told := apart(serving.pointer.mode, champion, challenger):
        raise DeploymentError(told)


def _interface(model: Model) -> Interface:
    return Interface.of(model.rules, model.recorded["predictions"])


def _require_approved(serving: _Serving) -> None:
    environment = serving.pointer.environment
    for variant in (serving.champion, serving.challenger):
        if variant is not None and not variant.model.approved and environment != TEST:
            raise DeploymentError(
                f"Bundle {variant.model.bundle_id[:12]} was rejected, and may be served in the environment {TEST!r} alone "
                f"(--environment {TEST}), not in {environment!r}; deploy an approved one."
            )


def _loaded(folder: Path, pointer: Pointer, known: Mapping[str, Model]) -> _Serving:
    champion = Variant("champion", _model(folder, pointer.champion, pointer.settings, known))
    if not pointer.challenger:
        return _Serving(pointer, champion)
    return _Serving(
        pointer, champion, Variant("challenger", _model(folder, pointer.challenger, pointer.settings, known))
    )


def _model(folder: Path, bundle_id: str, settings: ServingSettings, known: Mapping[str, Model]) -> Model:
    if bundle_id in known:
        return known[bundle_id]
    if not bundle_id.isalnum():
        raise DeploymentError(f"{folder / POINTER}: {bundle_id[:20]!r} is no bundle's id; deploy again.")
    return Model.load(folder / "bundles" / bundle_id, bundle_id, settings.threads)


def _stamp(folder: Path | None) -> _Stamp:
    """What changes when the pointer is replaced; zeros where there is none."""
    try:
        found = (folder / POINTER).stat() if folder else None
    except OSError:
        found = None
    return (found.st_mtime_ns, found.st_ino) if found else (0, 0)
