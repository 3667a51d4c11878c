"""Errors that a user can act on: each message says what was found, what was wanted and what to do."""

import re

_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)


def redacted(text: str) -> str:
    """The text with ``***`` for the credentials and query strings of the addresses in it."""
    return _ADDRESS.sub(lambda found: _without_secrets(found[0]), text)


def _without_secrets(address: str) -> str:
    scheme, _, rest = address.partition("://")
    rest, asked, _ = rest.partition("?")
    named, known, place = rest.rpartition("@")
    return f"{scheme}://{'***@' if known and named else ''}{place}{'?***' if asked else ''}"


class FlowprintError(Exception):
    """The base of every error that this project raises on purpose; its text shows no credentials."""

    def __str__(self) -> str:
        return redacted(super().__str__())


class ConfigError(FlowprintError):
    """config.toml holds an unknown key, a wrong type or an impossible value."""


class DataError(FlowprintError):
    """The data cannot be read, or cannot be learned from."""


class ContractError(DataError):
    """A table breaks the contract in schema.yaml as a whole, not only in some rows."""


class BundleError(FlowprintError):
    """A bundle is incomplete, altered, or not what its manifest says."""


class LedgerError(FlowprintError):
    """The chain of decisions is broken."""


class RefusalError(FlowprintError):
    """A bundle may not go where it was to go, or did not do there what it should."""


class ApprovalError(RefusalError):
    """A bundle may go there as soon as a person has approved it."""


class DeploymentError(FlowprintError):
    """A deployment's folder does not say what is to be served, or the settings of its server are wrong."""


class LogError(FlowprintError):
    """Predictions cannot be written to the log."""
