"""The software bill of materials of a bundle: CycloneDX 1.6, JSON."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from components.release.lock import closure, installed, needed, pins

if TYPE_CHECKING:
    from importlib.metadata import PackageMetadata

    from cyclonedx.model.component import Component

_LONGEST_LICENSE_NAME = 60  # beyond, the field holds the licence's text


def sbom(*, name: str, version: str, lock: str, serving: Sequence[str], created: str) -> bytes:
    """The bill of materials: what serves the model as required, what trained it as excluded from running.

    The components are the installed distributions that the lock names, in the versions installed.

    Args:
        name: the model's name.
        version: the model's version.
        lock: the text of requirements.lock.
        serving: the distributions that the bundle's program imports.
        created: when the bundle was made, ISO 8601.

    Raises:
        BundleError: a distribution that serves is not installed.
    """
    from cyclonedx.model import Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    digest = hashlib.sha256(lock.encode()).hexdigest()
    model = Component(
        name=name, version=version, type=ComponentType.MACHINE_LEARNING_MODEL, bom_ref=f"{name}@{version}"
    )
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"flowprint:{name}:{version}:{created}:{digest}"))
    bom.metadata.timestamp = datetime.fromisoformat(created)
    bom.metadata.component = model
    bom.metadata.properties.add(Property(name="flowprint:requirements.lock:sha256", value=digest))
    required = set(closure(serving))
    components = {
        name: _component(name, described, required)
        for name in sorted({*pins(lock), *required})
        if (described := installed(name)) is not None
    }
    for component in components.values():
        bom.components.add(component)
    for name, component in components.items():
        bom.register_dependency(
            component, [components[other] for other in needed(name) if other in components]
        )
    bom.register_dependency(model, [components[name] for name in sorted(required)])
    text: str = JsonV1Dot6(bom).output_as_string(indent=2)
    return text.encode() + b"\n"


def _component(name: str, described: PackageMetadata, required: set[str]) -> Component:
    from cyclonedx.model.component import Component, ComponentScope, ComponentType
    from packageurl import PackageURL

    version = described["Version"]
    url = PackageURL("pypi", None, name, version)
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=url,
        bom_ref=url.to_string(),
        scope=ComponentScope.REQUIRED if name in required else ComponentScope.EXCLUDED,
        licenses=_licenses(described),
    )


def _licenses(described: PackageMetadata) -> list[Any]:
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression

    expressions = described.get_all("License-Expression")
    if expressions:
        return [LicenseExpression(expressions[0])]
    classified = [text for text in described.get_all("Classifier") or [] if text.startswith("License ::")]
    names = [text.rpartition(" :: ")[2] for text in classified] or described.get_all("License") or []
    return [DisjunctiveLicense(name=name) for name in names if 0 < len(name) <= _LONGEST_LICENSE_NAME]
