"""The parts of the project along its life cycle: data, training, validation, release, serving, monitoring."""
