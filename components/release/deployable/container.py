"""The Containerfile of a bundle, and of a deployment's folder: one text, two places of the server."""

_TEMPLATE = """\
# Build in this folder:  podman build --format docker --tag {name} .
# Run it:                podman run --rm --read-only --publish 8080:8080 --volume predictions:/var/lib/predictions {name}
ARG BASE=python:{python}-slim
FROM ${{BASE}}

# For pip, where packages come from a mirror, or from a folder that is mounted during the build.
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS

ENV OMP_NUM_THREADS=1 ORT_DISABLE_TELEMETRY=1
WORKDIR /srv
COPY {requirements} ./requirements.txt
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore --require-hashes \\
        --requirement requirements.txt \\
    && rm requirements.txt \\
    && mkdir --parents /var/lib/predictions \\
    && chown 10001:10001 /var/lib/predictions
{copied}
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \\
    CMD ["python", "-I", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/ping', timeout=2)"]
CMD ["python", "-I", "/srv/{server}", {served}, "--host", "0.0.0.0", "--port", "8080", "--log-folder", "/var/lib/predictions"]
"""


def of_bundle(name: str, python: str) -> str:
    """The Containerfile that a bundle brings: an image of this one model.

    Args:
        name: what the image is called in the commands at its head.
        python: the minor version that trained the model, such as "3.11".
    """
    return _TEMPLATE.format(
        name=name.replace("_", "-"), python=python, requirements="requirements.txt", copied="COPY . ./", server="server.pyz",
        served='"--bundle", "/srv"',
    )  # fmt: skip


def of_deployment(name: str, python: str, bundle_id: str) -> str:
    """The Containerfile of an environment's folder: an image that serves what its deployment.json names.

    Args:
        name: what the image is called in the commands at its head.
        python: the minor version that trained the champion.
        bundle_id: the champion's, whose server and requirements are used.
    """
    champion = f"bundles/{bundle_id}"
    return _TEMPLATE.format(
        name=name.replace("_", "-"), python=python, requirements=f"{champion}/requirements.txt",
        copied="COPY deployment.json ./\nCOPY bundles ./bundles", server=f"{champion}/server.pyz", served='"--deployment", "/srv"',
    )  # fmt: skip
