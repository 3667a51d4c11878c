"""One module for each kind of place that tables are read from."""
