"""Libraries that only some sources need, and that an environment need not have."""

import importlib
from typing import Any

from components.errors import ConfigError


def library(module: str, extra: str, why: str) -> Any:
    """The module, if it is installed.

    Raises:
        ConfigError: It is not; names the extra and the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise ConfigError(
            f"{why} needs {error.name}, which is not installed; run `make sources`, or install the extra {extra!r} "
            f"(`pip install '.[{extra}]'`)."
        ) from None
