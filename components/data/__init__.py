"""From a source to an immutable, checked and divided table."""
