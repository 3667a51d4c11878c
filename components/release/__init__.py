"""From a judged predictor to a verified bundle, a registered version and a lasting record."""
