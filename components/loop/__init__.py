"""The whole life of a model on one machine, from the first training to a rollback: the command behind `make loop`."""
