"""Errors that a user can act on: each message says what was found, what was wanted and what to do."""


class FlowprintError(Exception):
    """The base of every error that this project raises on purpose."""


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
