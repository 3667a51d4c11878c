"""From a divided table to a fitted predictor with a decision threshold."""
