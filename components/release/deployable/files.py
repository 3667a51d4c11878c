"""The deployable files of an environment, written from what is served there and from the settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Facts:
    """What the files are written from.

    Attributes:
        name: of the model, as Kubernetes and image names allow it.
        environment: where this is.
        environments: all of them, the one that users meet last.
        image: where the image is kept, without tag or digest; "" for the model's name.
        bundle_id: the champion's.
        python: the minor version that trained it, such as "3.11".
        serving: the server's settings.
        latency_seconds: what the 99th percentile of one row may take.
        model_age_days: after which a model is too old.
        replicas: that the expected requests need, each on one core.
    """

    name: str
    environment: str
    environments: tuple[str, ...]
    image: str
    bundle_id: str
    python: str
    serving: Mapping[str, Any]
    latency_seconds: float
    model_age_days: float
    replicas: int


def deployables(facts: Facts) -> dict[str, str]:
    """The files by their paths in the environment's folder."""
    return {}


def python_of(files: Mapping[str, bytes]) -> str:
    """The minor version of Python that a bundle was made with."""
    found = re.search(rb"python: (\d+\.\d+)", files["python_env.yaml"])
    return found[1].decode() if found else "3.11"
