"""From a table nobody has described to a configuration and a contract: `python -m components.data.adopt --help`."""
