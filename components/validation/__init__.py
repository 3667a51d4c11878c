"""What the predictor is worth, with uncertainty, and the gates that judge it."""
