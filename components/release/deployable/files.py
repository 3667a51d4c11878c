"""The deployable files of an environment, written from what is served there and from the settings."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import RefusalError
from components.release.candidates import TEST
from components.release.deployable import container, grafana, image, kubernetes, prometheus


@dataclass(frozen=True)
class Facts:
    """What the files are written from.

    Attributes:
        name: of the model, as Kubernetes and image names allow it.
        environment: where this is.
        image: where the image is kept, without tag or digest; "" for the model's name.
        bundle_id: the champion's.
        python: the minor version that trained it, such as "3.11".
        serving: the server's settings.
        latency_seconds: what the 99th percentile of one row may take.
        model_age_days: after which a model is too old.
        digest: of the image that runs now; "" before one was pushed.
        cores: that the expected requests need, at half load.
        window_days: how long the windows are in which it is monitored.
    """

    name: str
    environment: str
    image: str
    bundle_id: str
    python: str
    serving: Mapping[str, Any]
    latency_seconds: float
    model_age_days: float
    digest: str
    cores: int
    window_days: float = 1.0


def deployables(facts: Facts) -> dict[str, str]:
    """The files by their paths in the environment's folder."""
    needed = math.ceil(facts.cores / facts.serving["workers"])
    least = max(1 if facts.environment == TEST else 2, needed)
    return {
        "Containerfile": container.of_deployment(facts.name, facts.python, facts.bundle_id),
        **kubernetes.base(facts.name, facts.serving),
        **kubernetes.kserve(facts.name, facts.serving),
        **kubernetes.overlay(
            facts.name,
            facts.environment,
            facts.image or facts.name,
            least=least,
            most=least * kubernetes.MOST_TIMES,
            digest=facts.digest or kubernetes.NO_DIGEST,
        ),
        **prometheus.scrape(facts.name, facts.environment),
        **prometheus.rules(
            facts.name,
            facts.environment,
            latency_seconds=facts.latency_seconds,
            model_age_days=facts.model_age_days,
            max_waiting=facts.serving["max_waiting"],
            window_days=facts.window_days,
        ),
        **grafana.dashboard(facts.name, facts.environment),
    }


def digest_of(folder: Path) -> str:
    """The digest of the image that an environment's folder names; "" if it names none yet."""
    path = folder / "kubernetes" / "overlays" / folder.name / "kustomization.yaml"
    try:
        return image.named(path.read_text(encoding="utf-8"))
    except (OSError, RefusalError):
        return ""


def python_of(files: Mapping[str, bytes]) -> str:
    """The minor version of Python that a bundle was made with."""
    found = re.search(rb"python: (\d+\.\d+)", files["python_env.yaml"])
    return found[1].decode() if found else "3.11"
