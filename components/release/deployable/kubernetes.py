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

BASE_MEBIBYTES, PARENT_MEBIBYTES = 192, 64
"""What a worker with its models takes, and the process that watches over them."""

READ_TIMES = 10
"""So many times its own length a body may take while it is read; a test sends the worst."""

HEADER_BYTES = 65_536
"""Of a request, at most."""

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
        cores=serving["workers"] * serving["threads"],
        request_mebibytes=BASE_MEBIBYTES * serving["workers"],
        limit_mebibytes=memory_mebibytes(serving),
        grace_seconds=math.ceil(serving["drain_seconds"] + serving["timeout_seconds"]) + 15,
    )
    return text.rstrip("\n")


def memory_mebibytes(serving: Mapping[str, Any]) -> int:
    """The most memory that a server's settings let it take, in MiB; what is beyond is a fault, and is ended.

    That is the processes; and in each worker the bodies that it holds, what the longest of them becomes when it is read,
    the headers of all connections, and the predictions that wait while nothing can be written.

    Args:
        serving: the server's settings.
    """
    held = max(serving["max_waiting_bytes"], serving["max_body_bytes"])
    read = READ_TIMES * serving["max_body_bytes"]
    headers = serving["max_connections"] * HEADER_BYTES
    worker: int = BASE_MEBIBYTES + math.ceil((held + read + headers + serving["log_buffer_bytes"]) / 2**20)
    workers: int = serving["workers"]
    return PARENT_MEBIBYTES + workers * worker


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
