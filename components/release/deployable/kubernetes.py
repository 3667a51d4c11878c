"""Kubernetes manifests: a base, and an overlay for each environment, which alone names the image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"
NO_DIGEST = "sha256:" + "0" * 64
"""Before an image was pushed: a digest that no registry has, so that nothing is run that nobody chose."""

_PARTS = ("overlay.yaml.j2", "pod.yaml.j2")

MOST_TIMES = 4
"""How many times the replicas that the expected requests need the autoscaler may start."""


def base(name: str, serving: Mapping[str, Any]) -> dict[str, str]:
    """The manifests that are the same in every environment, by their paths.

    Args:
        name: of the model.
        serving: the server's settings.
    """
    pod = _pod(name, serving, container="server", port="http", spread=True)
    templates = [path for path in sorted((TEMPLATES / "kubernetes").glob("*.j2")) if path.name not in _PARTS]
    return {
        f"kubernetes/base/{path.name.removesuffix('.j2')}": rendered(
            f"kubernetes/{path.name}", name=name, pod=pod
        )
        for path in templates
    }


def kserve(name: str, serving: Mapping[str, Any]) -> dict[str, str]:
    """The same server as an InferenceService of KServe, in place of the base, by the paths of its manifests.

    Arguments as for :func:`base`.
    """
    pod = _pod(name, serving, container="kserve-container", port="http1", spread=False)
    own = [f"kserve/{path.name}" for path in sorted((TEMPLATES / "kserve").glob("*.j2"))]
    templates = [*own, "kubernetes/service-account.yaml.j2", "kubernetes/predictions.yaml.j2"]
    return {
        f"kubernetes/kserve/{Path(template).name.removesuffix('.j2')}": rendered(template, name=name, pod=pod)
        for template in templates
    }


def _pod(name: str, serving: Mapping[str, Any], *, container: str, port: str, spread: bool) -> str:
    """The specification of a pod, which a Deployment and KServe have in common."""
    text = rendered(
        "kubernetes/pod.yaml.j2",
        name=name,
        container=container,
        port=port,
        spread=spread,
        workers=serving["workers"],
        grace_seconds=math.ceil(serving["drain_seconds"] + serving["timeout_seconds"]) + 15,
    )
    return text.rstrip("\n")


def overlay(
    name: str, environment: str, image: str, *, least: int, most: int, digest: str = NO_DIGEST
) -> dict[str, str]:
    """The kustomization of an environment, by its path.

    Args:
        name: of the model.
        environment: its name.
        image: where the image is kept, without tag or digest.
        least: replicas that always run.
        most: replicas that the autoscaler may start.
        digest: of the image.
    """
    text = rendered(
        "kubernetes/overlay.yaml.j2",
        name=name,
        overlay=environment,
        image=image,
        digest=digest,
        least=least,
        most=most,
    )
    return {f"kubernetes/overlays/{environment}/kustomization.yaml": text}


def rendered(template: str, marks: tuple[str, str] = ("{{", "}}"), **values: Any) -> str:
    """A template's text; a value that it names and is not given is an error.

    Args:
        template: its path below ``templates/``.
        marks: between which it names values.
        values: by their names.
    """
    text: str = _environment(marks).get_template(template).render(**values)
    return text


def _environment(marks: tuple[str, str]) -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(  # noqa: S701 (YAML, not HTML; names are checked by config.toml's types)
        variable_start_string=marks[0],
        variable_end_string=marks[1],
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
