"""What becomes of a model in use: data quality, drift, performance, fairness, and when to tell somebody."""
