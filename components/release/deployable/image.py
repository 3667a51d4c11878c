"""The image that an environment runs: one digest in one file, which a promotion changes.

`python -m components.release.deployable.image build/deploy/production sha256:...` writes it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from components.errors import FlowprintError, RefusalError

_LINE = re.compile(r"^(    digest: )(sha256:[0-9a-f]{64})$", re.MULTILINE)
_DIGEST = re.compile(r"(?:.*@)?(sha256:[0-9a-f]{64})")


def named(kustomization: str) -> str:
    """The digest that a kustomization names.

    Raises:
        RefusalError: it names none, or several.
    """
    found: list[tuple[str, str]] = _LINE.findall(kustomization)
    if len(found) != 1:
        raise RefusalError(
            f"The kustomization names {len(found)} digests of images, and should name one; deploy again."
        )
    return found[0][1]


def changed(kustomization: str, digest: str) -> str:
    """The kustomization with another digest, and nothing else changed.

    Args:
        kustomization: the text of an overlay's kustomization.yaml.
        digest: `sha256:` and 64 letters, alone or behind the image's name and `@`.

    Raises:
        RefusalError: this is no digest, or the file has no place for it.
    """
    given = _DIGEST.fullmatch(digest)
    if not given:
        raise RefusalError(
            f"{digest[:80]!r} is no digest; give sha256: and 64 letters, as the registry tells it."
        )
    named(kustomization)
    return _LINE.sub(rf"\g<1>{given[1]}", kustomization)


def main(arguments: Sequence[str] | None = None) -> int:
    """Let an environment's overlay name another image; 1 with one line if it is refused."""
    parser = argparse.ArgumentParser(
        prog="python -m components.release.deployable.image", description=main.__doc__
    )
    parser.add_argument("folder", type=Path, help="of the environment, such as build/deploy/production")
    parser.add_argument("digest", help="sha256:..., alone or as image@sha256:...")
    options = parser.parse_args(arguments)
    path = options.folder / "kubernetes" / "overlays" / options.folder.resolve().name / "kustomization.yaml"
    try:
        if not path.is_file():
            raise RefusalError(f"{path}: missing; deploy there first (make deploy).")
        text = path.read_text(encoding="utf-8")
        path.write_text(changed(text, options.digest), encoding="utf-8")
    except FlowprintError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
